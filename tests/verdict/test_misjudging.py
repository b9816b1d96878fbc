"""A referee that is wrong is told apart from a fault: what it computes otherwise than the file means, is shown."""

import json

import h5py
import numpy as np
import pytest
from test_old_models import numbered, unpacked  # noqa: F401  (a fixture)

import weightscope
from weightscope.reference.meanings import MEANINGS
from weightscope.show.verdict import sentence

tf_keras = pytest.importorskip("tf_keras")
pytestmark = pytest.mark.keras
K, RNG = tf_keras.layers, np.random.default_rng(0)
STEPS = RNG.normal(2, 3, size=(6, 5, 3)).astype("float32")


def saved(folder, graph):
    """Return a model that tf_keras saved, as ``load`` gives it, without what Keras 3 refuses to read."""
    tf_keras.backend.clear_session()
    entry = tf_keras.Input(STEPS.shape[1:])
    model = tf_keras.Model(entry, graph(entry))
    model.set_weights([RNG.uniform(0.2, 1, array.shape) for array in model.get_weights()])
    model.save(folder / "old.h5")
    with h5py.File(folder / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"], object_hook=lambda found: {
            key: value for key, value in found.items() if key != "time_major"})
        file.attrs["model_config"] = json.dumps(config)
    return weightscope.load(folder / "old.h5")


def requires_wrong(found, what, does):
    """Require that a Comparison says that the referee is wrong, and on what."""
    assert (found.verdict, found.exit_code) == ("unchecked", 3), found
    assert found.first is None and found.misjudged
    first, second, *_ = sentence(found)
    assert first.startswith("unchecked: the referee is wrong on this: ") and what in first and does in first
    assert "shown by layer" in first and second.startswith("what to do: ")
    assert "fault" not in str(found) and "cause" not in str(found)


CASES = {
    "hard_sigmoid": lambda x: K.Dense(2, name="last")(K.Bidirectional(K.LSTM(
        3, name="lstm", recurrent_activation="hard_sigmoid"), name="both")(K.Dense(4, "hard_sigmoid", name="hard")(x))),
    "training=True": lambda x: K.Dense(2, name="last")(K.BatchNormalization(name="normalized")(x, training=True)),
}


@pytest.mark.parametrize("what", CASES)
def test_keras_3_on_files_of_keras_2(what, tmp_path):
    model, x = saved(tmp_path, CASES[what]), STEPS
    meaning, = (one for one in MEANINGS if what in one.what)
    requires_wrong(weightscope.verify(model, x, against="keras"), meaning.what, meaning.does)
    right = weightscope.verify(model, x)
    assert right and right.reference.startswith("tf_keras") and not right.misjudged
    if "convert" in meaning.remedy:
        (tmp_path / "new.keras").write_bytes(weightscope.convert(model).data)
        assert weightscope.verify(weightscope.load(tmp_path / "new.keras"), x, against="keras")
    # A fault of ours elsewhere, or in that very layer, is a fault all the same.
    model["last"].weights["bias"].array[0] += 0.5
    found = weightscope.verify(model, x, against="keras")
    assert (found.verdict, found.exit_code, found.first.path) == ("diverges", 1, "last")
    layer = found.misjudged[0].path
    weight = next(iter(next(part for part in model[layer].with_parts() if part.weights).weights.values()))
    weight.array[...] *= 1.01
    assert weightscope.verify(model, x, against="keras").first.path == layer


@pytest.mark.parametrize("case", ["conv2d_cl", "conv2d_same_stride_cl", "pools_cl", "convlstm_cl", "conv1d"])
def test_tf_keras_on_files_of_theano(case, unpacked):  # noqa: F811
    model = weightscope.load(unpacked / "keras2_theano" / f"{case}.h5")
    inputs = numbered(np.load(unpacked / "keras2_theano" / f"{case}.npz"), "in")
    found = weightscope.verify(model, inputs, against="tf_keras")
    requires_wrong(found, "learned under Theano", "takes kernels as they lie")
    assert any("tf_keras judges the file" in note for note in found.notes)


def test_an_order_of_arrays_that_exchanges_some(tmp_path):
    inner = tf_keras.Sequential([tf_keras.Input((5, 3)), K.Dense(3, name="b", trainable=False),
                                 K.TimeDistributed(K.Dense(3, name="a"), name="each", trainable=False),
                                 K.Dense(3, name="c")], name="inner")
    whole = tf_keras.Sequential([tf_keras.Input((5, 3)), inner, K.Dense(2, name="last")])
    whole.set_weights([RNG.uniform(-1, 1, array.shape) for array in whole.get_weights()])
    whole.save(tmp_path / "old.h5")
    model = weightscope.load(tmp_path / "old.h5")
    found = weightscope.verify(model, STEPS, against="keras")
    requires_wrong(found, "frozen layers in a nested model", "exchanges some")
    assert {row.path for row in found.misjudged} <= {"inner/b", "inner/each", "inner/c"}
    assert weightscope.verify(model, STEPS)


def test_json_tells_what_is_taken_otherwise(tmp_path):
    from click.testing import CliRunner

    from weightscope.cli import main

    model = saved(tmp_path, CASES["hard_sigmoid"])
    for layout in ("json", "markdown"):
        done = CliRunner().invoke(main, ["verify", str(model.saved.path), "--reference", "keras", "--format", layout])
        assert done.exit_code == 3 and "referee is wrong on this" in done.stdout
        if layout == "json":
            rows = {row["path"]: row for row in json.loads(done.stdout)["rows"]}
            assert rows["both"]["verdict"] == "misjudged"
            assert rows["both"]["meanings"][0]["means"] == "clip(0.2x + 0.5, 0, 1)"
