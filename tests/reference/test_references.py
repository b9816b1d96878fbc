"""Whom a replay is held against: Keras 3, tf_keras, auto, and values recorded before; and recording them."""

import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from edited_models import edited
from running import run

import weightscope
from weightscope.cli import main
from weightscope.errors import NothingChecked, NotReplayable, ReferenceFailed, Unreadable, Unsafe, Unsupported
from weightscope.model.structure import flatten
from weightscope.opening.content_hash import content_hash
from weightscope.reference import choosing
from weightscope.reference.child import MOST_FILES
from weightscope.reference.choosing import Reference
from weightscope.reference.recorded import Recorded
from weightscope.replaying.samples import Samples

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


def several(either, name="shared"):
    """A model with a shared layer, a nested Sequential called twice, two inputs and two outputs."""
    either.utils.set_random_seed(1)
    a, b = either.Input((4,), name="a"), either.Input((4,), name="b")
    shared = either.layers.Dense(5, activation="tanh", name=name)
    inner = either.Sequential([either.Input((5,)), either.layers.Dense(3, name="inside"),
                              either.layers.Dense(2, activation="relu", name="inside_too")], name="inner")
    outputs = [either.layers.Dense(1, name="left")(inner(shared(a))), inner(shared(b))]
    return either.Model([a, b], outputs)


@pytest.fixture(scope="module")
def old(tmp_path_factory, tf_keras):
    path = tmp_path_factory.mktemp("old") / "several.h5"
    several(tf_keras).save(path)
    return path


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    path = tmp_path_factory.mktemp("new") / "several.keras"
    several(keras).save(path)
    return path


@pytest.fixture
def inputs():
    return [RNG.normal(size=(7, 4)).astype("float32"), RNG.normal(size=(7, 4)).astype("float32")]


CALLS = {"shared", "shared#2", "inner/inside", "inner/inside_too", "inner#2/inside", "inner#2/inside_too", "left"}


# tf_keras

def test_every_call_agrees_with_tf_keras(old, inputs):
    result = weightscope.verify(weightscope.load(old), inputs, batch_size=3, against="tf_keras")
    assert result
    assert {row.path for row in result.rows} == CALLS
    assert all(row.own.values == row.total.values == row.own_in_float64.values > 0 for row in result.rows)
    assert result.reference.startswith("tf_keras 2.")
    assert len(result.outputs) == 2


@pytest.mark.parametrize("name", ["inside", "left"])
def test_tf_keras_names_the_layer_whose_weight_is_altered(old, inputs, name):
    model = weightscope.load(old)
    layer = next(layer for layer in [*model.layers, *model.parts["inner"].layers] if layer.name == name)
    layer.weights["kernel"].array[0, 0] += 0.01
    result = weightscope.verify(model, inputs, against="tf_keras")
    assert {row.path.split("/")[-1] for row in result.rows if row.verdict == "diverges"} == {name}


def test_layers_of_many_kinds_agree_with_tf_keras(tmp_path, tf_keras):
    K = tf_keras.layers
    x = tf_keras.Input((6, 8))
    masked = K.Masking(0.0)(x)
    states = K.LSTM(3, return_state=True, return_sequences=True)(masked)
    wrapped = K.Bidirectional(K.GRU(3, return_sequences=True))(states[0])
    wide = K.TimeDistributed(K.Dense(4))(wrapped)
    flat = K.BatchNormalization()(K.Flatten()(wide))
    tf_keras.Model(x, [flat, states[1], K.Dropout(0.5)(states[2])]).save(tmp_path / "kinds.h5")
    values = RNG.normal(size=(5, 6, 8)).astype("float32")
    values[1, 4:] = 0
    result = weightscope.verify(weightscope.load(tmp_path / "kinds.h5"), values, batch_size=2, against="tf_keras")
    assert result, [(row.path, row.verdict) for row in result.rows]
    assert len(result.rows) == 7
    assert result.same_function and not result.no_twin
    assert all(row.own_in_float64 is not None for row in result.rows)


