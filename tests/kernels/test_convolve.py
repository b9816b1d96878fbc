"""Convolutions against live Keras and TensorFlow."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weightscope.kernels import convolve as module
from weightscope.kernels.convolve import convolve, convolve_transpose, depthwise, transpose_length

pytestmark = pytest.mark.keras

TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13}
SPACE = {1: (13,), 2: (9, 8), 3: (7, 6, 5)}
SIZES = {1: (4,), 2: (3, 2), 3: (3, 2, 1)}
DTYPES = ["float16", "float32", "float64"]


def arrays(dtype, *shapes):
    rng = np.random.default_rng(len(shapes[0]))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def assert_agrees(ours, theirs, dtype):
    theirs = keras.ops.convert_to_numpy(theirs)
    assert ours.dtype == theirs.dtype == dtype
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * np.abs(theirs).max())


def keras_conv(x, kernel, strides, padding, dilation_rate):
    if padding == "causal":
        x, padding = np.pad(x, [(0, 0), ((kernel.shape[0] - 1) * dilation_rate[0], 0), (0, 0)]), "valid"
    return keras.ops.conv(x, kernel, strides, padding, "channels_last", dilation_rate)


GRID = [
    (rank, padding, stride, dilation, groups)
    for rank in (1, 2, 3)
    for padding in ("valid", "same", "causal")
    for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2), (1, 3))
    for groups in (1, 2)
    if not (padding == "causal" and rank > 1)
    and all((size - 1) * dilation < length for size, length in zip(SIZES[rank], SPACE[rank], strict=True))
]


@pytest.mark.parametrize(("rank", "padding", "stride", "dilation", "groups"), GRID)
def test_convolve_agrees_with_keras(rank, padding, stride, dilation, groups):
    x, kernel = arrays("float32", (2, *SPACE[rank], 4), (*SIZES[rank], 4 // groups, 6))
    steps, spread = (stride,) * rank, (dilation,) * rank
    ours = convolve(x, kernel, steps, padding, spread, groups)
    assert_agrees(ours, keras_conv(x, kernel, steps, padding, spread), "float32")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_convolve_keeps_the_dtype(rank, dtype):
    x, kernel = arrays(dtype, (2, *SPACE[rank], 3), (*SIZES[rank], 3, 5))
    ours = convolve(x, kernel, (2,) * rank, "same", (1,) * rank)
    assert_agrees(ours, keras_conv(x, kernel, (2,) * rank, "same", (1,) * rank), dtype)


@pytest.mark.parametrize(("strides", "padding"), list(itertools.product([(1, 1), (2, 1), (3, 2)], ["valid", "same"])))
def test_a_kernel_of_one_step(strides, padding):
    x, kernel = arrays("float32", (3, 7, 6, 4), (1, 1, 4, 5))
    ours = convolve(x, kernel, strides, padding, (1, 1))
    assert_agrees(ours, keras_conv(x, kernel, strides, padding, (1, 1)), "float32")


@pytest.mark.parametrize("floats", [1, 100, 1000, 10**9])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_size_of_the_slices_does_not_matter(rank, floats, monkeypatch):
    x, kernel = arrays("float64", (5, *SPACE[rank], 4), (*SIZES[rank], 2, 6))
    ones = (1,) * rank
    expected = convolve(x, kernel, ones, "same", ones, 2)
    monkeypatch.setattr(module, "PATCHES", floats)
    np.testing.assert_allclose(convolve(x, kernel, ones, "same", ones, 2), expected, rtol=1e-13, atol=1e-14)
    expected = depthwise(x, kernel.reshape(*SIZES[rank], 4, 3), ones, "same", ones)
    monkeypatch.setattr(module, "RESULTS", floats)
    np.testing.assert_array_equal(depthwise(x, kernel.reshape(*SIZES[rank], 4, 3), ones, "same", ones), expected)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_convolve_on_any_shape(data):
    rank = data.draw(st.integers(1, 3), "rank")
    each = st.lists(st.integers(1, 4), min_size=rank, max_size=rank).map(tuple)
    space, size = data.draw(each, "space"), data.draw(each, "kernel_size")
    space = tuple(n + m for n, m in zip(space, data.draw(each, "more"), strict=True))
    strides, padding = data.draw(each, "strides"), data.draw(st.sampled_from(["same", "valid"]), "padding")
    if padding == "valid":  # which needs room for the kernel; what hypothesis drew in vain it would count as a failure
        space = tuple(map(max, space, size))
    # TensorFlow's own float64 Conv3D shifts its input where "same" meets a stride two longer than the kernel.
    dtype = "float32" if rank == 3 else "float64"
    x, kernel = arrays(dtype, (data.draw(st.integers(1, 3), "batch"), *space, 3), (*size, 3, 2))
    before = x.copy()
    ours = convolve(x, kernel, strides, padding, (1,) * rank)
    assert_agrees(ours, keras_conv(x, kernel, strides, padding, (1,) * rank), dtype)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_agrees_with_keras(rank, padding, stride, dilation, multiplier, dtype):
    x, kernel = arrays(dtype, (2, *SPACE[rank], 4), (*SIZES[rank], 4, multiplier))
    steps, spread = (stride,) * rank, (dilation,) * rank
    theirs = keras.ops.depthwise_conv(x, kernel, steps, padding, "channels_last", spread)
    assert_agrees(depthwise(x, kernel, steps, padding, spread), theirs, dtype)


def spare(stride):
    return [None, *range(stride)]


TRANSPOSED = [
    (rank, padding, size, stride, output_padding)
    for rank in (1, 2, 3)
    for padding in ("valid", "same")
    for size in (1, 2, 3, 5)
    for stride in (1, 2, 3)
    for output_padding in spare(stride)
]


@pytest.mark.parametrize(("rank", "padding", "size", "stride", "output_padding"), TRANSPOSED)
def test_convolve_transpose_agrees_with_keras(rank, padding, size, stride, output_padding):
    x, kernel = arrays("float32", (2, *(4, 3, 2)[:rank], 3), (*(size, 2, 3)[:rank], 5, 3))
    more = None if output_padding is None else (output_padding,) * rank
    try:
        theirs = keras.ops.conv_transpose(x, kernel, (stride,) * rank, padding, more, "channels_last", 1)
    except (ValueError, tf.errors.OpError):
        pytest.skip("Keras cannot run this one")
    ours = convolve_transpose(x, kernel, (stride,) * rank, padding, more, (1,) * rank)
    assert_agrees(ours, theirs, "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolve_transpose_keeps_the_dtype(rank, dtype):
    if rank == 3 and dtype == "float16":
        pytest.skip("TensorFlow has no float16 kernel for this on a CPU")
    x, kernel = arrays(dtype, (2, *(4, 3, 2)[:rank], 3), (*(3, 2, 3)[:rank], 5, 3))
    theirs = keras.ops.conv_transpose(x, kernel, 2, "same", None, "channels_last", 1)
    assert_agrees(convolve_transpose(x, kernel, (2,) * rank, "same", None, (1,) * rank), theirs, dtype)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolve_transpose_is_the_adjoint_of_convolve(padding):
    """⟨convolve(x), y⟩ = ⟨x, convolve_transpose(y)⟩, with dilation too, which TensorFlow cannot run on a CPU."""
    x, kernel = arrays("float64", (2, 12, 11, 3), (3, 2, 3, 4))
    for strides, dilation in itertools.product([(1, 1), (3, 2)], [(1, 1), (2, 3)]):
        forward = convolve(x, kernel, strides, padding, dilation)
        y = np.random.default_rng(5).normal(size=forward.shape)
        lengths = [transpose_length(n, k, s, padding, None, d) for n, k, s, d in
                   zip(y.shape[1:3], kernel.shape[:2], strides, dilation, strict=True)]
        rest = [n - m for n, m in zip(x.shape[1:3], lengths, strict=True)]
        default = [transpose_length(n, k, s, padding, 0, d) for n, k, s, d in
                   zip(y.shape[1:3], kernel.shape[:2], strides, dilation, strict=True)]
        spare_steps = tuple(n - m for n, m in zip(x.shape[1:3], default, strict=True))
        back = convolve_transpose(y, kernel, strides, padding, spare_steps if any(rest) else None, dilation)
        assert back.shape == x.shape
        np.testing.assert_allclose(np.sum(forward * y), np.sum(x * back), rtol=1e-10)


def test_by_hand():
    x = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
    kernel = np.array([1.0, 10.0]).reshape(2, 1, 1)
    np.testing.assert_array_equal(convolve(x, kernel, (1,), "valid", (1,)).ravel(), [21, 42, 84])
    np.testing.assert_array_equal(convolve(x, kernel, (1,), "same", (1,)).ravel(), [21, 42, 84, 8])
    np.testing.assert_array_equal(convolve(x, kernel, (1,), "causal", (1,)).ravel(), [10, 21, 42, 84])
    np.testing.assert_array_equal(depthwise(x, kernel, (2,), "valid", (1,)).ravel(), [21, 84])
    np.testing.assert_array_equal(convolve_transpose(x, kernel, (2,), "valid", None, (1,)).ravel(),
                                  [1, 10, 2, 20, 4, 40, 8, 80])


def test_channels_that_do_not_fit():
    x, kernel = arrays("float32", (1, 4, 1), (3, 2, 2))
    for function in (convolve, depthwise, lambda *settings: convolve_transpose(*settings[:4], None, settings[4])):
        with pytest.raises(ValueError, match=r"fit|mismatch"):
            function(x, kernel, (1,), "valid", (1,))
    with pytest.raises(ValueError, match="3 groups"):
        convolve(*arrays("float32", (1, 4, 6), (3, 2, 4)), (1,), "valid", (1,), 3)


def test_a_window_that_does_not_fit():
    x, kernel = arrays("float32", (1, 4, 1), (3, 1, 1))
    for function in (convolve, depthwise):
        with pytest.raises(ValueError, match="a window over 5 steps does not fit into 4"):
            function(x, kernel, (1,), "valid", (2,))
