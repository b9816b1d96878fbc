"""One model with all that the formats treat differently, saved by Keras in each of them."""

import os
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def keras():
    """Keras, imported only by the tests that need it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return keras


@pytest.fixture(scope="session")
def trained(keras, tmp_path_factory):
    """A compiled, fitted model with another one inside; ``.keras``, ``.h5``, ``.weights`` and ``.legacy_weights``."""
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    folder = tmp_path_factory.mktemp("trained")
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="small")], name="inner")
    inner.compile("adam", "mse")
    inner.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    x = keras.Input((5,), name="x")
    y = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(3, name="grosse")(x))
    model = keras.Model(x, keras.layers.Dense(1, name="out")(inner(y)), name="outer")
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((2, 5)), np.ones((2, 1)), verbose=0)
    paths = {kind: str(folder / f"m{end}") for kind, end in (("keras", ".keras"), ("h5", ".h5"))}
    model.save(paths["keras"])
    model.save(paths["h5"])
    model.save_weights(folder / "m.weights.h5")
    with h5py.File(folder / "legacy_weights.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)
    model.save_weights(folder / "parts.weights.json", max_shard_size=100 / 1024**3)
    return SimpleNamespace(
        model=model,
        folder=folder,
        weights=str(folder / "m.weights.h5"),
        legacy_weights=str(folder / "legacy_weights.h5"),
        shards=str(folder / "parts.weights.json"),
        **paths,
    )


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "m.h5")
