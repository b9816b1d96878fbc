"""Resizing against live Keras."""

import keras
import numpy as np
import pytest

from weightscope.kernels.resize import repeat, resize

pytestmark = pytest.mark.keras

INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"]
SIZES = [((5, 7), (10, 21)), ((5, 7), (15, 35)), ((6, 4), (9, 11)), ((20, 31), (7, 10)), ((3, 3), (3, 3)),
         ((1, 1), (4, 4)), ((2, 2), (14, 14)), ((50, 3), (127, 2))]


def values(shape, dtype="float32"):
    return np.random.default_rng(3).normal(size=shape).astype(dtype)


def keras_resize(x, size, **settings):
    tensor = keras.ops.image.resize(keras.ops.convert_to_tensor(x), size, data_format="channels_last", **settings)
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("start", "size"), SIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_agrees_with_keras(interpolation, start, size, antialias):
    x = values((2, *start, 3))
    before = x.copy()
    ours = resize(x, size, interpolation, antialias)
    theirs = keras_resize(x, size, interpolation=interpolation, antialias=antialias)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=3e-6)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("dtype", "bound"), [("float16", 2e-3), ("float64", 2e-6), ("uint8", 0), ("int32", 0)])
def test_keeps_the_dtype(interpolation, dtype, bound):
    x = (values((2, 5, 6, 3)) * 60 + 120).clip(0, 255).astype(dtype)
    ours, theirs = resize(x, (9, 14), interpolation), keras_resize(x, (9, 14), interpolation=interpolation)
    assert ours.dtype == theirs.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound * 255)


def test_repeat_agrees_with_keras():
    x = values((2, 3, 4, 2, 3))
    theirs = x
    for axis, times in enumerate((2, 1, 3), start=1):
        theirs = keras.ops.convert_to_numpy(keras.ops.repeat(theirs, times, axis=axis))
    np.testing.assert_array_equal(repeat(x, (2, 1, 3)), theirs)


def test_by_hand():
    x = np.array([[0.0, 4.0]]).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(resize(x, (1, 4), "bilinear").ravel(), [0, 1, 3, 4])
    np.testing.assert_array_equal(resize(x, (1, 4), "nearest").ravel(), [0, 0, 4, 4])
    np.testing.assert_array_equal(resize(x, (1, 1), "area").ravel(), [2])


def test_an_unknown_interpolation():
    with pytest.raises(ValueError, match="not 'cubic'"):
        resize(np.zeros((1, 2, 2, 1)), (4, 4), "cubic")