def test_tf_keras_in_half_precision_is_asked_in_float64(tmp_path, tf_keras):
    K = tf_keras.layers
    layers = [K.Dense(6, "gelu", dtype="mixed_float16"), K.LayerNormalization(), K.Dense(2, "softmax")]
    tf_keras.Sequential([tf_keras.Input((5,)), *layers]).save(tmp_path / "half.h5")
    model = weightscope.load(tmp_path / "half.h5")
    x = RNG.normal(size=(4, 5)).astype("float32")
    result = weightscope.verify(model, x, against="tf_keras")
    assert result and result.same_function and not result.no_twin
    model.layers[-2].epsilon *= 1.001
    result = weightscope.verify(model, x, against="tf_keras")
    assert result.first.class_name == "LayerNormalization" and not result.same_function


def test_states_go_on_from_batch_to_batch_in_tf_keras(tmp_path, tf_keras):
    layer = tf_keras.layers.LSTM(2, stateful=True, batch_input_shape=(2, 3, 4))
    tf_keras.Sequential([layer, tf_keras.layers.Dense(1)]).save(tmp_path / "stateful.h5")
    x = RNG.normal(size=(6, 3, 4)).astype("float32")
    assert weightscope.verify(weightscope.load(tmp_path / "stateful.h5"), x, batch_size=2, against="tf_keras")


def test_a_sequential_that_never_saw_its_input(tmp_path, tf_keras):
    model = tf_keras.Sequential([tf_keras.layers.Dense(3), tf_keras.layers.Dense(2)])
    model.build((None, 4))
    model.save(tmp_path / "late.h5")
    result = weightscope.verify(weightscope.load(tmp_path / "late.h5"), np.ones((2, 4)), against="tf_keras")
    assert result
    assert len(result.rows) == 2


# auto

def test_auto_takes_keras_3_and_what_it_cannot_load_goes_to_tf_keras(old, new, inputs):
    assert weightscope.verify(weightscope.load(new), inputs).reference.startswith("Keras 3.")
    result = weightscope.verify(weightscope.load(old), inputs)
    assert result.reference.startswith("tf_keras 2.")
    assert any(note.startswith("Keras 3 is not the reference: Keras could not load it") for note in result.notes)


def test_what_no_keras_can_load_says_what_each_said(tmp_path, tf_keras):
    tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2)]).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"units": 2', '"units": 2, "nonsense": null')
    with pytest.raises(ReferenceFailed, match=r"Keras could not load.*nonsense.*tf_keras could not load"):
        weightscope.verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 3)))


def test_what_only_keras_3_writes_is_not_tried_with_tf_keras(tmp_path):
    """And what Keras cannot load of its own, convert can write anew."""
    scales = keras.layers.Normalization(axis=None)
    scales.adapt(np.arange(6.0).reshape(2, 3))
    keras.Sequential([keras.Input((3,)), scales]).save(tmp_path / "model.h5")
    with pytest.raises(ReferenceFailed, match=r"Shape mismatch.*weightscope convert makes a \.keras") as caught:
        weightscope.verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 3)))
    assert "tf_keras" not in str(caught.value)


