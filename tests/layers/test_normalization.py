"""Normalization layers against Keras."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

import weightscope
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

X = (3, 5, 4)
IMAGE = (2, 5, 3, 4)
X64 = np.random.default_rng(1).integers(-9, 9, X) / 8  # exact in float32, which predict makes of any NumPy input
MASK = [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]]


@cases(
    Case("BatchNormalization", (3, 4)),
    Case("BatchNormalization", X, mask=MASK),
    Case("BatchNormalization", IMAGE),
    Case("BatchNormalization", IMAGE, {"axis": 1}),
    Case("BatchNormalization", IMAGE, {"axis": -2}),
    Case("BatchNormalization", X, {"axis": 2, "momentum": 0.5}),
    Case("BatchNormalization", X, {"center": False}),
    Case("BatchNormalization", X, {"scale": False}),
    Case("BatchNormalization", X, {"scale": False, "center": False, "epsilon": 0.0}),
    Case("BatchNormalization", X, {"epsilon": 0.3}),
    Case("BatchNormalization", X, {"renorm": True}),
    Case("BatchNormalization", X, {"dtype": "float64"}),
    Case("BatchNormalization", X, {"dtype": "mixed_float16"}),
    Case("BatchNormalization", X, {"dtype": "float16"}),
    Case("BatchNormalization", [np.full((2, 3), 3e4, "float32")], {"dtype": "mixed_float16"}),
)
def test_batch_normalization(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case("LayerNormalization", X),
    Case("LayerNormalization", X, mask=MASK),
    Case("LayerNormalization", X, {"axis": 1}),
    Case("LayerNormalization", X, {"axis": -2}),
    Case("LayerNormalization", X, {"axis": [1, 2]}),
    Case("LayerNormalization", X, {"axis": [-1, -2]}),
    Case("LayerNormalization", IMAGE, {"axis": [1, 3]}),
    Case("LayerNormalization", IMAGE, {"axis": [3]}),
    Case("LayerNormalization", X, {"center": False}),
    Case("LayerNormalization", X, {"scale": False}),
    Case("LayerNormalization", X, {"scale": False, "center": False, "epsilon": 0.5}),
    Case("LayerNormalization", X, {"rms_scaling": True}),
    Case("LayerNormalization", IMAGE, {"rms_scaling": True, "axis": 1, "scale": False}),
    Case("LayerNormalization", X64, {"dtype": "float64"}),
    Case("LayerNormalization", X64, {"dtype": "float64", "axis": [1, 2]}),
    Case("LayerNormalization", X, {"dtype": "mixed_float16"}),
    Case("LayerNormalization", X, {"dtype": "float16"}),
    Case("LayerNormalization", np.full((2, 3), 7, "float32")),
)
def test_layer_normalization(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case("GroupNormalization", IMAGE, {"groups": 2}),
    Case("GroupNormalization", IMAGE, {"groups": 4, "scale": False}),
    Case("GroupNormalization", IMAGE, {"groups": 1, "center": False}),
    Case("GroupNormalization", IMAGE, {"groups": -1}),
    Case("GroupNormalization", (2, 6, 3, 4), {"groups": 3, "axis": 1}),
    Case("GroupNormalization", IMAGE, {"groups": 3, "axis": -2}),
    Case("GroupNormalization", X, {"groups": 2, "epsilon": 0.5}, MASK),
    Case("GroupNormalization", (3, 4), {"groups": 2}),
    Case("GroupNormalization", X64, {"groups": 2, "dtype": "float64"}),
    Case("GroupNormalization", X, {"groups": 2, "dtype": "mixed_float16"}),
    Case("RMSNormalization", X),
    Case("RMSNormalization", X, {"axis": [1, 2]}),
    Case("RMSNormalization", (2, 4, 4), {"axis": 1, "epsilon": 0.5}),
    Case("RMSNormalization", X, {"dtype": "float64"}),
    Case("RMSNormalization", X, {"dtype": "mixed_float16"}),
    Case("UnitNormalization", X),
    Case("UnitNormalization", X, {"axis": 1}, MASK),
    Case("UnitNormalization", X, {"axis": [1, 2]}),
    Case("UnitNormalization", X, {"dtype": "float64"}),
    Case("UnitNormalization", np.zeros((2, 3), "float32")),
)
def test_other_normalizations(case, tmp_path):
    agrees_with_keras(case, tmp_path)


INTEGERS = np.array([[0, 3, 1], [2, 0, 0]], "int32")


def spectral(inner, **settings):
    return lambda: keras.layers.SpectralNormalization(inner(), **settings)


@cases(
    Case(spectral(lambda: keras.layers.Dense(3, activation="relu")), X),
    Case(spectral(lambda: keras.layers.Dense(3, use_bias=False), power_iterations=3), X),
    Case(spectral(lambda: keras.layers.Conv2D(4, 3, padding="same")), IMAGE),
    Case(spectral(lambda: keras.layers.DepthwiseConv2D(2)), IMAGE),
    Case(spectral(lambda: keras.layers.Conv1DTranspose(2, 3)), X),
    Case(spectral(lambda: keras.layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d")), X),
    Case(spectral(lambda: keras.layers.Dense(3), dtype="mixed_float16"), X),
    Case(spectral(lambda: keras.layers.Embedding(4, 2)), INTEGERS),  # Keras casts the vectors to whole numbers
)
def test_spectral_normalization(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_of_a_kernel_that_is_stored_twice_the_layers_own_counts(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.SpectralNormalization(keras.layers.Dense(2))])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as whole:
        entries = {name: whole.read(name) for name in whole.namelist()}
    weights = io.BytesIO(entries["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        file["layers/spectral_normalization/vars/0"][...] = 7.0
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as whole:
        for name, content in {**entries, "model.weights.h5": weights.getvalue()}.items():
            whole.writestr(name, content)
    x = np.ones((2, 3), "float32")
    opened = weightscope.load(tmp_path / "other.keras")
    assert opened.layers[0].weights["kernel"].array.tolist() == np.full((3, 2), 7.0).tolist()
    theirs = keras.models.load_model(tmp_path / "other.keras").predict(x, verbose=0)
    np.testing.assert_allclose(weightscope.predict(opened, x), theirs, rtol=1e-5)


@pytest.mark.parametrize("inner", [lambda: keras.layers.Dense(2), lambda: keras.layers.Embedding(4, 2)])
def test_an_h5_has_the_kernel_of_spectral_normalization_once(inner, tmp_path):
    whole = inner().__class__.__name__ == "Embedding"
    model = keras.Sequential([keras.Input((3,), dtype="int32" if whole else "float32"),
                              keras.layers.SpectralNormalization(inner())])
    model.save(tmp_path / "model.h5")
    opened, x = weightscope.load(tmp_path / "model.h5"), INTEGERS[:, :3] if whole else np.ones((2, 3), "float32")
    assert opened.ledger.closes and not opened.ledger.unclaimed and opened.count_params() == model.count_params()
    np.testing.assert_allclose(weightscope.predict(opened, x), model.predict(x, verbose=0), rtol=1e-5)


def test_spectral_normalization_of_a_layer_without_a_kernel_is_refused():
    inner = {"class_name": "Flatten", "config": {"name": "f"}}
    layer = layer_from({"class_name": "SpectralNormalization", "config": {"name": "s", "layer": inner}})
    assert "no kernel" in layer.refusal()


def test_a_longer_dtype_does_not_reach_back_to_the_input(tmp_path):
    # Keras' LayerNormalization computes in the dtype of its input, and casts what comes out.
    ours, _ = agrees_with_keras(Case("LayerNormalization", X, {"dtype": "float64"}), tmp_path, tolerance=2e-6)
    assert ours.dtype == "float64" and np.array_equal(ours, ours.astype("float32"))


def test_by_hand():
    layer = layer_from({"class_name": "BatchNormalization", "config": {"epsilon": 0.25, "dtype": "float64"}})
    weights = {"gamma": 3.0, "beta": 10.0, "moving_mean": 1.0, "moving_variance": 0.75}
    y = layer.forward(np.array([[2.0]]), **{name: np.array([value]) for name, value in weights.items()})
    assert y.tolist() == [[13.0]]
    layer = layer_from({"class_name": "LayerNormalization", "config": {"epsilon": 0.0, "dtype": "float64"}})
    assert layer.forward(np.array([[1.0, 3.0]]), np.array([5.0, 5.0]), np.array([0.0, 1.0])).tolist() == [[-5.0, 6.0]]


def test_what_is_refused():
    layer = layer_from({"class_name": "BatchNormalization", "config": {"virtual_batch_size": 2}})
    assert "virtual_batch_size" in layer.refusal()


def test_the_formula_says_what_this_layer_computes():
    def written(**config):
        return layer_from({"class_name": "BatchNormalization", "config": config}).written_formula()
    assert written() == "y = gamma · (x − moving_mean) / √(moving_variance + epsilon) + beta"
    assert written(center=False, scale=False) == "y = (x − moving_mean) / √(moving_variance + epsilon)"
    assert "renorm_stddev" in written(renorm=True)
