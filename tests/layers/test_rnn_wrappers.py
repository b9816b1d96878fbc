"""Bidirectional and TimeDistributed against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, assert_close, cases

from weightscope.errors import NotReplayable
from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

pytestmark = pytest.mark.keras

L = keras.layers
X = (3, 5, 4)
MASK = [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]]
EMPTY = [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
MODES = ("concat", "sum", "mul", "ave", None)
EVERYTHING = {"return_sequences": True, "return_state": True}


def both_ways(name, backward=None, merge_mode="concat", **settings):
    """A case's layer: a recurrent layer of 3 units in both directions."""
    def build():
        back = backward and getattr(L, backward)(3, go_backwards=True, activation="relu", **settings)
        return L.Bidirectional(getattr(L, name)(3, **settings), merge_mode=merge_mode, backward_layer=back)
    return build


@cases(*(
    Case(both_ways(name, merge_mode=mode, **settings), X, mask=mask)
    for settings in ({}, {"return_sequences": True}, {"return_state": True}, EVERYTHING, {"unroll": True})
    for mode in MODES for name, mask in (("LSTM", None), ("GRU", MASK))
))
def test_merge_modes(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case(both_ways("SimpleRNN", backward="GRU"), X),
    Case(both_ways("LSTM", backward="LSTM", return_sequences=True, merge_mode="sum"), X, mask=EMPTY),
    Case(both_ways("GRU", return_sequences=True, unroll=True), X, mask=MASK),
    Case(both_ways("GRU", unroll=True), X, mask=EMPTY),
    Case(both_ways("LSTM", zero_output_for_mask=True), X, mask=MASK),
    Case(both_ways("LSTM", dropout=0.3, use_bias=False), X),
    Case(lambda: L.Bidirectional(L.RNN(L.GRUCell(3), return_sequences=True)), X, mask=MASK),
    Case(lambda: L.Bidirectional(L.LSTM(3, dtype="float64"), dtype="float64"), X),
    Case(lambda: L.Bidirectional(L.LSTM(3, dtype="mixed_float16"), dtype="mixed_float16"), X),
    Case(lambda: L.Bidirectional(L.LSTM(3)), [X, (3, 3), (3, 3), (3, 3), (3, 3)],
         call=lambda layer, x, *states: layer(x, initial_state=list(states))),
    Case(lambda: L.Bidirectional(L.GRU(3, return_sequences=True)), [X, (3, 3), (3, 3)], mask=MASK,
         call=lambda layer, x, *states: layer(x, initial_state=list(states))),
)
def test_both_directions(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def nested_model():
    return keras.Sequential([L.Dense(3, activation="relu"), L.BatchNormalization(), L.Dense(2)])


def functional_model():
    x = keras.Input((4,))
    return keras.Model(x, L.Add()([L.Dense(4)(x), x]))


@cases(
    Case(lambda: L.TimeDistributed(L.Dense(3, activation="tanh")), X),
    Case(lambda: L.TimeDistributed(L.Dense(3)), X, mask=MASK),
    Case(lambda: L.TimeDistributed(L.Conv2D(2, 2, padding="same")), (2, 3, 5, 4, 2)),
    Case(lambda: L.TimeDistributed(L.Flatten()), (2, 3, 4, 2)),
    Case(lambda: L.TimeDistributed(L.LSTM(3)), (2, 3, 5, 4)),
    Case(lambda: L.TimeDistributed(L.TimeDistributed(L.Dense(2))), (2, 3, 5, 4)),
    Case(lambda: L.TimeDistributed(nested_model()), X),
    Case(lambda: L.TimeDistributed(functional_model()), X),
    Case(lambda: L.TimeDistributed(L.Dense(3, dtype="float64"), dtype="float64"), X),
    Case(lambda: L.TimeDistributed(L.Dense(3, dtype="mixed_float16"), dtype="mixed_float16"), X),
)
def test_every_step(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def predicts_as_keras(model, x, folder):
    """Hold a whole model, masks and all, against predict."""
    for name in ("model.keras", "model.h5"):
        model.save(folder / name)
        opened = load(folder / name)
        trace = replay(opened, x)
        assert opened.ledger.closes and not opened.ledger.unclaimed and not trace.missing
        assert_close(trace.output, model.predict(x, verbose=0))


WORDS = np.array([[[1, 2, 0, 0], [3, 0, 0, 0], [4, 1, 1, 1]], [[0, 0, 1, 2], [2, 2, 0, 1], [0, 1, 0, 3]]], "int32")


@pytest.mark.parametrize("inner", [
    lambda: L.LSTM(3), lambda: keras.Sequential([L.LSTM(3, return_sequences=True), L.GRU(2)]),
    lambda: L.Bidirectional(L.GRU(2)), lambda: L.GlobalAveragePooling1D()])
def test_the_mask_of_each_step(inner, tmp_path):
    x = keras.Input(WORDS.shape[1:], dtype="int32")
    words = L.Embedding(5, 4, mask_zero=True, embeddings_initializer="normal")(x)
    predicts_as_keras(keras.Model(x, L.TimeDistributed(inner())(words)), WORDS, tmp_path)


def test_masks_reach_nested_models(tmp_path):
    x = keras.Input((4,), dtype="int32")
    words = L.Embedding(5, 4, mask_zero=True)(x)
    nested = keras.Sequential([L.Dense(3), L.LSTM(2, return_sequences=True)])
    predicts_as_keras(keras.Model(x, L.GRU(2)(nested(words))), WORDS[0], tmp_path)


def test_what_is_refused():
    lstm = {"class_name": "LSTM", "config": {"units": 1, "stateful": True}}
    layer = layer_from({"class_name": "TimeDistributed", "config": {"layer": lstm}})
    assert "stateful" in layer.refusal()
    layer = layer_from({"class_name": "Bidirectional", "config": {"layer": lstm, "merge_mode": "max"}})
    assert "'max'" in layer.refusal()
    dense = {"class_name": "Dense", "config": {"units": 1}}
    layer = layer_from({"class_name": "Bidirectional", "config": {"layer": dense}})
    assert "no recurrent layer" in layer.refusal()
    with pytest.raises(NotReplayable, match="no recurrent layer"):
        layer(np.zeros((1, 2, 3), "float32"))