def test_a_class_of_the_users_is_asked_for_before_keras_starts(tmp_path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x * 2

    entry = keras.Input((3,))
    keras.Model(entry, Mine(name="mine")(entry)).save(tmp_path / "model.keras")
    code = "import keras\n\n\nclass {}(keras.layers.Layer):\n    def call(self, x):\n        return x * 2\n"
    for name in ("Other", "Mine"):
        (tmp_path / f"{name.lower()}.py").write_text(code.format(name))
    for given, status, told in (
            ((), 5, "layer 'mine': Keras cannot load class Mine without your code: --custom-objects FILE; nor"
                    " weightscope replay it: --layer-code FILE\n"),
            (("--custom-objects", tmp_path / "other.py"), 6,
             "Could not locate class 'Mine'; --custom-objects FILE tells it of a class of yours\n"),
            (("--custom-objects", tmp_path / "mine.py"), 3, "")):
        done = run("verify", tmp_path / "model.keras", *given)
        assert done.returncode == status and done.stderr.endswith(told), done.stdout + done.stderr
    done = run("verify", tmp_path / "model.keras", "--custom-objects", tmp_path / "other.py", "-v")
    assert "Make sure custom classes" in done.stderr and done.returncode == 6


def test_keras_3_as_the_judge_of_an_old_hard_sigmoid_is_told(tmp_path, tf_keras):
    tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(4, activation="hard_sigmoid")]).save(
        tmp_path / "old.h5")
    model, x = weightscope.load(tmp_path / "old.h5"), RNG.normal(size=(9, 3)).astype("float32")
    assert weightscope.verify(model, x).reference.startswith("tf_keras")
    result = weightscope.verify(model, x, against="keras")
    assert result.verdict == "unchecked" and result.misjudged
    assert any("hard_sigmoid in a file of Keras 1 or 2: it computes clip(x/6 + 0.5" in note for note in result.notes)


def test_without_tf_keras_auto_says_what_to_install(tmp_path, tf_keras, old, inputs, monkeypatch):
    tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2, "hard_sigmoid")]).save(tmp_path / "old.h5")
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name == "tf_keras" else True)
    result = weightscope.verify(weightscope.load(tmp_path / "old.h5"), np.zeros((2, 3)))
    assert result.reference.startswith("Keras 3.")
    assert any("keras-weightscope[tf-keras]" in note for note in result.notes)
    with pytest.raises(ReferenceFailed, match="keras-weightscope\\[tf-keras\\]"):
        weightscope.verify(weightscope.load(old), inputs, against="tf_keras")


def test_what_a_batch_gave_lasts_when_its_files_are_used_again(tmp_path):
    keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(3) for _ in range(9))]).save(tmp_path / "deep.keras")
    model, x = weightscope.load(tmp_path / "deep.keras"), RNG.normal(size=(2, 3)).astype("float32")
    with Reference().begin(model, Samples([x], 32)) as referee:
        found = {path: array.copy() for path, (array,) in referee.calls()}
        twin = [path for path, _ in referee.twin()]
        predicted, = referee.predicted()
    assert list(found) == twin and len(found) > MOST_FILES
    np.testing.assert_array_equal(found[twin[-1]], predicted)
    for path, array in weightscope.replay(model, x).items():
        assert path not in found or np.allclose(found[path], array, rtol=1e-5, atol=1e-5)


def test_a_child_that_nobody_listens_to_ends(tmp_path):
    keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(3) for _ in range(9))]).save(tmp_path / "deep.keras")
    model = weightscope.load(tmp_path / "deep.keras")
    with Reference().begin(model, Samples([np.ones((2, 3), "float32")], 32)) as referee:
        process = referee._current._process
        while process.event()["event"] != "call":
            pass
        for _ in range(MOST_FILES - 1):
            assert process.event()["event"] == "call"
        process._child.stdin.close()  # the child waits for its files to be read, more than there may be
        assert process._child.wait(timeout=120) == 0


# What is handed to tf_keras

HOSTILE = [
    ('"activation": "linear"', '"activation": {"module": "my_package", "class_name": "function", "config": "run_it",'
                               ' "registered_name": "run_it"}', "my_package.run_it"),
    ('"activation": "linear"', '"activation": {"module": "keras.utils", "class_name": "function", "config":'
                               ' "normalize", "registered_name": "normalize"}', "keras.utils.normalize"),
    ('"class_name": "Dense"', '"class_name": "TFOpLambda"', "TFOpLambda"),
    ('"class_name": "Dense"', '"class_name": "TFSMLayer"', "TFSMLayer"),
    ('"units": 2', '"units": 2, "vocabulary": "words.txt"', "vocabulary"),
]


