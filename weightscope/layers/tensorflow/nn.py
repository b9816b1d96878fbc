"""TensorFlow's products and convolutions, and its functions of images."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.convolve import convolve, depthwise
from weightscope.kernels.pooling import average_pool, max_pool
from weightscope.kernels.resize import resize
from weightscope.layers.operations.products import einsum as _einsum
from weightscope.layers.tensorflow.table import enter, function, pair


@function("linalg.matmul", "matmul", "MatMul", "BatchMatMul", "BatchMatMulV2")
def _matmul(a, b, transpose_a=False, transpose_b=False, adj_x=False, adj_y=False):
    """y = a · b over the last two axes"""
    a, b = pair(a, b)
    turned = transpose_a or adj_x, transpose_b or adj_y
    return np.matmul(*(x.swapaxes(-1, -2) if turn else x for x, turn in zip((a, b), turned)))


@function("tensordot", "linalg.tensordot")
def _tensordot(a, b, axes):
    """y = Σ a · b along axes"""
    return np.tensordot(*pair(a, b), axes)


@function("einsum", "linalg.einsum")
def _einsum_of(equation, *inputs):
    """y = the sum that the equation says"""
    return _einsum(*inputs, subscripts=equation)


@function("linalg.diag_part", "linalg.tensor_diag_part")
def _diag_part(input):
    """y = the diagonal of the last two axes"""
    return np.diagonal(input, axis1=-2, axis2=-1).copy()


@function("nn.bias_add", "BiasAdd")
def _bias_add(value, bias, data_format=None):
    """y = x + bias along the channels"""
    bias = np.asarray(bias, value.dtype)
    return value + (bias.reshape(-1, *(1,) * (value.ndim - 2)) if data_format in ("NCHW", "NC..") else bias)


def _last(data_format):
    if data_format not in (None, "NHWC", "NWC"):
        raise NotReplayable(f"data_format {data_format!r} of a TensorFlow function is not replayed")


def _spatial(value, rank=2):
    """Return one number for each axis of space, of what TensorFlow takes: one, rank of them, or rank + 2."""
    values = np.atleast_1d(value).tolist()
    return tuple(values * rank if len(values) == 1 else values if len(values) == rank else values[1:-1])


def _padding(padding):
    if not isinstance(padding, str):
        raise NotReplayable("a list as padding of a TensorFlow function is not replayed")
    return padding.lower()


@function("nn.conv2d", "Conv2D")
def _conv2d(input, filters=None, strides=1, padding="VALID", data_format=None, dilations=None, filter=None,
            use_cudnn_on_gpu=True):
    """y = x, convolved with the filters"""
    _last(data_format)
    kernel = np.asarray(filter if filters is None else filters, input.dtype)
    return convolve(input, kernel, _spatial(strides), _padding(padding), _spatial(dilations or 1))


@function("nn.depthwise_conv2d", "DepthwiseConv2dNative")
def _depthwise_conv2d(input, filter, strides, padding, data_format=None, dilations=None):
    """y = each channel of x, convolved with filters of its own"""
    _last(data_format)
    kernel = np.asarray(filter, input.dtype)
    return depthwise(input, kernel, _spatial(strides), _padding(padding), _spatial(dilations or 1))


def _pool(pool):
    def pooled(input, ksize, strides, padding, data_format=None):
        _last(data_format)
        return pool(input, _spatial(ksize), _spatial(strides), _padding(padding))
    return pooled


enter("nn.max_pool nn.max_pool2d MaxPool", _pool(max_pool), "y = the largest value of each window")
enter("nn.avg_pool nn.avg_pool2d AvgPool", _pool(average_pool), "y = the mean of each window")


@function("nn.depth_to_space", "depth_to_space", "DepthToSpace")
def _depth_to_space(input, block_size, data_format="NHWC"):
    """y = the channels laid out as blocks of pixels"""
    _last(data_format)
    batch, height, width, channels = input.shape
    blocks = input.reshape(batch, height, width, block_size, block_size, -1).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(batch, height * block_size, width * block_size, channels // block_size**2)


@function("nn.space_to_depth", "space_to_depth", "SpaceToDepth")
def _space_to_depth(input, block_size, data_format="NHWC"):
    """y = blocks of pixels laid out as channels"""
    _last(data_format)
    batch, height, width, channels = input.shape
    blocks = input.reshape(batch, height // block_size, block_size, width // block_size, block_size, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // block_size, width // block_size, -1)


@function("image.resize", "image.resize_images_v2")
def _resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False):
    """y = the images at another size, as method mixes their pixels"""
    if preserve_aspect_ratio:
        raise NotReplayable("preserve_aspect_ratio of image.resize is not replayed")
    return resize(images, tuple(int(n) for n in size), method, antialias)


@function("image.resize_bilinear")
def _resize_bilinear(images, size, align_corners=False, half_pixel_centers=False):
    """y = the images at another size, pixels mixed by their distance"""
    return _without_corners(images, size, align_corners, half_pixel_centers, "bilinear")


@function("image.resize_nearest_neighbor")
def _resize_nearest(images, size, align_corners=False, half_pixel_centers=False):
    """y = the images at another size, each pixel the nearest one"""
    return _without_corners(images, size, align_corners, half_pixel_centers, "nearest")


def _without_corners(images, size, align_corners, half_pixel_centers, method):
    if align_corners or (not half_pixel_centers and method == "bilinear"):
        raise NotReplayable("TensorFlow 1's way to align pixels in a resize is not replayed")
    if not half_pixel_centers:
        rows, columns = (np.minimum((np.arange(to) * (n / to)).astype(int), n - 1)
                         for to, n in zip(size, images.shape[1:3]))
        return images[:, rows][:, :, columns]
    return resize(images, tuple(size), method)
