"""Activations against live Keras."""

import inspect
import warnings

import keras
import numpy as np
import pytest

from weightscope.kernels.activations import ACTIVATIONS, activation, hard_sigmoid_keras2, relu, softmax, sparsemax

pytestmark = pytest.mark.keras

HELPERS = {"serialize", "deserialize", "get"}
NAMES = sorted(name for name in dir(keras.activations) if not name.startswith("_") and name not in HELPERS)
TOLERANCE = {"float16": 3e-3, "float32": 3e-6, "float64": 1e-13}
SETTINGS = [
    ("relu", {"negative_slope": 0.3}),
    ("relu", {"negative_slope": 0.3, "max_value": 2.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"negative_slope": 1.5, "threshold": -0.5}),
    ("relu", {"max_value": 6}),
    ("relu", {"max_value": 6, "threshold": 1.0}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("leaky_relu", {"negative_slope": 1.7}),
    ("softmax", {"axis": 1}),
    ("log_softmax", {"axis": -2}),
    ("softmax", {"axis": None}),
    ("log_softmax", {"axis": None}),
    ("sparsemax", {"axis": 1}),
    ("sparsemax", {"axis": -2}),
    ("glu", {"axis": 0}),
    ("elu", {"alpha": 0.4}),
    ("celu", {"alpha": 2.5}),
    ("gelu", {"approximate": True}),
    ("squareplus", {"b": 1.5}),
    ("soft_shrink", {"threshold": 1.0}),
    ("hard_shrink", {"threshold": 1.0}),
    ("threshold", {"threshold": 0.2, "default_value": -3.0}),
    *[(name, {}) for name in NAMES if name != "threshold"],
]


def values(dtype, scale=3.0):
    corners = np.array([0, -0.0, 0.5, -0.5, 1, -1, 2.5, -2.5, 3, -3, 6, -6, 20, -20])
    drawn = np.random.default_rng(1).normal(size=4 * 5 * 6 - corners.size) * scale
    return np.concatenate([corners, drawn]).reshape(4, 5, 6).astype(dtype)


def test_every_name_of_keras_is_here():
    assert NAMES
    assert set(NAMES) <= set(ACTIVATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_those_of_keras(name):
    both = activation(name), getattr(keras.activations, name)
    ours, theirs = (inspect.signature(function).parameters for function in both)
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=lambda item: str(item))
def test_agrees_with_keras(name, settings, dtype):
    x = values(dtype)
    before = x.copy()
    ours = activation(name)(x, **settings)
    theirs = keras.ops.convert_to_numpy(getattr(keras.activations, name)(keras.ops.convert_to_tensor(x), **settings))
    assert ours.dtype == dtype
    scale = np.abs(theirs[np.isfinite(theirs)]).max()
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale / 10)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("threshold", "sparsemax")])
def test_large_values_are_quiet_and_right(name, dtype):
    x = np.array([[-1e30, -2000, -100, -40, 40, 100, 80, 60.5]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = activation(name)(x)
    theirs = keras.ops.convert_to_numpy(getattr(keras.activations, name)(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=1e-30)


def test_names_of_no_activation():
    assert activation(None) is activation("linear")
    with pytest.raises(KeyError, match=r"did you mean .*softmax"):
        activation("sofmax")
    for wrong in (["relu"], 3, "zzz"):
        with pytest.raises(KeyError, match="no activation is named"):
            activation(wrong)


def test_by_hand():
    np.testing.assert_allclose(hard_sigmoid_keras2(np.array([-3.0, -1.0, 0.0, 2.0, 3.0])), [0, 0.3, 0.5, 0.9, 1])
    np.testing.assert_allclose(softmax(np.log([1.0, 2.0, 5.0])), [0.125, 0.25, 0.625])
    np.testing.assert_array_equal(relu(np.array([-2.0, 1.0, 9.0]), 0.5, 4.0), [-1, 1, 4])
    np.testing.assert_array_equal(sparsemax(np.array([3.0, 1.0])), [1, 0])


def test_integers_stay_integers():
    x = np.array([-2, 0, 7], "int32")
    theirs = keras.ops.convert_to_numpy(keras.activations.relu(keras.ops.convert_to_tensor(x)))
    assert relu(x).dtype == theirs.dtype
    np.testing.assert_array_equal(relu(x), theirs)


def test_an_odd_axis_cannot_be_halved():
    with pytest.raises(ValueError, match="odd size"):
        activation("glu")(np.zeros((2, 3)))
