"""Pooling against live Keras."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weightscope.kernels.pooling import adaptive_pool, average_pool, max_pool

pytestmark = pytest.mark.keras

TOLERANCE = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}
SPACE = {1: (13,), 2: (9, 8), 3: (7, 6, 5)}


def values(shape, dtype="float32"):
    # All negative, so that a zero that slipped in would win.
    return (-1 - np.abs(np.random.default_rng(len(shape)).normal(size=shape))).astype(dtype)


def assert_agrees(ours, theirs, dtype):
    theirs = keras.ops.convert_to_numpy(theirs)
    assert ours.dtype == theirs.dtype == dtype
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE.get(dtype, 0))


@pytest.mark.parametrize(("ours", "theirs"), [(max_pool, keras.ops.max_pool), (average_pool, keras.ops.average_pool)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2), (2, 3), (1, 1), (5, 4)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_agrees_with_keras(ours, theirs, rank, size, stride, padding):
    x, sizes, strides = values((2, *SPACE[rank], 3)), (size,) * rank, (stride,) * rank
    before = x.copy()
    assert_agrees(ours(x, sizes, strides, padding), theirs(x, sizes, strides, padding, "channels_last"), "float32")
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(("ours", "theirs"), [(max_pool, keras.ops.max_pool), (average_pool, keras.ops.average_pool)])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_keeps_the_dtype(ours, theirs, dtype):
    x = values((2, 9, 8, 3), dtype)
    tensor = keras.ops.convert_to_tensor(x)
    assert_agrees(ours(x, (3, 2), (2, 2), "same"), theirs(tensor, (3, 2), (2, 2), "same", "channels_last"), dtype)


def test_the_largest_of_integers():
    x = values((2, 9, 8, 3)).astype("int32") * 7
    theirs = keras.ops.max_pool(keras.ops.convert_to_tensor(x), (3, 2), (2, 2), "same", "channels_last")
    assert_agrees(max_pool(x, (3, 2), (2, 2), "same"), theirs, "int32")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_shape(data):
    rank = data.draw(st.integers(1, 3), "rank")
    each = st.lists(st.integers(1, 5), min_size=rank, max_size=rank).map(tuple)
    space, size, strides = (data.draw(each, name) for name in ("space", "pool_size", "strides"))
    padding = data.draw(st.sampled_from(["same", "valid"]), "padding")
    assume(all(n >= k for n, k in zip(space, size, strict=True)))
    x = values((data.draw(st.integers(1, 3), "batch"), *space, 2))
    for ours, theirs in ((max_pool, keras.ops.max_pool), (average_pool, keras.ops.average_pool)):
        assert_agrees(ours(x, size, strides, padding), theirs(x, size, strides, padding, "channels_last"), "float32")


@pytest.mark.parametrize("size", [2, 3, 4, 5])  # for 1, TensorFlow divides by zero and takes the process with it
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_adaptive_agrees_with_keras(rank, size):
    x, sizes = values((2, *SPACE[rank], 3)), (size,) * rank
    tensor = keras.ops.convert_to_tensor(x)
    theirs = keras.ops.adaptive_average_pool(tensor, sizes, "channels_last")
    assert_agrees(adaptive_pool(np.mean, x, sizes), theirs, "float32")
    theirs = keras.ops.adaptive_max_pool(tensor, sizes, "channels_last")
    assert_agrees(adaptive_pool(np.max, x, sizes), theirs, "float32")


def test_more_windows_than_steps():
    x = values((2, 3, 5, 2))
    theirs = keras.ops.adaptive_average_pool(keras.ops.convert_to_tensor(x), (7, 7), "channels_last")
    assert_agrees(adaptive_pool(np.mean, x, (7, 7)), theirs, "float32")


def test_by_hand():
    x = np.array([1.0, 5.0, 3.0, 2.0, 8.0]).reshape(1, 5, 1)
    np.testing.assert_array_equal(max_pool(x, (2,), (2,), "valid").ravel(), [5, 3])
    np.testing.assert_array_equal(max_pool(x, (2,), (2,), "same").ravel(), [5, 3, 8])
    np.testing.assert_array_equal(average_pool(x, (2,), (2,), "same").ravel(), [3, 2.5, 8])
    np.testing.assert_array_equal(adaptive_pool(np.max, x, (2,)).ravel(), [5, 8])


def test_a_window_that_does_not_fit():
    for pool in (max_pool, average_pool):
        with pytest.raises(ValueError, match="a window over 4 steps does not fit into 3"):
            pool(np.zeros((1, 3, 1)), (4,), (1,), "valid")
