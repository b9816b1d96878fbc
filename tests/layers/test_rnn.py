"""Recurrent layers against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases, each

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

X = (3, 5, 4)
MASK = [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]]  # padded on the right, on the left, in the middle
EMPTY = [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
LAYERS = ("SimpleRNN", "LSTM", "GRU")
EVERYTHING = {"return_sequences": True, "return_state": True}


@cases(*each(
    {name: {"units": 3} for name in LAYERS},
    Case("", X),
    Case("", X, {"use_bias": False}),
    Case("", X, {"activation": "relu"}),
    Case("", X, {"activation": None, "return_sequences": True}),
    Case("", X, {"return_sequences": True, "go_backwards": True}),
    Case("", X, {"return_state": True, "go_backwards": True}),
    Case("", X, {**EVERYTHING, "unroll": True}),
    Case("", X, EVERYTHING, MASK),
    Case("", X, {"return_state": True}, MASK),
    Case("", X, {**EVERYTHING, "zero_output_for_mask": True}, MASK),
    Case("", X, {"zero_output_for_mask": True}, MASK),
    Case("", X, {"go_backwards": True}, MASK),
    Case("", X, {**EVERYTHING, "go_backwards": True}, EMPTY),
    Case("", X, {**EVERYTHING, "go_backwards": True, "zero_output_for_mask": True}, MASK),
    Case("", X, {**EVERYTHING, "unroll": True}, MASK),
    Case("", X, {**EVERYTHING, "unroll": True, "zero_output_for_mask": True}, MASK),
    Case("", X, {**EVERYTHING, "unroll": True, "zero_output_for_mask": True, "go_backwards": True}, MASK),
    Case("", X, {"unroll": True, "zero_output_for_mask": True, "go_backwards": True}, EMPTY),
    Case("", X, {"stateful": True, "return_sequences": True}),
    Case("", X, {"dropout": 0.5, "recurrent_dropout": 0.5}),
    Case("", X, {"dtype": "float64", "return_sequences": True}),
    Case("", X, {"dtype": "mixed_float16", "return_sequences": True}),
    Case("", (2, 1, 4)),
))
def test_every_recurrent_layer(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case("LSTM", X, {"units": 3, "recurrent_activation": "hard_sigmoid", "activation": "softsign"}),
    Case("LSTM", X, {"units": 3, "unit_forget_bias": False, "use_bias": False, **EVERYTHING}, MASK),
    Case("LSTM", X, {"units": 1, "implementation": 1}),
    Case("GRU", X, {"units": 3, "recurrent_activation": "hard_sigmoid", "activation": "elu"}),
    Case("GRU", X, {"units": 3, "reset_after": False}),
    Case("GRU", X, {"units": 3, "reset_after": False, "use_bias": False}),
    Case("GRU", X, {"units": 3, "reset_after": False, **EVERYTHING}, MASK),
    Case("GRU", X, {"units": 3, "reset_after": False, "dtype": "float64", "go_backwards": True}),
)
def test_settings_of_one_layer(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def lstm_with_states(layer, x, h, c):
    return layer(x, initial_state=[h, c])


def with_state(layer, x, h):
    return layer(x, initial_state=h)


@cases(
    Case("LSTM", [X, (3, 3), (3, 3)], {"units": 3, **EVERYTHING}, call=lstm_with_states),
    Case("LSTM", [X, (3, 3), (3, 3)], {"units": 3, **EVERYTHING}, MASK, lstm_with_states),
    Case("GRU", [X, (3, 3)], {"units": 3}, call=with_state),
    Case("SimpleRNN", [X, (3, 3)], {"units": 3, "go_backwards": True}, call=with_state),
    Case("GRU", [X, (3, 3)], {"units": 3, "dtype": "mixed_float16"}, call=with_state),
)
def test_states_to_begin_with(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def rnn(*cells, **settings):
    """A case's layer: an RNN of one cell, or of several on top of each other."""
    def build():
        built = [getattr(keras.layers, name)(**{"units": 3, **own}) for name, own in cells]
        return keras.layers.RNN(built[0] if len(built) == 1 else keras.layers.StackedRNNCells(built), **settings)
    return build


@cases(
    Case(rnn(("LSTMCell", {})), X),
    Case(rnn(("GRUCell", {"reset_after": False}), **EVERYTHING), X, mask=MASK),
    Case(rnn(("SimpleRNNCell", {"use_bias": False}), go_backwards=True), X),
    Case(rnn(("LSTMCell", {}), ("GRUCell", {"units": 2}), ("SimpleRNNCell", {"units": 4})), X),
    Case(rnn(("GRUCell", {}), ("GRUCell", {"units": 2}), ("LSTMCell", {"units": 4}), return_sequences=True), X,
         mask=MASK),
    Case(rnn(("LSTMCell", {"dtype": "float64"}), dtype="float64"), X),
)
def test_rnn_of_cells(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_long_sequences_run_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("weightscope.kernels.recurrent.PROJECTED", 12 * 3 * 2)
    for name in LAYERS:
        agrees_with_keras(Case(name, (3, 7, 4), {"units": 3, **EVERYTHING}), tmp_path)


def test_by_hand():
    layer = layer_from({"class_name": "SimpleRNN", "config": {"units": 1, "activation": "linear"}})
    weights = {"kernel": [[2.0]], "recurrent_kernel": [[10.0]], "bias": [0.5]}
    weights = {name: np.array(values) for name, values in weights.items()}
    x = np.array([[[1.0], [2.0], [3.0]]])
    assert layer.forward(x, **weights).tolist() == [[10 * (10 * 2.5 + 4.5) + 6.5]]
    assert layer.forward(x, initial_state=np.array([[1.0]]), mask=np.array([[True, False, True]]), **weights).tolist() \
        == [[10 * 12.5 + 6.5]]


def test_the_formula_says_what_this_layer_computes():
    def written(class_name, **config):
        return layer_from({"class_name": class_name, "config": {"units": 1, **config}}).written_formula()
    assert written("SimpleRNN", use_bias=False) == "h ← tanh(x · kernel + h · recurrent_kernel)"
    assert "c ← hard_sigmoid(f) · c + hard_sigmoid(i) · relu(c̃)" in written(
        "LSTM", activation="relu", recurrent_activation="hard_sigmoid")
    assert "r · hₕ" in written("GRU")
    assert "(r · h) · block h of recurrent_kernel" in written("GRU", reset_after=False)
