"""What a model looks like in a terminal of 80 columns, and in a pipe."""

import io
import re

import numpy as np
import pytest

from weightscope.opening.load import load
from weightscope.show import terminal, text
from weightscope.show.overview import Overview

SMALL = """\
{path}
small  Sequential  legacy h5 model  Keras {version}  tensorflow backend
input   pair    (None, 2)  float32
output  answer  (None, 1)
None: the number of samples, which the model leaves open

hidden  Dense  (None, 3)  2·3 + 3 = 9 parameters
  y = relu(x · kernel + bias)
  (None, 2) · (2 in × 3 units) + (3 units) → (None, 3)
  kernel (2, 3) = 2 in × 3 units  float32  6
    min 1  max 6  mean 3.5  std 1.708  zeros 0  NaN 0  Inf 0
    [[1. 2. 3.]
     [4. 5. 6.]]
  bias (3,) = 3 units             float32  3
    min -1  max 0  mean -0.3333  std 0.4714  zeros 2  NaN 0  Inf 0
    [ 0.  0. -1.]

drop  Dropout  (None, 3)  {formula}

answer  Dense  (None, 1)  3·1 + 1 = 4 parameters
  y = sigmoid(x · kernel + bias)
  (None, 3) · (3 in × 1 unit) + (1 unit) → (None, 1)
  kernel (3, 1) = 3 in × 1 unit  float32  3
    min -1  max 1  mean 0  std 0.8165  zeros 1  NaN 0  Inf 0
    [[ 1.]
     [-1.]
     [ 0.]]
  bias (1,) = 1 unit             float32  1
    min 0.5  max 0.5  mean 0.5  std 0  zeros 0  NaN 0  Inf 0
    [0.5]

arrays in file 4 = claimed 4 + optimizer state 0 + random state 0 + unclaimed 0
parameters 13 = trainable 13 + non-trainable 0
"""


def written(path, patterns=(), statistics=False, values=False, full=None):
    file = io.StringIO()
    view = Overview(load(path), statistics, values, full)
    if patterns:
        assert view.choose(patterns) == []
    text.model(view, text.Page(file))
    return file.getvalue()


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def test_a_small_model_from_head_to_foot(shown):
    keras = pytest.importorskip("keras")

    path = shown["small.h5"].path
    found = written(path, statistics=True, values=True)
    formula = load(path).layers[1 + (load(path).layers[0].name == "pair")].written_formula()
    path_lines, rest = found.split("small  Sequential", 1)
    assert re.sub(r"\n *", "", path_lines) == path  # a long path is folded, not cut
    assert "small  Sequential" + rest == SMALL.format(path="", version=keras.__version__, formula=formula)[1:]


def test_blocks_of_gates(shown):
    found = written(shown["gates.keras"].path)
    for line in ("kernel (3, 16) = 3 in × 4 gates of 4 units: i 0–3, f 4–7, c 8–11, o 12–15",
                 "recurrent_kernel (4, 16) = 4 units × 4 gates of 4 units  float32",
                 "bias (2, 9) = input|recurrent × 3 gates of 3 units ",
                 "with return_sequences=True\n  by default return_state=False, go_backwards=False, stateful=False,",
                 "forward_layer: forward_simple_rnn  SimpleRNN",
                 "backward_layer: backward_simple_rnn  SimpleRNN"):
        assert line in found


def test_a_shared_layer_comes_once_with_its_calls(shown):
    found = written(shown["shared.keras"].path)
    assert found.count("twin  Dense  called 2 times  4·3 + 3 = 15 parameters") == found.count("  twin  Dense") + 1 == 1
    assert "  twin  on left  → (None, 3)\n  twin#2  on right  → (None, 3)\n" in found
    assert "joined  Concatenate  on twin, twin#2  → (None, 6)" in found
    assert "inner  Sequential  (None, 2)  14 parameters  frozen\n  core  Dense  (None, 2)  6·2 + 2 = 14 p" in found
    assert "moving_variance (2,) = 2 channels  float32  2  non-trainable" in found
    assert found.endswith("frozen: trainable is False, so fit() leaves its weights as they are\n"
                          "non-trainable: a weight that the optimizer does not change\n")
    assert "input   left    (None, 4)  float32\ninput   right   (None, 4)  float32\n" in found


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize("name", ["small", "gates", "shared", "deep"])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_parameters_are_those_of_keras(shown, name, kind):
    model = shown[f"{name}.{kind}"].keras
    view = Overview(load(shown[f"{name}.{kind}"].path))
    assert view.trainable + view.frozen == model.count_params()
    assert view.trainable == count(model.trainable_weights)
    assert view.frozen == count(model.non_trainable_weights)
    for layer in model.layers:
        assert {b.layer.name: b.parameters for b in view.blocks}[layer.name] == layer.count_params()
        shape = [tuple(t.shape) for t in [layer.get_output_at(0)]] if hasattr(layer, "get_output_at") else None
        assert shape is None or next(b for b in view.blocks if b.layer.name == layer.name).shape == shape[0]


