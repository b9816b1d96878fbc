"""Pooling over the spatial axes of (batch, *space, channels), one axis at a time: a box of maxima or sums is separable.

``pool_size`` and ``strides`` are tuples with one integer per spatial axis; padding is "valid" or "same". Results have
the dtype of ``x``; sums of two-byte floats are kept in float32.
"""

import numpy as np

from weightscope.kernels.windows import enlarge, margins, output_length, tap


def max_pool(x, pool_size, strides, padding):
    """The largest value of each window: (batch, *space, channels) → (batch, *windows, channels).

    What "same" adds never wins. A NaN is passed over, and nothing is below the lowest finite number, as in TensorFlow.
    Raises ``ValueError`` where no window fits into ``x``.
    """
    lowest = -np.inf if x.dtype.kind not in "biu" else np.iinfo(x.dtype).min
    y = _largest(np.maximum, lowest, x, (pool_size, strides, padding))
    if x.dtype.kind == "f" and not np.min(y, initial=0) > -np.inf:
        finite = np.finfo(x.dtype).min
        return np.fmax(_largest(np.fmax, finite, x, (pool_size, strides, padding)), finite)
    return y


def _largest(combine, lowest, x, windows):
    pool_size, strides, padding = windows
    for axis, (size, stride) in enumerate(zip(pool_size, strides, strict=True)):
        x = reduce_axis(combine, lowest, x, axis, (size, stride, padding))
    return x


def average_pool(x, pool_size, strides, padding):
    """The mean of each window: (batch, *space, channels) → (batch, *windows, channels).

    What "same" adds is not counted. Raises ``ValueError`` where no window fits into ``x``, and for whole numbers.
    """
    if x.dtype.kind in "biu":
        raise ValueError("windows of whole numbers have no mean in Keras: it stops there")
    dtype, lengths = x.dtype, x.shape[1:-1]
    x = x.astype(np.result_type(dtype, np.float32), copy=False)
    for axis, (size, stride) in enumerate(zip(pool_size, strides, strict=True)):
        x = reduce_axis(np.add, 0, x, axis, (size, stride, padding))
        counts = count(lengths[axis], size, stride, padding)
        x /= counts.astype(x.dtype).reshape([-1 if a == axis + 1 else 1 for a in range(x.ndim)])
    return x.astype(dtype, copy=False)


def reduce_axis(combine, neutral, x, axis, window):
    """``combine`` the taps of each window (size, stride, padding) along one spatial axis into a new array."""
    size, stride, padding = window
    unit = [(0, 0)] * (x.ndim - 2)
    unit[axis] = margins(x.shape[axis + 1], size, stride, padding)
    x = enlarge(x, unit, neutral)
    lengths, strides = list(x.shape[1:-1]), [1] * (x.ndim - 2)
    lengths[axis], strides[axis] = output_length(lengths[axis], size, stride, "valid"), stride

    def at(step):
        return tap(x, [step if a == axis else 0 for a in range(x.ndim - 2)], lengths, strides)

    y = at(0).copy()
    for step in range(1, size):
        combine(y, at(step), out=y)
    return y


def count(length, size, stride, padding):
    """How many steps each window along one axis counts: the real ones, or with Theano in Keras 2 all."""
    if padding == "theano_counted":
        return np.full(output_length(length, size, stride, padding), size)
    before, _ = margins(length, size, stride, padding)
    first = np.arange(output_length(length, size, stride, padding)) * stride - before
    return np.minimum(first + size, length) - np.maximum(first, 0)


def adaptive_pool(reduce, x, output_size):
    """``np.max`` or ``np.mean`` of windows chosen so that ``output_size`` of them cover each spatial axis.

    Window i of n over a length reaches from ⌊i·length/n⌋ to ⌈(i+1)·length/n⌉: (batch, *space, channels) →
    (batch, *output_size, channels). Source: ``_compute_static_gather_indices``, keras/src/backend/tensorflow/nn.py.
    """
    for axis, windows in enumerate(output_size, start=1):
        length = x.shape[axis]
        edges = [(i * length // windows, -(-(i + 1) * length // windows)) for i in range(windows)]
        parts = [reduce(x[(slice(None),) * axis + (slice(*edge),)], axis=axis, keepdims=True) for edge in edges]
        x = np.concatenate(parts, axis=axis)
    return x