@pytest.mark.parametrize(("old", "new", "reason"), HOSTILE, ids=lambda text: text[-12:])
def test_tf_keras_is_not_given_what_reaches_outside_the_file(tmp_path, tf_keras, old, new, reason):
    tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2)]).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        assert old in file.attrs["model_config"]
        file.attrs["model_config"] = file.attrs["model_config"].replace(old, new)
    with pytest.raises(Unsafe, match=reason):
        weightscope.verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 3)), against="tf_keras")


@pytest.mark.parametrize(("against", "kind"), [("tf_keras", Unsupported), ("auto", ReferenceFailed)])
def test_a_file_of_keras_3_is_none_for_tf_keras(tmp_path, against, kind):
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Dense(2)(x)).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"units": 2', '"units": 2, "nonsense": null')
    with pytest.raises(kind) as caught:
        weightscope.verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 3)), against=against)
    reads = "tf_keras does not read what only Keras 3 writes: --reference keras" in str(caught.value)
    assert reads == (against == "tf_keras")


def test_advice_to_switch_safe_mode_off_is_not_passed_on():
    from weightscope.reference.words import plain

    with pytest.raises(ValueError, match="safe_mode=False") as caught:
        keras.saving.deserialize_keras_object({"class_name": "__lambda__", "config": {"value": "e30="}}, safe_mode=True)
    told = plain(caught.value)
    assert told.startswith("Requested the deserialization of a Python lambda.") and "unsafe" not in told
    assert plain(ValueError("Call it with safe_mode=False.")) == "ValueError"


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_keras_says_its_reason_and_no_dump(tmp_path, suffix):
    """The configuration of the layer, which Keras prints whole, is in the file; its name is enough."""
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="small")]).save(tmp_path / f"old.{suffix}")
    edited(tmp_path / f"old.{suffix}", tmp_path / f"m.{suffix}", lambda config: config["config"]["layers"][1][
        "config"].update(nonsense=None))
    with pytest.raises(ReferenceFailed) as caught:
        weightscope.verify(weightscope.load(tmp_path / f"m.{suffix}"), np.ones((2, 3)), against="keras")
    said = str(caught.value)
    assert "Keras could not load it: " in said and "Dense 'small': Unrecognized keyword arguments" in said
    assert "config=" not in said and "GlorotUniform" not in said and "nonsense" in said


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_lambda_reaches_neither(tmp_path, tf_keras, suffix):
    model = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / f"model.{suffix}")
    with pytest.raises(Unsafe):
        weightscope.verify(weightscope.load(tmp_path / f"model.{suffix}"), np.ones((2, 3)), against="tf_keras")


@pytest.mark.parametrize("name", [
    "io.encode_base64", "py_x", "compat.v1.Print", "compat.v1.strings.join", "random.normal", "xmath.x", "nobody",
    "math.x", "compat.v1.pad", "compat.v1.norm",
])
def test_only_functions_that_compute_are_called(name):
    from weightscope.reference.safety import _function

    plain = name in ("math.x", "compat.v1.pad", "compat.v1.norm")
    assert (_function("TFOpLambda", {"function": name}) is None) == plain


@pytest.mark.parametrize("node", [{"op": name} for name in ("EncodeBase64", "StringJoin", "Print", "Nobody", "If",
                         "math.add", "", "compat.v1.pad")] + ["bytes", None, 3, {}])
def test_only_operations_whose_arithmetic_is_known_are_run(node):
    from weightscope.reference.safety import _reaches_out

    config = {"class_name": "TensorFlowOpLayer", "config": {"name": "t", "node_def": node, "constants": {}}}
    assert "TensorFlowOpLayer" in _reaches_out({"config": {"layers": [config]}})
    config["config"]["node_def"] = {"op": "AddV2", "name": "t"}
    config["config"]["constants"] = {"1": [[0.5, 2]]}
    assert _reaches_out(config) is None
    config["config"]["constants"] = {"1": {"class_name": "Dense", "config": {}}}
    assert "no array" in _reaches_out(config)


