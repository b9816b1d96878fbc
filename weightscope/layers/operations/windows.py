"""``keras.ops.nn``: what slides over space, convolutions, poolings and patches; channels_first is turned round here."""

import numpy as np

from weightscope.kernels.convolve import convolve, depthwise, transpose_length
from weightscope.kernels.convolve import convolve_transpose as spread
from weightscope.kernels.pooling import adaptive_pool, average_pool, max_pool
from weightscope.kernels.windows import output_lengths, reach
from weightscope.layers.operations.dtypes import together
from weightscope.layers.operations.table import operations_of, shape_of

operation = operations_of("nn")


def per_axis(value, rank):
    """Return a setting as one number for each axis of space."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank


def channels_last(function):
    """Wrap a function of (x, …) over (batch, *space, channels) so that it honours ``data_format``."""

    def turned(x, *others, data_format=None, **settings):
        if data_format != "channels_first":
            return function(x, *others, **settings)
        return np.moveaxis(function(np.moveaxis(x, 1, -1), *others, **settings), -1, 1)

    return turned


def shape_last(rule):
    """The same for a shape rule."""

    def turned(x, *others, data_format=None, **settings):
        x = shape_of(x)
        if data_format != "channels_first":
            return rule(x, *others, **settings)
        y = rule((x[0], *x[2:], x[1]), *others, **settings)
        return (y[0], y[-1], *y[1:-1])

    return turned


def _windows(x, sizes, strides, padding, dilation_rate=1):
    rank = len(x) - 2
    settings = per_axis(strides, rank), padding, per_axis(dilation_rate, rank)
    return output_lengths(x[1:-1], tuple(sizes), *settings)


# Convolutions.


@shape_last
def _conv_shape(x, kernel, strides=1, padding="valid", dilation_rate=1):
    kernel = shape_of(kernel)
    return x[0], *_windows(x, kernel[:-2], strides, padding, dilation_rate), kernel[-1]


@operation(shape=_conv_shape)
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """y[p] = Σ inputs[p·strides + t·dilation_rate] · kernel[t] over the kernel's steps t"""
    inputs, kernel = together(inputs, kernel)
    return _conv(inputs, kernel, strides, padding, dilation_rate, data_format=data_format)


@channels_last
def _conv(x, kernel, strides, padding, dilation_rate):
    rank = x.ndim - 2
    groups = x.shape[-1] // kernel.shape[-2]
    return convolve(x, kernel, per_axis(strides, rank), padding, per_axis(dilation_rate, rank), groups)


@shape_last
def _depthwise_shape(x, kernel, strides=1, padding="valid", dilation_rate=1):
    *sizes, channels, multiplier = shape_of(kernel)
    return x[0], *_windows(x, sizes, strides, padding, dilation_rate), channels * multiplier


@operation(shape=_depthwise_shape)
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """y[p, c] = Σ inputs[p·strides + t·dilation_rate, c] · kernel[t, c] over the kernel's steps t"""
    return _depthwise(*together(inputs, kernel), strides, padding, dilation_rate, data_format=data_format)


@channels_last
def _depthwise(x, kernel, strides, padding, dilation_rate):
    rank = x.ndim - 2
    return depthwise(x, kernel, per_axis(strides, rank), padding, per_axis(dilation_rate, rank))


@shape_last
def _separable_shape(x, depthwise_kernel, pointwise_kernel, **settings):
    return (*_depthwise_shape(x, depthwise_kernel, **settings)[:-1], shape_of(pointwise_kernel)[-1])


@operation(shape=_separable_shape)
def separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None,
                   dilation_rate=1):  # fmt: skip
    """y = depthwise_conv(inputs, depthwise_kernel) · pointwise_kernel"""
    inputs, depthwise_kernel, pointwise_kernel = together(inputs, depthwise_kernel, pointwise_kernel)
    y = _depthwise(inputs, depthwise_kernel, strides, padding, dilation_rate, data_format=data_format)
    return _conv(y, pointwise_kernel, 1, "valid", 1, data_format=data_format)


@shape_last
def _transpose_shape(x, kernel, strides=1, padding="valid", output_padding=None, dilation_rate=1):
    *sizes, filters, _ = shape_of(kernel)
    settings = (per_axis(value, len(sizes)) for value in (strides, output_padding, dilation_rate))
    axes = zip(x[1:-1], sizes, *settings, strict=True)
    return x[0], *(transpose_length(n, size, stride, padding, more, d) for n, size, stride, more, d in axes), filters


@operation(shape=_transpose_shape)
def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None,
                   dilation_rate=1):  # fmt: skip
    """y[p·strides + t·dilation_rate] gathers inputs[p] · kernel[t]ᵀ from every position p and step t of the kernel"""
    settings = strides, padding, output_padding, dilation_rate
    return _conv_transpose(*together(inputs, kernel), *settings, data_format=data_format)


@channels_last
def _conv_transpose(x, kernel, strides, padding, output_padding, dilation_rate):
    rank = x.ndim - 2
    spare = None if output_padding is None else per_axis(output_padding, rank)
    return spread(x, kernel, per_axis(strides, rank), padding, spare, per_axis(dilation_rate, rank))


