"""The check of the check: what is changed on our side is noticed, what nothing depends on is told."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import weightscope
from weightscope.cli import main
from weightscope.reference.choosing import Reference
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
K = keras.layers


def tried(folder, layers, x, dtype=None, **settings):
    """Return the Comparison of a model with a self-test, and its Trials by path."""
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=dtype), *layers])
    rng = np.random.default_rng(1)  # an initializer would draw from a seed of its own, another one in each run
    for weight in model.weights:
        if weight.path.endswith(("bias", "beta")):
            weight.assign(rng.normal(size=weight.shape) * 0.1)
        elif weight.path.endswith(("kernel", "embeddings")):
            weight.assign(rng.uniform(-0.5, 0.5, weight.shape))
    model.save(folder / "model.keras")
    result = verify(weightscope.load(folder / "model.keras"), x, self_test=True, **settings)
    return result, {trial.path: trial for trial in result.trials}


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("layers", "x"), [
    ([K.Dense(6, activation="gelu", name="a"), K.Dense(3, activation="softmax", name="b")], normal(4, 5)),
    ([K.LSTM(4, return_sequences=True, name="a"), K.GRU(3, name="b")], normal(2, 6, 3)),
    ([K.Conv2D(4, 3, padding="same", strides=2, name="a"), K.BatchNormalization(name="b")], normal(2, 8, 8, 3)),
    ([K.DepthwiseConv2D(3, name="a"), K.LayerNormalization(name="b")], normal(2, 8, 8, 3)),
    ([K.Dense(4, dtype="mixed_float16", name="a"), K.Dense(3, dtype="mixed_bfloat16", name="b")], normal(4, 5)),
    ([K.Bidirectional(K.SimpleRNN(3, return_sequences=True), name="a"), K.TimeDistributed(K.Dense(2), name="b")],
     normal(2, 5, 3)),
], ids=["dense", "recurrent", "conv", "depthwise", "mixed", "wrapped"])
def test_every_change_is_noticed(tmp_path, layers, x):
    result, trials = tried(tmp_path, layers, x)
    assert result.verdict == "agrees" and result.unnoticed == []
    for path in "ab":
        assert trials[path].made > 3 and trials[path].dtype in ("float64", "float32")
        assert trials[path].smallest and all(
            0 < least <= most <= 1e-6 for least, most in trials[path].smallest.values())


def test_what_nothing_depends_on_is_told(tmp_path):
    words = np.array([[1, 2, 5], [5, 5, 1]], "int32")
    _, trials = tried(tmp_path, [K.Embedding(7, 4, name="words")], words, "int32")
    assert trials["words"].unused == ["embeddings: 4 of 7 along input_dim"]
    dense = K.Dense(4, activation="relu", name="dense")
    dense.build((None, 3))
    dense.set_weights([np.full((3, 4), 0.5), np.array([0, -100, 0, 0])])
    x = np.abs(normal(5, 3))
    x[:, 1] = 0
    model = keras.Sequential([keras.Input((3,)), dense])
    model.save(tmp_path / "dead.keras")
    trial, = verify(weightscope.load(tmp_path / "dead.keras"), x, self_test=True).trials
    assert trial.unused == ["kernel: 1 of 3 along in", "kernel: 1 of 4 along units", "bias: 1 of 4 along units"]


def test_a_whole_weight_that_nothing_depends_on(tmp_path):
    _, trials = tried(tmp_path, [K.Dense(3, name="dense")], np.zeros((2, 4), "float32"))
    assert trials["dense"].unused == ["kernel"] and list(trials["dense"].smallest) == ["bias"]


def test_the_smallest_change_is_the_smallest(tmp_path):
    """A bias of 1 beside products of zeros: its rounding is four times that of a sum of four terms, in float64."""
    dense = K.Dense(1, name="dense")
    dense.build((None, 2))
    dense.set_weights([np.zeros((2, 1)), np.ones(1)])
    keras.Sequential([keras.Input((2,)), dense]).save(tmp_path / "model.keras")
    trial, = verify(weightscope.load(tmp_path / "model.keras"), np.ones((1, 2), "float32"), self_test=True).trials
    budget = 4 * np.sqrt(4 + 4 / 256) * 2.0**-53 * 2  # |x|·|W| + |b|, and |y| beside it
    least, most = trial.smallest["bias"]
    assert least == most and budget / 2 < least < 8 * budget


def test_a_plain_tolerance_is_blunt(tmp_path):
    layers = [K.Dense(4, name="dense")]
    result, trials = tried(tmp_path, layers, normal(4, 5), tolerance=Tolerance(rtol=0.01))
    assert result.verdict == "unchecked" and result.exit_code == 3
    assert "weights rounded to float16" in trials["dense"].missed
    assert trials["dense"].dtype == "float32" and trials["dense"].finest[1] > 1e-4


def test_without_a_twin_the_deployed_values_judge(tmp_path):
    result, trials = tried(tmp_path, [K.Dense(4, name="dense")], normal(4, 5), against=Reference(twin=False))
    assert result.verdict == "agrees"
    assert trials["dense"].dtype == "float32" and 1e-9 < trials["dense"].finest[1] < 1e-3


def test_of_a_quantized_model(tmp_path):
    model = keras.Sequential([keras.Input((8,)), K.Dense(6, name="dense")])
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    result = verify(weightscope.load(tmp_path / "model.keras"), normal(4, 8), self_test=True)
    assert result.verdict == "agrees"
    trial, = result.trials
    assert trial.made > 3 and set(trial.smallest) == {"bias", "kernel_scale"}


def test_whole_numbers_in_a_quantized_model(tmp_path):
    x, ids = keras.Input((4,), name="x"), keras.Input((2, 3), dtype="int32", name="ids")
    model = keras.Model([x, ids], [K.Dense(3, name="dense")(x), K.Flatten(dtype="int32", name="flat")(ids)])
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    inputs = {"x": normal(2, 4), "ids": np.arange(12, dtype="int32").reshape(2, 2, 3)}
    trials = {trial.path: trial for trial in
              verify(weightscope.load(tmp_path / "model.keras"), inputs, self_test=True).trials}
    assert trials["flat"].dtype is None and trials["flat"].made > 0 and not trials["flat"].missed


@pytest.fixture
def saved(tmp_path):
    keras.Sequential([keras.Input((5,)), K.Dense(4, name="dense"), K.Dense(2, name="last")]).save(tmp_path / "m.keras")
    return str(tmp_path / "m.keras")


def test_the_command(saved):
    plain = CliRunner().invoke(main, ["verify", saved, "--self-test"])
    assert plain.exit_code == 0 and "self-test: noticed all " in plain.stdout
    assert max(map(len, plain.stdout.splitlines())) <= 80
    found = CliRunner().invoke(main, ["verify", saved, "--self-test", "--format", "json"])
    trials = json.loads(found.stdout)["self_test"]
    assert [trial["path"] for trial in trials] == ["dense", "last"]
    assert all(set(trial["smallest"]) == {"kernel", "bias"} and trial["missed"] == [] for trial in trials)
    blunt = CliRunner().invoke(main, ["verify", saved, "--self-test", "--rtol", "0.1", "--format", "markdown"])
    assert blunt.exit_code == 3 and "## Self-test" in blunt.stdout and "not noticed" in blunt.stdout


def test_without_it_nothing_is_tried(saved):
    found = CliRunner().invoke(main, ["verify", saved, "--format", "json"])
    assert json.loads(found.stdout)["self_test"] is None
