"""Activation layers against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

NAMES = sorted(keras.src.activations.ALL_OBJECTS_DICT)


@cases(*[Case("Activation", (3, 4, 6), {"activation": name}) for name in ("linear", "softmax", "swish", "sparsemax")])
def test_activation(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "threshold"])  # which Keras cannot call either
def test_every_activation_of_keras(name):
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype("float32")
    keras_layer = keras.layers.Activation(name)
    layer = layer_from({"class_name": "Activation", "config": keras_layer.get_config()})
    theirs = keras.ops.convert_to_numpy(keras_layer(x))
    assert layer.shape(x.shape) == tuple(keras_layer.compute_output_shape(x.shape))
    np.testing.assert_allclose(layer(x), theirs, rtol=1e-5, atol=1e-6)


@cases(
    Case("ReLU", (3, 4, 6)),
    Case("ReLU", (3, 6), {"max_value": 0.8}),
    Case("ReLU", (3, 6), {"max_value": 6, "negative_slope": 0.1}),
    Case("ReLU", (3, 6), {"threshold": 0.5}),
    Case("ReLU", (3, 6), {"threshold": 0.5, "negative_slope": 0.3, "max_value": 0.7}),
    Case("ReLU", (3, 4, 6), mask=np.tri(3, 4, dtype=bool)),
    Case("LeakyReLU", (3, 6)),
    Case("LeakyReLU", (3, 6), {"negative_slope": 0.05}),
    Case("PReLU", (3, 6)),
    Case("PReLU", (3, 5, 6)),
    Case("PReLU", (3, 4, 5, 6), {"shared_axes": [1, 2]}),
    Case("PReLU", (3, 4, 5, 6), {"shared_axes": [1]}),
    Case("PReLU", (3, 2, 4, 5, 6), {"shared_axes": [1, 2, 3]}),
    Case("ELU", (3, 6)),
    Case("ELU", (3, 6), {"alpha": 0.4}),
    Case("Softmax", (3, 6)),
    Case("Softmax", np.float32([[1, np.nan, 2, -np.inf], [np.inf, 1, -np.inf, 0], [-np.inf] * 4])),
    Case("Softmax", np.float64([[1, np.nan, 2, -np.inf], [np.inf, 1, -np.inf, 0]]), {"dtype": "float64"}),
    Case("Softmax", (3, 4, 6), {"axis": 1}),
    Case("Softmax", (3, 4, 6), {"axis": [1, 2]}),
    Case("Softmax", (3, 4, 6), {"axis": [-1]}),
    Case("Softmax", (3, 4, 6), {"axis": [1, 2], "dtype": "float64"}),
)
def test_layer_agrees_with_keras(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("kind", [bool, "float32"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
def test_softmax_gives_masked_values_nothing(axis, dtype, kind):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 3, 4)).astype(dtype), rng.integers(0, 2, (2, 3, 4)).astype(kind)
    mask[0] = 0
    keras_layer = keras.layers.Softmax(axis=axis, dtype=dtype)
    ours = layer_from({"class_name": "Softmax", "config": keras_layer.get_config()})(x, mask=mask)
    theirs = keras.ops.convert_to_numpy(keras_layer(x, mask=mask))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=3e-3 if dtype == "float16" else 1e-6, atol=1e-7)
    assert not ours[0].any()


def test_an_activation_that_does_not_exist():
    layer = layer_from({"class_name": "Activation", "config": {"name": "a", "activation": "rulu"}})
    assert layer.refusal() == "activation 'rulu' is none of Keras'"


def test_the_words_of_alpha():
    alpha = layer_from({"class_name": "PReLU", "config": {"name": "p"}}).weights["alpha"]
    named = {(5,): "in", (1, 1, 5): "height width in", (1,) * 5: "axis_1 axis_2 axis_3 axis_4 axis_5"}
    for shape, words in named.items():
        alpha.stored = np.empty(shape)
        assert alpha.axes == words
        assert alpha.axis_words() == words.split()


def test_by_hand():
    config = {"name": "r", "threshold": 1.0, "negative_slope": 0.5, "max_value": 3.0}
    layer = layer_from({"class_name": "ReLU", "config": config})
    np.testing.assert_array_equal(layer(np.array([[-1, 0, 1, 2, 9]], "float32")), [[-1, -0.5, 0, 2, 3]])