def test_plain_arithmetic_of_tensorflow_is_handed_on(tmp_path, tf_keras):
    """tf.pad and its like are recorded by old names; TensorFlow 2.0 recorded nodes of its graph."""
    from tensorflow import gather, norm, pad, shape, squeeze, transpose
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    entry = tf_keras.Input((4, 3))
    node = {"name": "add", "op": "AddV2", "input": ["x", "y"], "attr": {"T": {"type": "DT_FLOAT"}}}
    added = TensorFlowOpLayer(node, "add", constants={1: np.float32(2.5)})(entry)
    called = [squeeze(pad(transpose(entry, [0, 2, 1]), [[0, 0], [1, 1], [0, 0]])[..., :1], 2),
              gather(entry, [0, 2], axis=1), norm(entry, axis=-1), shape(entry)]
    tf_keras.Model(entry, [added, *called]).save(tmp_path / "calls.h5")
    result = weightscope.verify(weightscope.load(tmp_path / "calls.h5"), RNG.normal(size=(2, 4, 3)).astype("float32"))
    assert result.verdict == "agrees" and result.reference.startswith("tf_keras")


# Recording, and recorded values

@pytest.fixture(scope="module")
def golden(new, tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "golden.npz"
    folder = path.parent
    values = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")
    np.save(folder / "a.npy", values[0])
    np.save(folder / "b.npy", values[1])
    result = CliRunner().invoke(main, ["record", str(new), "--input", f"a={folder / 'a.npy'}", "--input",
                                       f"b={folder / 'b.npy'}", "-o", str(path), "--batch-size", "3"])
    assert result.exit_code == 0, result.output
    return path


def test_a_golden_agrees_at_every_call_and_starts_no_keras(new, golden, monkeypatch):
    monkeypatch.setattr(choosing, "Process", None)
    result = weightscope.verify(weightscope.load(new), against=golden)
    assert result
    assert {row.path for row in result.rows if row.verdict == "agrees"} == CALLS
    assert all(row.own.values and row.total.values for row in result.rows)
    assert "Keras 3." in result.reference
    assert result.samples == 7


def test_verify_with_a_golden_imports_no_keras(new, golden):
    import subprocess

    code = ("import sys; from weightscope.cli import main\n"
            "try: main(['verify', sys.argv[1], '--reference', sys.argv[2]])\n"
            "except SystemExit as end: assert end.code == 0, end.code\n"
            "assert not {'keras', 'tensorflow', 'tf_keras'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code, str(new), str(golden)], check=True, capture_output=True)


def test_a_golden_holds_no_pickle(golden):
    with zipfile.ZipFile(golden) as archive:
        names = archive.namelist()
    assert {"weightscope.npy", "inputs/a.npy", "layers/shared#2.npy", "layers/inner/inside.npy"} <= set(names)
    with np.load(golden, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind != "O" for name in archive.files)


def test_a_golden_of_another_model_is_refused(golden, tmp_path):
    other = several(keras)
    other.layers[2].set_weights([x + 1e-6 for x in other.layers[2].get_weights()])
    other.save(tmp_path / "other.keras")
    result = CliRunner().invoke(main, ["verify", str(tmp_path / "other.keras"), "--reference", str(golden)])
    assert result.exit_code == 2
    assert "another model" in result.output


def test_the_hash_is_that_of_the_content(tmp_path):
    model = several(keras)
    for name in ("one.keras", "two.keras"):
        model.save(tmp_path / name)
    one, two = (content_hash(weightscope.load(tmp_path / name).saved) for name in ("one.keras", "two.keras"))
    assert one == two
    model.compile("adam", "mse")
    model.fit([np.ones((2, 4))] * 2, [np.ones((2, 1)), np.ones((2, 2))], verbose=0)
    model.save(tmp_path / "trained.keras")
    assert content_hash(weightscope.load(tmp_path / "trained.keras").saved) != one


def test_the_hash_knows_settings_apart(tmp_path):
    for name, activation in (("a.h5", "relu"), ("b.h5", "relu"), ("c.h5", "tanh")):
        keras.utils.set_random_seed(0)
        keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(2, activation=activation, name="d")],
                         name="s").save(tmp_path / name)
    a, b, c = (content_hash(weightscope.load(tmp_path / name).saved) for name in ("a.h5", "b.h5", "c.h5"))
    assert a == b != c


