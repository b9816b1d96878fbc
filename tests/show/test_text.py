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

hidden  Dense  (None, 3)  9 parameters
  y = relu(x · kernel + bias)
  (None, 2) · (2 in × 3 units) + (3 units) → (None, 3)
  kernel (2 in × 3 units)  float32  6
    min 1  max 6  mean 3.5  std 1.708  zeros 0  NaN 0  Inf 0
    [[1. 2. 3.]
     [4. 5. 6.]]
  bias (3 units)           float32  3
    min -1  max 0  mean -0.3333  std 0.4714  zeros 2  NaN 0  Inf 0
    [ 0.  0. -1.]

drop  Dropout  (None, 3)  {formula}

answer  Dense  (None, 1)  4 parameters
  y = sigmoid(x · kernel + bias)
  (None, 3) · (3 in × 1 units) + (1 units) → (None, 1)
  kernel (3 in × 1 units)  float32  3
    min -1  max 1  mean 0  std 0.8165  zeros 1  NaN 0  Inf 0
    [[ 1.]
     [-1.]
     [ 0.]]
  bias (1 units)           float32  1
    min 0.5  max 0.5  mean 0.5  std 0  zeros 0  NaN 0  Inf 0
    [0.5]

arrays in file 4 = claimed 4 + optimizer state 0 + random state 0 + unclaimed 0
parameters 13 = trainable 13 + non-trainable 0
"""


def written(path, patterns=(), statistics=False, values=False):
    file = io.StringIO()
    view = Overview(load(path), statistics, values)
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
    for line in ("kernel (3 in × i|f|c|o: 4 units)", "recurrent_kernel (4 units × i|f|c|o: 4 units)",
                 "bias (input|recurrent × z|r|h: 3 units)", "forward_layer: forward_simple_rnn  SimpleRNN",
                 "backward_layer: backward_simple_rnn  SimpleRNN"):
        assert line in found


def test_a_shared_layer_comes_once_with_its_calls(shown):
    found = written(shown["shared.keras"].path)
    assert found.count("twin  Dense  called 2 times  15 parameters") == found.count("  twin  Dense") + 1 == 1
    assert "  twin  on left  → (None, 3)\n  twin#2  on right  → (None, 3)\n" in found
    assert "joined  Concatenate  on twin, twin#2  → (None, 6)" in found
    assert "inner  Sequential  (None, 2)  14 parameters  frozen\n  core  Dense  (None, 2)  14 parameters" in found
    assert "moving_variance (2 channels)  float32  2  non-trainable" in found
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
    found = written(shown["deep.keras"].path)
    lines = found.splitlines()
    assert max(len(line) for line in lines if not line.startswith("arrays in file")) <= 80
    assert len(lines) <= 60 * 7 + 10
    for layer in shown["deep.keras"].keras.layers:
        assert re.search(rf"^{layer.name}(  Dense|$)", found, re.MULTILINE), f"{layer.name} is cut"


def test_names_of_a_file_are_data(shown):
    found = written(shown["hostile.h5"].path)
    assert "[red]\\x1b[31mx|`<b>*a*\\u202e  Dense" in found
    assert "\x1b" not in found and "\u202e" not in found


def test_a_file_of_weights_alone(shown):
    found = written(shown["small.weights.h5"].path)
    assert "no shapes, no replay: the file holds weights only" in found
    assert "inferred: Dense, by its name and its weights' shapes" in found
    assert "kernel (2 in × 3 units)  float32  6" in found
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
    assert "hidden  MyDense  (unknown)  9 parameters" in found
    assert "not replayed: class MyDense" in found
    assert "kernel (2 × 3)  float32  6" in found
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