def test_sixty_layers_at_eighty_columns(shown):
    found = written(shown["deep.keras"].path, full=True)
    lines = found.splitlines()
    assert max(len(line) for line in lines if not line.startswith("arrays in file")) <= 80
    assert len(lines) <= 60 * 7 + 10
    for layer in shown["deep.keras"].keras.layers:
        assert re.search(rf"^{layer.name}(  Dense|$)", found, re.MULTILINE), f"{layer.name} is cut"


def test_large_models_have_one_line_a_layer_if_nothing_else_is_asked_for(shown):
    found = written(shown["deep.keras"].path)
    names = [layer.name for layer in shown["deep.keras"].keras.layers]
    assert re.findall(r"^  (dense_of_a\w+)\s+Dense\s", found, re.MULTILINE) == names
    hint = "\none line a layer, for there are 60: --full shows all of each, --layer NAME one\n  of them\n"
    assert found.replace(hint, "") == written(shown["deep.keras"].path, full=False) != found
    for asked in ({"full": True}, {"statistics": True}, {"patterns": [names[3]]}):
        assert "kernel (4, 4) = 4 in × 4 units" in written(shown["deep.keras"].path, **asked)
    short = written(shown["shared.keras"].path, full=False)
    assert re.search(r"^  twin +Dense +\(None, 3\) +15  called 2 times$", short, re.MULTILINE)
    assert "14  frozen\n" in short
    assert "on twin, twin#2\n" in short and "kernel" not in short


@pytest.fixture(scope="module")
def settings_of(tmp_path_factory):
    """Return a function of layers of Keras' to what is said of each, by its name."""
    keras = pytest.importorskip("keras")

    def told(*layers, shape=(8, 9, 2)):
        path = tmp_path_factory.mktemp("settings") / "model.keras"
        entry = keras.Input(shape)
        keras.Model(entry, [layer(entry) for layer in layers]).save(path)
        file = io.StringIO()
        text.model(Overview(load(path)), text.Page(file))
        return [re.sub(r"\n +", " ", part) for part in file.getvalue().split("\n\n")[1:-1]], load(path)

    return told


def test_every_setting_that_the_result_depends_on(settings_of):
    layers = pytest.importorskip("keras").layers
    found, model = settings_of(
        layers.MaxPooling2D((3, 2), padding="same", name="a"), layers.Conv2D(3, 2, strides=(1, 2), name="b"),
        layers.Conv2D(3, 2, padding="same", dilation_rate=3, use_bias=False, data_format="channels_first", name="c"),
        layers.Dense(3, activation="relu", name="d"), layers.BatchNormalization(axis=1, epsilon=1e-5, name="e"),
        layers.LayerNormalization(center=False, name="f"), layers.Resizing(4, 5, interpolation="nearest", name="g"))
    told = dict(zip("abcdefg", re.findall(r"^[a-g]  .*", "\n".join(found), re.MULTILINE)))
    assert "with pool_size=(3, 2), strides=(3, 2), padding='same'" in told["a"] or (
        "with pool_size=(3, 2), padding='same' by default strides=None" in told["a"])
    assert "with kernel_size=(2, 2), strides=(1, 2) by default padding='valid'" in told["b"]
    assert "puts zeros" not in told["b"] and "padding puts zeros around x" in told["c"]
    assert "data_format='channels_first'" in told["c"] and "use_bias=False" in told["c"]
    assert "dilation_rate=(3, 3)" in told["c"]
    assert "units=" not in told["d"] and "activation=" not in told["d"] and "relu(" in told["d"]
    assert "with axis=1, epsilon=1e-05" in told["e"]
    assert "center=False by default" in told["f"]
    assert "height=4, width=5, interpolation='nearest'" in told["g"]
    for block in Overview(model).blocks:
        for name, (kind, _) in block.layer.settings().items():
            if name in block.layer.config and kind != "object":
                assert name in block.settings()


