"""A few small models, built and saved by Keras once a session, for the tests of what is printed."""

import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

HOSTILE = "[red]\x1b[31mx|`<b>*a*\u202e"


def named_in_file(path, old, new):
    """Give a layer another name in the config of a saved .h5, as no Keras would write it."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        text = json.dumps(config).replace(json.dumps(old), json.dumps(new))
        del file.attrs["model_config"]
        file.attrs["model_config"] = np.bytes_(text.encode())


def build(folder):
    """Save the models into ``folder``; return {name: (path, the Keras model)}."""
    import keras

    found = {}
    for function in (small, gates, shared, deep):
        keras.backend.clear_session()
        model = function(keras)
        for kind in ("keras", "h5"):
            path = folder / f"{model.name}.{kind}"
            model.save(path)
            found[f"{model.name}.{kind}"] = SimpleNamespace(path=str(path), keras=model)
    model = found["small.h5"].keras
    model.save(folder / "hostile.h5")
    named_in_file(folder / "hostile.h5", "hidden", HOSTILE)
    found["hostile.h5"] = SimpleNamespace(path=str(folder / "hostile.h5"), keras=model)
    model.save_weights(folder / "small.weights.h5")
    found["small.weights.h5"] = SimpleNamespace(path=str(folder / "small.weights.h5"), keras=model)
    return found


def small(keras):
    """Two Dense layers with whole numbers for weights."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((2,), name="pair"),
        layers.Dense(3, activation="relu", name="hidden"),
        layers.Dropout(0.5, name="drop"),
        layers.Dense(1, activation="sigmoid", name="answer"),
    ], name="small")
    model.set_weights([np.array([[1, 2, 3], [4, 5, 6]]), np.array([0, 0, -1]), np.array([[1], [-1], [0]]),
                       np.array([0.5])])
    return model


def gates(keras):
    """LSTM, GRU, and both ways of one: blocks of gates."""
    layers = keras.layers
    return keras.Sequential([
        layers.Input((5, 3)),
        layers.LSTM(4, return_sequences=True, name="memory"),
        layers.GRU(3, return_sequences=True, name="update"),
        layers.Bidirectional(layers.SimpleRNN(2), name="both_ways"),
    ], name="gates")


def shared(keras):
    """Two inputs through one shared layer, a nested frozen model, and weights that never train."""
    layers = keras.layers
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    twin = layers.Dense(3, name="twin")
    joined = layers.Concatenate(name="joined")([twin(left), twin(right)])
    inner = keras.Sequential([layers.Input((6,)), layers.Dense(2, name="core")], name="inner")
    inner.trainable = False
    scaled = layers.BatchNormalization(name="scaled")(inner(joined))
    return keras.Model([left, right], [scaled, joined], name="shared")


def deep(keras):
    """Sixty layers."""
    layers = keras.layers
    names = [f"dense_of_a_deep_model_{i}_" + "x" * min(i, 50) for i in range(60)]
    return keras.Sequential([layers.Input((4,)), *[layers.Dense(4, name=name) for name in names]], name="deep")


@pytest.fixture(scope="session")
def shown(tmp_path_factory):
    """{file name: path and Keras model} of the models above."""
    pytest.importorskip("keras")
    return build(tmp_path_factory.mktemp("shown"))
