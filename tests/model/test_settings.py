"""Settings as Keras' constructors take them: numbers for truth values, whole floats, words in capitals."""

import json
import zipfile

import keras
import numpy as np
import pytest

import weightscope
from weightscope.errors import Unreadable
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras
K = keras.layers
WRITTEN = {
    "conv": {"use_bias": 1, "strides": [2.0, 1.0], "padding": "SAME", "groups": True, "dilation_rate": [1.0, 1.0]},
    "spread": {"padding": "VALID", "use_bias": 0.0, "data_format": "CHANNELS_LAST"},
    "norm": {"scale": 1, "center": None, "axis": -1.0, "epsilon": "0.001"},
    "pool": {"pool_size": [2.0, 2.0], "strides": [1.0, 2.0]},
    "larger": {"interpolation": "BILINEAR"},
    "leaky": {"negative_slope": True},
    "recurrent": {"return_sequences": 1, "go_backwards": 0, "reset_after": 1.0},
    "dense": {"units": True, "use_bias": 0},
}


def built():
    return keras.Sequential([
        keras.Input((7, 6, 2)), K.Conv2D(3, 3, name="conv"), K.Conv2DTranspose(2, 3, use_bias=False, name="spread"),
        K.BatchNormalization(center=False, name="norm"), K.MaxPooling2D(name="pool"), K.UpSampling2D(name="larger"),
        K.LeakyReLU(0.5, name="leaky"), K.Reshape((-1, 4)), K.GRU(3, return_sequences=True, name="recurrent"),
        K.Dense(1, use_bias=False, name="dense"),
    ])  # fmt: skip


def test_read_as_keras_takes_them(tmp_path):
    keras.utils.set_random_seed(0)
    built().save(tmp_path / "plain.keras")
    with zipfile.ZipFile(tmp_path / "plain.keras") as plain, zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        for name in plain.namelist():
            content = plain.read(name)
            if name == "config.json":
                config = json.loads(content)
                for layer in config["config"]["layers"]:
                    layer["config"].update(WRITTEN.get(layer["config"]["name"], {}))
                    layer.pop("build_config", None)
                content = json.dumps(config)
            other.writestr(name, content)
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 2)).astype("float32")
    expected = keras.models.load_model(tmp_path / "other.keras").predict(x, verbose=0)
    assert not np.allclose(expected.mean(), keras.models.load_model(tmp_path / "plain.keras").predict(x).mean())
    opened = weightscope.load(tmp_path / "other.keras")
    np.testing.assert_allclose(weightscope.predict(opened, x), expected, atol=1e-5)


def test_what_keras_refuses_stays_refused():
    for wrong in ({"units": "3"}, {"units": 2.5}, {"units": None}, {"units": [3]}, {"units": 3, "use_bias": []},
                  {"units": float("inf")}, {"units": float("nan")}):
        with pytest.raises(Unreadable, match="setting"):
            layer_from({"class_name": "Dense", "config": {"name": "d", **wrong}})


class Dense(K.Layer):
    """Somebody's own, of the name of one of Keras'."""

    def __init__(self, features=2, **settings):
        super().__init__(**settings)
        self.features = features

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.features), name="kernel")

    def call(self, x):
        return x @ self.kernel

    def get_config(self):
        return {**super().get_config(), "features": self.features}


def test_a_foreign_class_of_a_name_of_keras_is_shown_as_unknown(tmp_path):
    """An .h5 names no modules: the settings tell that it is another class."""
    entry = keras.Input((3,))
    model = keras.Model(entry, K.Dense(4, name="own")(Dense(name="foreign")(entry)))
    model.save(tmp_path / "model.h5")
    opened = weightscope.load(tmp_path / "model.h5")
    assert "none of Keras' Dense" in opened["foreign"].refusal() and opened["own"].refusal() is None
    assert opened.count_params() == model.count_params() and not opened.ledger.unclaimed
    with pytest.raises(weightscope.NotReplayable, match=r"layer .foreign.*another class of that name"):
        weightscope.predict(opened, np.ones((1, 3), "float32"))
    with pytest.raises(Unreadable, match="'units' is missing"):
        layer_from({"class_name": "Dense", "config": {"name": "d", "use_bias": True}})
