"""Stateful recurrent layers against Keras: a fresh state for a run, carried from batch to batch within it."""

import keras
import numpy as np
import pytest

import weightscope
from weightscope.errors import NotReplayable
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
X = np.random.default_rng(4).normal(size=(6, 5, 3)).astype("float32")
IMAGES = np.random.default_rng(5).normal(size=(6, 3, 4, 4, 2)).astype("float32")


def stateful(name):
    layers, options = keras.layers, {"stateful": True}
    return {
        "SimpleRNN": lambda: layers.SimpleRNN(4, **options),
        "LSTM": lambda: layers.LSTM(4, return_sequences=True, **options),
        "GRU": lambda: layers.GRU(4, go_backwards=True, **options),
        "RNN": lambda: layers.RNN(layers.LSTMCell(3), **options),
        "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(4, **options)),
        "ConvLSTM2D": lambda: layers.ConvLSTM2D(3, 2, **options),
    }[name]()


def saved(tmp_path, x, *found):
    model = keras.Sequential([keras.Input(batch_shape=(2, *x.shape[1:])), *found])
    model.save(tmp_path / "model.keras")
    return model, weightscope.load(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "ConvLSTM2D"])
def test_predict_carries_the_state_from_batch_to_batch(name, tmp_path):
    x = IMAGES if name == "ConvLSTM2D" else X
    model, opened = saved(tmp_path, x, stateful(name))
    theirs = model.predict(x, batch_size=2, verbose=0)
    for _ in range(2):  # each run of ours begins afresh
        np.testing.assert_allclose(weightscope.predict(opened, x, batch_size=2), theirs, rtol=1e-4, atol=1e-6)
    alone = weightscope.replay(opened, x[2:4]).output
    assert not np.allclose(alone, theirs[2:4], atol=1e-4)
    model.layers[0].reset_state() if name != "Bidirectional" else model.layers[0].reset_states()
    np.testing.assert_allclose(alone, model.predict(x[2:4], batch_size=2, verbose=0), rtol=1e-4, atol=1e-6)


def test_states_that_are_handed_on_by_the_caller(tmp_path):
    model, opened = saved(tmp_path, X, stateful("LSTM"))
    theirs, states = model.predict(X, batch_size=2, verbose=0), {}
    for start in (0, 2, 4):
        ours = weightscope.replay(opened, X[start:start + 2], states=states).output
        np.testing.assert_allclose(ours, theirs[start:start + 2], rtol=1e-4, atol=1e-6)


def test_verify_runs_chained_and_isolated_each_with_its_own_state(tmp_path):
    _, opened = saved(tmp_path, X, stateful("LSTM"), stateful("GRU"), keras.layers.Dense(2, name="end"))
    found = verify(opened, X, batch_size=2)
    assert found, found
    opened.parts["end"].weights["kernel"].array[0, 0] += 0.1
    assert verify(opened, X, batch_size=2).first.path == "end"


def test_a_batch_of_another_size_is_refused(tmp_path):
    _, opened = saved(tmp_path, X, stateful("LSTM"))
    opened.input_layers[0].batch_shape = (None, 5, 3)
    with pytest.raises(NotReplayable, match="from a batch of 4 samples to one of 2"):
        weightscope.predict(opened, X, batch_size=4)
