"""The catalogue of mistakes: each is made on a layer's other side, and named again; and so it is in verify's report."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

import weightscope
from weightscope.model.structure import flatten
from weightscope.replaying.replay import replay
from weightscope.show.verdict import sentence
from weightscope.verdict import causes, float64
from weightscope.verdict.budgets import Budgets
from weightscope.verdict.gaps import gap_in_budget
from weightscope.verdict.mistakes import mistakes
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
K = keras.layers
RNG = np.random.default_rng(0)
IMAGE, SEQUENCE = (3, 8, 8, 3), (3, 6, 4)

LAYERS = {
    "dense": (K.Dense(4, activation="gelu"), SEQUENCE),
    "dense, not square": (K.Dense(5, activation="softmax"), SEQUENCE),
    "hard sigmoid": (K.Dense(4, activation="hard_sigmoid"), (3, 4)),
    "leaky": (K.LeakyReLU(negative_slope=0.3), (3, 5)),
    "conv": (K.Conv2D(3, 3, strides=2, padding="same", activation="relu"), IMAGE),
    "transposed": (K.Conv2DTranspose(3, 3), IMAGE),
    "depthwise": (K.DepthwiseConv2D(3), IMAGE),
    "average": (K.AveragePooling2D(3, 2, "same"), IMAGE),
    "batch": (K.BatchNormalization(), (8, 5)),
    "layer": (K.LayerNormalization(), SEQUENCE),
    "softmax": (K.Softmax(), SEQUENCE),
    "flatten": (K.Flatten(), IMAGE),
    "lstm": (K.LSTM(4), SEQUENCE),
    "gru": (K.GRU(4), SEQUENCE),
    "gru, before": (K.GRU(4, reset_after=False, go_backwards=True), SEQUENCE),
    "bidirectional": (K.Bidirectional(K.LSTM(3)), SEQUENCE),
    "heads": (K.MultiHeadAttention(2, 4), SEQUENCE),
    "dropout": (K.Dropout(0.25), (3, 5)),
}


def called(keras_layer, shape, folder):
    """Return ``(layer, what it is given, its output, its budget)`` of one call in float64."""
    x = keras.Input(shape[1:])
    heads = isinstance(keras_layer, K.MultiHeadAttention)
    model = keras.Model(x, keras_layer(x, x) if heads else keras_layer(x))
    for weight in keras_layer.weights:
        weight.assign(RNG.uniform(0.3 if "variance" in weight.name else -1, 1, weight.shape))
    model.save(folder / "model.keras")
    opened, noted, budgets = weightscope.load(folder / "model.keras"), {}, Budgets()

    def call(path, layer, given):
        noted[path] = layer, given
        return budgets(path, layer, given)

    with float64.in_float64(opened):
        trace = replay(opened, RNG.normal(size=shape).astype("float32"), call=call)
    return *noted[keras_layer.name], trace[keras_layer.name], budgets[keras_layer.name]


@pytest.mark.parametrize("name", LAYERS)
def test_every_mistake_that_shows_is_named(name, tmp_path, monkeypatch):
    keras.backend.clear_session()
    layer, given, right, budget = called(*LAYERS[name], tmp_path)
    catalogue = list(mistakes(layer))
    outputs = {change: causes.mistaken(layer, given, change) for _, change in catalogue}
    # Each is made once, and not once more for every other that is to be named.
    monkeypatch.setattr(causes, "mistakes", lambda *_: catalogue)
    monkeypatch.setattr(causes, "mistaken", lambda layer, given, change: outputs[change])
    made = 0
    for words, change in catalogue:
        theirs = outputs[change]
        if theirs is None or gap_in_budget(right, theirs, budget).within or np.shape(theirs) != np.shape(right):
            continue
        made += 1
        told = causes.causes_of(layer, given, theirs, partial(gap_in_budget, budget=budget))
        assert len(told) == 1
        if words not in told:  # another that comes first gives the very same numbers
            first = next(change for words, change in catalogue if words == told[0])
            np.testing.assert_array_equal(outputs[first], theirs)
    assert made > 0


@pytest.fixture
def rounded(tmp_path):
    """A call, its output with weights rounded to float16, and ``rule(share)``: by it that is so many budgets off."""
    layer, given, right, budget = called(K.Dense(4, name="dense"), (3, 4), tmp_path)
    change = next(change for words, change in mistakes(layer) if words == "weights rounded to float16")
    theirs = causes.mistaken(layer, given, change)
    far = gap_in_budget(right, theirs, budget).of_limit

    def rule(share):
        def judged(ours, theirs):
            found = gap_in_budget(ours, theirs, budget)
            return replace(found, of_limit=share * found.of_limit / far, within=share * found.of_limit / far <= 1)
        return judged

    return layer, given, right, theirs, rule


def test_no_cause_for_what_rounding_explains(rounded):
    layer, given, _, theirs, rule = rounded
    assert causes.causes_of(layer, given, theirs, rule(2.0)) == ["weights rounded to float16"]
    assert causes.causes_of(layer, given, theirs, rule(0.5)) == []


def test_a_cause_explains_nearly_all_of_the_difference(rounded):
    layer, given, right, theirs, rule = rounded
    for times, told in ((1.05, ["weights rounded to float16"]), (1.4, [])):
        others = (right + times * (theirs - right)).astype(theirs.dtype)
        assert causes.causes_of(layer, given, others, rule(2.0)) == told


def test_what_is_in_no_catalogue_stays_unknown(tmp_path):
    layer, given, right, budget = called(K.Dense(4, activation="tanh"), (3, 4), tmp_path)
    assert causes.causes_of(layer, given, right * 1.01, partial(gap_in_budget, budget=budget)) == []


@pytest.fixture
def lstm(tmp_path):
    layers = [keras.Input((6, 3), name="steps"), K.LSTM(4, name="memory"), K.Dense(2, name="last")]
    keras.Sequential(layers).save(tmp_path / "m.keras")
    return weightscope.load(tmp_path / "m.keras")


def test_verify_names_gates_in_another_order(lstm):
    for weight in lstm.layers[0].weights.values():
        blocks = np.split(weight.array.copy(), 4, axis=-1)
        weight.array[...] = np.concatenate([blocks[i] for i in (0, 2, 1, 3)], axis=-1)
    result = verify(lstm, RNG.normal(size=(3, 6, 3)))
    assert result.first.path == "memory"
    assert result.first.causes == ("the gates in the order i|c|f|o",)
    words = "cause at 'memory': Keras gives what the layer gives with the gates in"
    assert any(words in line for line in sentence(result))


def test_a_port_that_writes_down_its_values_is_told_its_mistake(lstm, tmp_path):
    x = RNG.normal(size=(3, 6, 3)).astype("float32")
    trace = replay(lstm, x)
    kernel, bias = (lstm.layers[1].weights[name].array for name in ("kernel", "bias"))
    np.savez(tmp_path / "port.npz", **{"inputs/steps": x, "layers/memory": trace["memory"],
                                       "layers/last": trace["memory"] @ kernel + 2 * bias + 0.5})
    assert not verify(lstm, None, against=str(tmp_path / "port.npz")).first.causes
    bias[...] = (0.25, -1)
    np.savez(tmp_path / "port.npz", **{"inputs/steps": x, "layers/memory": trace["memory"],
                                       "layers/last": trace["memory"] @ kernel + 2 * bias})
    result = verify(lstm, None, against=str(tmp_path / "port.npz"))
    assert result.first.path == "last"
    assert result.first.causes == ("bias added twice",)


def test_swapped_weights_of_two_layers_are_named(tmp_path):
    keras.Sequential([keras.Input((4,)), *(K.Dense(4, name=name) for name in "abc")]).save(tmp_path / "m.keras")
    model = weightscope.load(tmp_path / "m.keras")
    one, other = (model.layers[i].weights["kernel"].array for i in (0, 2))
    one[...], other[...] = other.copy(), one.copy()
    result = verify(model, RNG.normal(size=(3, 4)))
    causes_told = {row.path: row.causes for row in result.rows}
    assert causes_told["a"] == ("the weights of layer 'c'",)
    assert causes_told["c"] == ("the weights of layer 'a'",)
    assert not causes_told["b"]
    assert len(flatten(result.outputs)) == 1