# Poolings.


@shape_last
def _pool_shape(x, pool_size, strides=None, padding="valid"):
    sizes = per_axis(pool_size, len(x) - 2)
    return x[0], *_windows(x, sizes, sizes if strides is None else strides, padding), x[-1]


def _pool(pool, x, pool_size, strides, padding, data_format):
    @channels_last
    def pooled(x):
        sizes = per_axis(pool_size, x.ndim - 2)
        return pool(x, sizes, sizes if strides is None else per_axis(strides, x.ndim - 2), padding)

    return pooled(x, data_format=data_format)


@operation(shape=_pool_shape, name="max_pool")
def max_pooling(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """y[p] = max(inputs[p·strides + t]) over the steps t of the window"""
    return _pool(max_pool, inputs, pool_size, strides, padding, data_format)


@operation(shape=_pool_shape, name="average_pool")
def average_pooling(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """y[p] = mean(inputs[p·strides + t]) over the steps t of the window that lie inside"""
    return _pool(average_pool, inputs, pool_size, strides, padding, data_format)


@shape_last
def _adaptive_shape(x, output_size):
    return x[0], *per_axis(output_size, len(x) - 2), x[-1]


@operation(shape=_adaptive_shape)
def adaptive_average_pool(inputs, output_size, data_format=None):
    """y[p] = mean(inputs[s]) over the steps s from ⌊p·length/output_size⌋ up to ⌈(p+1)·length/output_size⌉"""
    return _adaptive(inputs, np.mean, output_size, data_format=data_format)


@operation(shape=_adaptive_shape)
def adaptive_max_pool(inputs, output_size, data_format=None):
    """y[p] = max(inputs[s]) over the steps s from ⌊p·length/output_size⌋ up to ⌈(p+1)·length/output_size⌉"""
    return _adaptive(inputs, np.max, output_size, data_format=data_format)


@channels_last
def _adaptive(x, reduce, output_size):
    return adaptive_pool(reduce, x, per_axis(output_size, x.ndim - 2))


# Patches, and blocks of pixels; arrays (batch, channels, height, width) for the first two.


@operation
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """y[c·t, p] = x[c, p·stride + t·dilation − padding] for every step t of the kernel and position p"""
    sizes, dilation, padding, stride = (per_axis(v, 2) for v in (kernel_size, dilation, padding, stride))
    x = np.pad(x, [(0, 0), (0, 0), *((n, n) for n in padding)])
    rows, columns = output_lengths(x.shape[2:], sizes, stride, "valid", dilation)
    taps = [x[:, :, i * dilation[0]:, j * dilation[1]:][:, :, ::stride[0], ::stride[1]][:, :, :rows, :columns]
            for i, j in np.ndindex(*sizes)]
    return np.stack(taps, axis=2).reshape(len(x), -1, rows * columns)


def _folded(x, output_size, **_):
    sizes = per_axis(_.get("kernel_size"), 2)
    batch, depth, _steps = shape_of(x)
    return batch, None if depth is None else depth // (sizes[0] * sizes[1]), *per_axis(output_size, 2)


@operation(shape=_folded)
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """y[c, p·stride + t·dilation − padding] gathers x[c·t, p] from every step t of the kernel and position p"""
    size, sizes, dilation, padding, stride = (
        per_axis(v, 2) for v in (output_size, kernel_size, dilation, padding, stride))
    room = [n + 2 * more for n, more in zip(size, padding)]
    rows, columns = ((n - reach(k, d)) // s + 1 for n, k, d, s in zip(room, sizes, dilation, stride))
    x = x.reshape(len(x), -1, sizes[0] * sizes[1], rows, columns)
    y = np.zeros((*x.shape[:2], *room), x.dtype)
    for t, (i, j) in enumerate(np.ndindex(*sizes)):
        into = y[:, :, i * dilation[0]:, j * dilation[1]:][:, :, ::stride[0], ::stride[1]][:, :, :rows, :columns]
        into += x[:, :, t]
    return y[:, :, padding[0]:padding[0] + size[0], padding[1]:padding[1] + size[1]]


@operation
def depth_to_space(x, block_size, data_format="channels_last"):
    """y = every pixel's channels spread over a block of pixels"""
    return _depth_to_space(x, block_size, data_format=data_format)


@channels_last
def _depth_to_space(x, block):
    batch, height, width, depth = x.shape
    y = x.reshape(batch, height, width, block, block, depth // block**2).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(batch, height * block, width * block, depth // block**2)


@operation
def space_to_depth(x, block_size, data_format="channels_last"):
    """y = every block of pixels gathered into the channels of one"""
    return _space_to_depth(x, block_size, data_format=data_format)


@channels_last
def _space_to_depth(x, block):
    batch, height, width, depth = x.shape
    y = x.reshape(batch, height // block, block, width // block, block, depth).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(batch, height // block, width // block, depth * block**2)