def _round_trip(model, x, path, batch_size=2):
    model.save(path.with_suffix(".keras"))
    opened = weightscope.load(path.with_suffix(".keras"))
    np.savez(path, **weightscope.record(opened, x, batch_size))
    result = weightscope.verify(opened, against=path)
    assert result, result
    assert all(row.verdict == "agrees" and row.own for row in result.rows)
    return opened, result


def test_bfloat16_survives(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, dtype="bfloat16"), keras.layers.Dense(
        2, dtype="mixed_bfloat16")])
    opened, _ = _round_trip(model, RNG.normal(size=(5, 3)).astype("float32"), tmp_path / "golden.npz")
    opened.layers[0].weights["kernel"].array[0] += 0.3
    assert weightscope.verify(opened, against=tmp_path / "golden.npz").first.path == opened.layers[0].name


def test_text_and_whole_numbers_survive(tmp_path):
    x = keras.Input((1,), dtype="string")
    lookup = keras.layers.StringLookup(vocabulary=["one", "zwölf"])(x)
    keras_model = keras.Model(x, [lookup, keras.layers.Identity()(x)])
    _round_trip(keras_model, np.array([["zwölf"], ["two"], ["one"]]), tmp_path / "golden.npz")


def test_nested_structures_and_states_survive(tmp_path):
    x = {"p": keras.Input((2, 3), batch_size=2, name="p"), "q": keras.Input((3,), batch_size=2, name="q")}
    sequence, h, c = keras.layers.LSTM(3, stateful=True, return_sequences=True, return_state=True)(x["p"])
    model = keras.Model(x, {"one": [sequence, keras.layers.Dense(2)(c)], "two": keras.layers.Add()([h, x["q"]])})
    values = {"p": RNG.normal(size=(6, 2, 3)).astype("float32"), "q": RNG.normal(size=(6, 3)).astype("float32")}
    _, result = _round_trip(model, values, tmp_path / "golden.npz")
    assert len(result.outputs) == 3


def test_record_takes_tf_keras(old, inputs, tmp_path):
    found = weightscope.record(weightscope.load(old), inputs)
    np.savez(tmp_path / "golden.npz", **found)
    result = weightscope.verify(weightscope.load(old), against=tmp_path / "golden.npz")
    assert result
    assert "tf_keras 2." in result.reference


def test_nothing_to_record_is_said(new):
    with pytest.raises(NothingChecked):
        weightscope.record(weightscope.load(new), [np.zeros((0, 4)), np.zeros((0, 4))])


# Values of a port: any subset, by name

@pytest.fixture
def port(new, inputs):
    model = weightscope.load(new)
    return model, inputs, weightscope.replay(model, inputs)


def save(tmp_path, **arrays):
    np.savez(tmp_path / "port.npz", **arrays)
    return tmp_path / "port.npz"


def test_outputs_alone(port, tmp_path):
    model, inputs, trace = port
    path = save(tmp_path, **{"left": trace["left"], "outputs/inner#2": trace["inner#2"]})
    result = weightscope.verify(model, inputs, against=path)
    assert result
    assert [row.path for row in result.compared] == ["left"]
    assert len(result.outputs) == 2


def test_one_layer_of_many_judged_in_isolation_where_its_inputs_are_recorded(port, tmp_path):
    model, (a, b), trace = port
    path = save(tmp_path, a=a, b=b, **{"shared": trace["shared"], "inner/inside": trace["inner/inside"] + 0.1,
                                       "left": trace["left"]})
    result = weightscope.verify(model, against=path)
    assert result.verdict == "diverges"
    assert result.first.path == "inner/inside"
    rows = {row.path: row for row in result.rows}
    assert rows["shared"].own
    assert rows["inner/inside"].own  # shared feeds it
    assert rows["left"].own is None  # inner/inside_too is not recorded
    assert rows["left"].verdict == "agrees"
    assert rows["inner#2/inside"].verdict == "not compared"


