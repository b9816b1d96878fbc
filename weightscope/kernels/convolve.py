"""Convolutions over one, two or three spatial axes, as matrix products.

Arrays are (batch, *space, channels). ``kernel`` is (*kernel_size, …) and is not flipped: what deep learning calls a
convolution is a correlation. ``strides`` and ``dilation_rate`` are tuples with one integer per spatial axis, padding
is Keras' word (see ``kernels.windows``). Results have the dtype of ``x``; two-byte floats are multiplied and added in
float32 and rounded once, for BLAS knows no smaller type.
"""

import math

import numpy as np

from weightscope.kernels.noting import note
from weightscope.kernels.windows import output_lengths, pad, reach, sliding, tap

# Floats of patches (convolve) or of results (depthwise) to hold at a time, measured: a product of fewer rows starves
# BLAS' threads, one of more falls out of the cache before it is read.
PATCHES = 1 << 21
RESULTS = 1 << 16


def convolve(x, kernel, strides, padding, dilation_rate, groups=1):
    """y[b, o, f] = Σ over kernel taps t and channels c of x[b, o·strides + t·dilation_rate, c] · kernel[t, c, f].

    ``x`` (batch, *space, in), ``kernel`` (*kernel_size, in/groups, filters) → (batch, *windows, filters). Group g of
    the filters sees group g of the channels only. Raises ``ValueError`` where no window fits into ``x``, and where
    channels, filters and groups contradict each other.
    """
    dtype, work = x.dtype, working_dtype(x)
    if groups < 1 or x.shape[-1] != kernel.shape[-2] * groups or kernel.shape[-1] % groups:
        raise ValueError(f"{groups} groups of a kernel {kernel.shape} do not fit {x.shape[-1]} channels")
    x, kernel = x.astype(work, copy=False), kernel.astype(work, copy=False)
    *sizes, channels, filters = kernel.shape
    x = pad(x, sizes, strides, padding, dilation_rate)
    lengths = output_lengths(x.shape[1:-1], sizes, strides, "valid", dilation_rate)
    y = np.empty((x.shape[0], *lengths, filters), work)
    for group in range(groups):
        into = slice(group * (filters // groups), (group + 1) * (filters // groups))
        seen = x[..., group * channels : (group + 1) * channels]
        multiply(sliding(seen, sizes, strides, dilation_rate), kernel[..., into], y[..., into])
    return y.astype(dtype, copy=False)


def multiply(patches, kernel, y):
    """``y`` (batch, *windows, filters) ← ``patches`` (batch, *windows, *kernel_size, in) · ``kernel``, by slices."""
    matrix = np.ascontiguousarray(kernel).reshape(-1, kernel.shape[-1])
    buffer = np.empty(0, y.dtype)
    for part in slices(y.shape, PATCHES, matrix.shape[0]):
        rows = patches[part]
        if not is_matrix(rows, matrix.shape[0]):
            buffer = buffer if buffer.size >= rows.size else np.empty(rows.size, y.dtype)
            np.copyto(buffer[: rows.size].reshape(rows.shape), rows)
            rows = buffer[: rows.size]
        out = y[part]
        if out.flags.c_contiguous:
            np.matmul(rows.reshape(-1, matrix.shape[0]), matrix, out=out.reshape(-1, matrix.shape[1]))
        else:
            out[...] = (rows.reshape(-1, matrix.shape[0]) @ matrix).reshape(out.shape)


def is_matrix(patches, width):
    """Whether the patches lie in memory as rows of a matrix (kernel 1×1, stride 1), so that nothing need be copied."""
    return patches.flags.c_contiguous and patches.shape[-1] == width


def slices(shape, floats, width):
    """Indices that cut (batch, first, …) into blocks of about ``floats`` numbers, at ``width`` numbers a position.

    Whole members of the batch together where several fit, else steps of the first spatial axis of one member.
    """
    batch, first, *rest = shape[:-1]
    per_step = max(math.prod(rest) * width, 1)
    members = max(floats // (first * per_step), 1)
    steps = first if members > 1 else max(floats // per_step, 1)
    for start in range(0, batch, members):
        for step in range(0, first, steps):
            yield slice(start, start + members), slice(step, step + steps)


def depthwise(x, kernel, strides, padding, dilation_rate):
    """y[b, o, c·multiplier + m] = Σ over kernel taps t of x[b, o·strides + t·dilation_rate, c] · kernel[t, c, m].

    ``x`` (batch, *space, channels), ``kernel`` (*kernel_size, channels, multiplier) → (batch, *windows, channels ·
    multiplier). Raises ``ValueError`` where no window fits into ``x``, and where the channels differ.
    """
    dtype, work = x.dtype, working_dtype(x)
    if x.shape[-1] != kernel.shape[-2]:
        raise ValueError(f"a kernel {kernel.shape} does not fit {x.shape[-1]} channels")
    x, kernel = x.astype(work, copy=False), kernel.astype(work, copy=False)
    *sizes, channels, multiplier = kernel.shape
    x = pad(x, sizes, strides, padding, dilation_rate)
    lengths = output_lengths(x.shape[1:-1], sizes, strides, "valid", dilation_rate)
    y = np.empty((x.shape[0], *lengths, channels, multiplier), work)
    taps = [(tap_of(x, at, lengths, strides, dilation_rate)[..., None], kernel[at]) for at in np.ndindex(*sizes)]
    for part in slices(y.shape[:-1], RESULTS, channels * multiplier):
        out = y[part]
        np.multiply(taps[0][0][part], taps[0][1], out=out)
        product = np.empty_like(out)
        for seen, weight in taps[1:]:
            np.multiply(seen[part], weight, out=product)
            out += product
    return y.reshape(x.shape[0], *lengths, channels * multiplier).astype(dtype, copy=False)


def convolve_transpose(x, kernel, strides, padding, output_padding, dilation_rate):
    """y[b, i·strides + t·dilation_rate − before, f] += Σ over channels c of x[b, i, c] · kernel[t, f, c].

    The adjoint of ``convolve``: every step of ``x`` is spread over a window of the result. ``x`` (batch, *space, in),
    ``kernel`` (*kernel_size, filters, in) → (batch, *lengths, filters), see ``transpose_length``;
    ``output_padding`` is ``None`` or one integer per axis. Raises ``ValueError`` where the channels differ.
    """
    dtype, work = x.dtype, working_dtype(x)
    *sizes, filters, _ = kernel.shape
    rows = x.astype(work, copy=False).reshape(-1, x.shape[-1])
    space, spare = x.shape[1:-1], output_padding or (None,) * len(sizes)
    axes = list(zip(space, sizes, strides, spare, dilation_rate, strict=True))
    lengths = [transpose_length(n, size, stride, padding, more, d) for n, size, stride, more, d in axes]
    spread = [(n - 1) * stride + reach(size, d) for n, size, stride, _, d in axes]
    before = [max(s - n, 0) // 2 if padding == "same" else 0 for s, n in zip(spread, lengths, strict=True)]
    if padding == "half":  # Theano's "same"
        before = [reach(size, d) // 2 for size, d in zip(sizes, dilation_rate, strict=True)]
    note(before=before)
    room = [max(s, b + n) for s, b, n in zip(spread, before, lengths, strict=True)]
    y = np.zeros((x.shape[0], *room, filters), work)
    for at in np.ndindex(*sizes):
        into = tap_of(y, at, space, strides, dilation_rate)
        into += (rows @ kernel[at].T.astype(work, copy=False)).reshape(into.shape)
    return tap(y, before, lengths, (1,) * len(sizes)).astype(dtype)


def transpose_length(length, size, stride, padding, output_padding, dilation=1):
    """The length that ``length`` steps are spread to (``None`` stays ``None``).

    Source: ``_get_output_shape_given_tf_padding`` in keras/src/backend/common/backend_utils.py.
    """
    if length is None:
        return None
    size = reach(size, dilation)
    if padding == "valid":
        return (length - 1) * stride + size + (max(stride - size, 0) if output_padding is None else output_padding)
    return length * stride if output_padding is None else (length - 1) * stride + size % 2 + output_padding


def tap_of(x, at, lengths, strides, dilation_rate):
    """The view of ``x`` that the kernel's tap ``at`` meets."""
    return tap(x, [t * dilation for t, dilation in zip(at, dilation_rate, strict=True)], lengths, strides)


def working_dtype(x):
    """The dtype to compute in: float64 stays, everything shorter is float32."""
    return np.float64 if x.dtype == np.float64 else np.float32