def test_what_is_no_size_of_samples_and_is_open(settings_of):
    layers = pytest.importorskip("keras").layers
    file = io.StringIO()
    _, model = settings_of(layers.SimpleRNN(2), shape=(None, 3))
    text.model(Overview(model), text.Page(file))
    assert "\nNone: a size that the model leaves open; the first is the number of samples\n" in file.getvalue()


def test_names_of_a_file_are_data(shown):
    found = written(shown["hostile.h5"].path)
    assert "[red]\\x1b[31mx|`<b>*a*\\u202e  Dense" in found
    assert "\x1b" not in found and "\u202e" not in found


def test_a_file_of_weights_alone(shown):
    found = written(shown["small.weights.h5"].path)
    assert "no shapes, no replay: the file holds weights only" in found
    assert "inferred: Dense, by its name and its weights' shapes" in found
    assert "kernel (2, 3) = 2 in × 3 units  float32  6" in found
    assert "arrays in file 4 = claimed 4" in found


def test_some_layers_by_name_path_and_pattern(shown):
    found = written(shown["shared.h5"].path, ["tw*", "inner/core"])
    assert [line.split("  ")[0] for line in found.splitlines() if re.match(r"\S+  Dense", line)] == ["twin",
                                                                                                       "inner/core"]
    assert Overview(load(shown["shared.h5"].path)).choose(["core"]) == []
    assert Overview(load(shown["shared.h5"].path)).choose(["left", "zzz", "c[xyz]re"]) == ["zzz", "c[xyz]re"]


def test_a_hostile_name_can_be_chosen_exactly(shown):
    view = Overview(load(shown["hostile.h5"].path))
    assert view.choose([view.blocks[1].layer.name]) == []


def test_an_unknown_class_is_listed_with_its_weights(shown, tmp_path):
    import shutil

    import h5py

    path = tmp_path / "unknown.h5"
    shutil.copy(shown["small.h5"].path, path)
    with h5py.File(path, "r+") as file:
        raw = file.attrs["model_config"]
        config = (raw if isinstance(raw, str) else raw.decode()).replace('"Dense"', '"MyDense"', 1)
        del file.attrs["model_config"]
        file.attrs["model_config"] = np.bytes_(config.encode())
    found = written(str(path))
    assert "hidden  MyDense  (unknown)  2·3 + 3 = 9 parameters" in found
    assert "not replayed: class MyDense" in found
    assert "kernel (2, 3)  float32  6" in found
    assert "arrays in file 4 = claimed 4 + optimizer state 0" in found


def test_models_in_models_to_any_depth(tmp_path):
    keras = pytest.importorskip("keras")

    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, name="innermost")])
    for _ in range(45):
        model = keras.Sequential([keras.layers.Input((2,)), model])
    model.save(tmp_path / "nested.h5")
    assert "innermost" in re.sub(r"\n *", " ", written(str(tmp_path / "nested.h5")))


@pytest.mark.parametrize(("content", "width", "lines"), [
    ("one two three", 20, ["one two three"]),
    ("one two three", 7, ["one two", "three"]),
    ("one two three four", 9, ["one two", "three", "four"]),
    ("abcdefghijklmnop", 7, ["abcdefg", "hijkl", "mnop"]),
    ("a bcdefghijklm", 7, ["a", "bcdef", "ghijk", "lm"]),
    ("", 7, [""]),
    ("abcdefg hij", 7, ["abcdefg", "hij"]),
])
def test_folding_loses_nothing(content, width, lines):
    found = [content[start:end] for start, end in text.folds(content, width)]
    assert found == lines
    assert "".join(found).replace(" ", "") == content.replace(" ", "")


def test_colours_change_nothing_but_colours(shown):
    plain, coloured = io.StringIO(), io.StringIO()
    view = Overview(load(shown["shared.keras"].path), True, True)
    text.model(view, text.Page(plain))
    text.model(view, terminal.TerminalPage(coloured, forced=True))
    assert "\x1b[1m" in coloured.getvalue()
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue()).splitlines()]
    assert lines == plain.getvalue().splitlines()