def test_what_is_fed_by_nothing_recorded_says_that_the_fault_may_lie_before_it(port, tmp_path):
    model, inputs, trace = port
    np.save(tmp_path / "a.npy", inputs[0])
    np.save(tmp_path / "b.npy", inputs[1])
    path = save(tmp_path, left=trace["left"] * 1.01)
    result = CliRunner().invoke(main, [
        "verify", str(model.saved.path), "--reference", str(path), "--input", f"a={tmp_path / 'a.npy'}", "--input",
        f"b={tmp_path / 'b.npy'}"])
    assert result.exit_code == 1
    assert "may come from before it" in " ".join(result.output.split())
    assert "the record" in result.output


def test_a_port_in_double_is_not_judged_as_float64(port, tmp_path):
    model, inputs, trace = port
    theirs = {path: np.asarray(trace[path], "float64") * (1 + 1e-7) for path in CALLS}
    assert weightscope.verify(model, inputs, against=save(tmp_path, **theirs))


def test_one_output_of_several_is_enough(tmp_path):
    x = keras.Input((3, 2))
    keras.Model(x, keras.layers.LSTM(2, return_state=True, name="lstm")(x)).save(tmp_path / "lstm.keras")
    model, values = weightscope.load(tmp_path / "lstm.keras"), RNG.normal(size=(4, 3, 2)).astype("float32")
    outputs = flatten(weightscope.predict(model, values))
    assert weightscope.verify(model, values, against=save(tmp_path, lstm=outputs[0]))
    assert weightscope.verify(model, values, against=save(tmp_path, **{"lstm:2": outputs[2]}))
    assert not weightscope.verify(model, values, against=save(tmp_path, **{"lstm:2": outputs[0]}))


def test_an_npy_is_the_only_output(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "dense.keras")
    model, x = weightscope.load(tmp_path / "dense.keras"), np.ones((4, 3), "float32")
    np.save(tmp_path / "y.npy", weightscope.predict(model, x))
    assert weightscope.verify(model, x, against=tmp_path / "y.npy")
    np.save(tmp_path / "y.npy", weightscope.predict(model, x) + 1)
    assert weightscope.verify(model, x, against=tmp_path / "y.npy").verdict == "diverges"


@pytest.mark.parametrize("shape", [(7, 6), (6, 5), (8, 5), (7, 5, 2)])
def test_another_count_is_not_comparable_and_says_so(port, tmp_path, shape):
    model, inputs, _ = port
    for batch_size in (3, 32):
        result = weightscope.verify(model, inputs, batch_size=batch_size,
                                    against=save(tmp_path, shared=np.zeros(shape, "float32")))
        assert result.verdict == "unchecked"
        (path, words), = result.not_comparable
        assert path == "shared" and "recorded as" in words and "where the layer gives" in words


def test_unknown_names_have_near_matches(port, tmp_path):
    model, _, trace = port
    with pytest.raises(Unreadable, match="did you mean shared"):
        Recorded(model, save(tmp_path, sharde=trace["shared"]))
    with pytest.raises(Unreadable, match="no value of a layer"):
        Recorded(model, save(tmp_path, a=np.zeros((7, 4))))


def test_inputs_that_are_nowhere_are_asked_for(port, tmp_path):
    model, _, trace = port
    result = CliRunner().invoke(main, ["verify", str(model.saved.path), "--reference",
                                       str(save(tmp_path, shared=trace["shared"]))])
    assert result.exit_code == 2
    assert "--input" in result.output


def test_a_misspelled_reference_is_an_error(new):
    result = CliRunner().invoke(main, ["verify", str(new), "--reference", "tfkeras"])
    assert result.exit_code == 2
    assert "tf_keras" in result.output


def test_hdf5_with_inputs_activations_and_outputs(port, tmp_path):
    model, (a, b), trace = port
    with h5py.File(tmp_path / "port.h5", "w") as file:
        file["inputs/a"], file["inputs/b"] = a, b
        file["activations/shared"], file["activations/left"] = trace["shared"], trace["left"]
        file["outputs/left"] = np.zeros((7, 1))  # targets, as what was made for training has them
        file["predictions/left"] = trace["left"]
    result = weightscope.verify(model, against=tmp_path / "port.h5")
    assert result
    assert len(result.compared) == 2
    assert len(result.outputs) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing", b"\x80\x04pickle", b"\x89HDF\r\n\x1a\n" + b"\0" * 90])
def test_a_damaged_record_isplain(new, tmp_path, damage):
    (tmp_path / "damaged.npz").write_bytes(damage)
    result = CliRunner().invoke(main, ["verify", str(new), "--reference", str(tmp_path / "damaged.npz")])
    assert result.exit_code in (2, 4)
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["Normalization", "Attention"])
def test_an_h5_that_keras_cannot_load_itself(tmp_path, name):
    entry = keras.Input((4, 3))
    if name == "Normalization":
        layer = keras.layers.Normalization(invert=True, axis=None)
        layer.adapt(RNG.normal(size=(9, 1)))
        output = layer(keras.layers.Dense(1)(entry))
    else:
        output = keras.layers.Attention()([entry, entry])
    keras.Model(entry, output).save(tmp_path / "model.h5")
    with pytest.raises((ValueError, TypeError)):
        keras.models.load_model(tmp_path / "model.h5")
    with pytest.raises(ReferenceFailed, match=r"cannot load its own .*weightscope convert"):
        weightscope.verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 4, 3), "float32"), against="keras")


def test_what_the_loader_of_keras_changes_is_named(tmp_path):
    """The list of axes is in the .h5, and Keras reads -1; lora_alpha comes back as the rank."""
    entry = keras.Input((3, 4))
    keras.Model(entry, keras.layers.UnitNormalization(axis=[1, 2])(entry)).save(tmp_path / "axes.h5")
    dense = keras.layers.Dense(5)
    lora = keras.Model(entry, dense(entry))
    dense.enable_lora(2, lora_alpha=8.0)
    for weight in lora.weights:
        weight.assign(RNG.uniform(-1, 1, weight.shape))
    lora.save(tmp_path / "lora.h5")
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(weightscope.predict(weightscope.load(tmp_path / "lora.h5"), x),
                               lora.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    for name, change in (("axes", "reads axis=-1; the file means all of these axes"),
                         ("lora", "reads the rank in its place; the file means the lora_alpha that it says")):
        result = weightscope.verify(weightscope.load(tmp_path / f"{name}.h5"), x)
        assert (result.verdict, result.exit_code) == ("unchecked", 3) and result.misjudged
        assert change in " ".join(str(result).split()) and "what to do: weightscope convert" in str(result)


def _too_many_units(config):
    config["config"]["layers"][1]["config"]["units"] = 10 ** 9


def _too_many_repeats(config):
    config["config"]["layers"].append({"class_name": "RepeatVector", "config": {"name": "again", "n": 2 * 10 ** 9}})


@pytest.mark.parametrize("name", ["xor.keras", "xor.h5"])
@pytest.mark.parametrize(("change", "said"), [(_too_many_units, "the config says units=1000000000"),
                                              (_too_many_repeats, "its output would have")])
def test_what_predict_refuses_as_too_large_no_keras_is_given(tmp_path, monkeypatch, name, change, said):
    monkeypatch.setattr(choosing, "Run", lambda *_: pytest.fail("Keras was started"))
    edited(Path("sample_models", name), tmp_path / name, change)
    model, x = weightscope.load(tmp_path / name), np.load("sample_models/xor_input.npy")
    errors = []
    for asks in (weightscope.predict, weightscope.verify, weightscope.record):
        with pytest.raises(NotReplayable, match=said) as error:
            asks(model, x)
        errors.append(str(error.value).removeprefix(f"{model.saved.path}: "))
    assert len(set(errors)) == 1
