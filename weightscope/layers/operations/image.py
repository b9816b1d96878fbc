"""``keras.ops.image``: sizes, colours, borders, patches and blurs of images, one or a batch, channels last or first."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.convolve import convolve, depthwise
from weightscope.kernels.resize import resize as resized
from weightscope.kernels.windows import output_lengths
from weightscope.layers.operations.dtypes import as_float, cast, result_type
from weightscope.layers.operations.table import operations_of, same, shape_of
from weightscope.layers.operations.windows import per_axis

operation = operations_of("image")


def batched(function):
    """Wrap a function of images (batch, height, width, channels) so that it takes one, and honours ``data_format``."""

    def wrapped(images, *others, data_format=None, **settings):
        first = data_format == "channels_first"
        images = np.moveaxis(images, -3, -1) if first else images
        y = function(images[None] if images.ndim == 3 else images, *others, **settings)
        y = y[0] if images.ndim == 3 else y
        return np.moveaxis(y, -1, -3) if first else y

    return wrapped


def sized(rule):
    """Make a shape rule of a rule (height, width, channels, settings) → (height, width, channels)."""

    def shape(images, *others, data_format=None, **settings):
        images = shape_of(images)
        if data_format == "channels_first":
            height, width, channels = rule(*images[-2:], images[-3], *others, **settings)
            return *images[:-3], channels, height, width
        return *images[:-3], *rule(*images[-3:], *others, **settings)

    return shape


# Sizes and borders.


@operation(shape=sized(lambda height, width, channels, size, **_: (*size, channels)), finest="float32")
def resize(images, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
           pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, data_format=None):  # fmt: skip
    """y = the images at another size, as interpolation mixes their pixels"""
    if fill_mode != "constant":
        raise NotReplayable(f"fill_mode {fill_mode!r} is not replayed: Keras has none but 'constant'")
    aspect = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None
    return _resize(images, size, interpolation, antialias, aspect, fill_value, data_format=data_format)


@batched
def _resize(images, size, interpolation, antialias, aspect, fill_value):
    height, width = images.shape[1:3]
    tall, wide = (int(np.float32(n * a) / np.float32(b)) for n, a, b in ((width, *size), (height, *size[::-1])))
    if aspect == "crop":
        rows, columns = max(min(height, tall), 1), max(min(width, wide), 1)
        top, left = int((height - rows) / 2), int((width - columns) / 2)
        images = images[:, top:top + rows, left:left + columns]
    if aspect == "pad":
        # Keras pads both sides by the same, half of what is missing (backend/tensorflow/image.py).
        top, left = int((max(height, tall) - height) / 2), int((max(width, wide) - width) / 2)
        images = np.pad(images, [(0, 0), (top, top), (left, left), (0, 0)], constant_values=fill_value)
    return resized(images, size, interpolation, antialias)


def _padded_size(height, width, channels, top_padding=None, left_padding=None, bottom_padding=None,
                 right_padding=None, target_height=None, target_width=None):  # fmt: skip
    return (_grown(height, top_padding, bottom_padding, target_height),
            _grown(width, left_padding, right_padding, target_width), channels)


def _grown(n, before, after, target):
    return target if target is not None else None if n is None else n + before + after


def _border(n, before, after, target):
    before = target - after - n if before is None else before
    return before, target - before - n if after is None else after


@operation(shape=sized(_padded_size))
def pad_images(images, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None,
               target_height=None, target_width=None, data_format=None):  # fmt: skip
    """y = the images with zeros around them"""
    first = data_format == "channels_first"
    height, width = images.shape[-2:] if first else images.shape[-3:-1]
    borders = [_border(height, top_padding, bottom_padding, target_height),
               _border(width, left_padding, right_padding, target_width)]
    borders = [(0, 0), *borders] if first else [*borders, (0, 0)]
    return np.pad(images, [(0, 0)] * (images.ndim - 3) + borders)


def _cropped_size(height, width, channels, top_cropping=None, left_cropping=None, bottom_cropping=None,
                  right_cropping=None, target_height=None, target_width=None):  # fmt: skip
    return (_shrunk(height, top_cropping, bottom_cropping, target_height),
            _shrunk(width, left_cropping, right_cropping, target_width), channels)


def _shrunk(n, before, after, target):
    return target if target is not None else None if n is None else n - before - after


def _inner(n, before, after, target):
    before = n - target - after if before is None else before
    return slice(before, before + (n - after - before if target is None else target))


@operation(shape=sized(_cropped_size))
def crop_images(images, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None,
                target_height=None, target_width=None, data_format=None):  # fmt: skip
    """y = the inner part of the images"""
    first = data_format == "channels_first"
    height, width = images.shape[-2:] if first else images.shape[-3:-1]
    inner = (_inner(height, top_cropping, bottom_cropping, target_height),
             _inner(width, left_cropping, right_cropping, target_width))
    return images[(..., *inner) if first else (..., *inner, slice(None))]


def _patches_shape(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    images, rank = shape_of(images), 2 if isinstance(size, int) else len(size)
    sizes = per_axis(size, rank)
    first = data_format == "channels_first"
    *front, channels = (*images[:-rank - 1], *images[-rank:], images[-rank - 1]) if first else images
    settings = per_axis(strides or sizes, rank), padding, per_axis(dilation_rate, rank)
    space, depth = output_lengths(front[-rank:], sizes, *settings), int(np.prod(sizes)) * channels
    return (*front[:-rank], depth, *space) if first else (*front[:-rank], *space, depth)


@operation(shape=_patches_shape)
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """y[p] = all values of the images under the window at p·strides"""
    rank = 2 if isinstance(size, int) else len(size)
    sizes, first = per_axis(size, rank), data_format == "channels_first"
    images = np.moveaxis(images, -rank - 1, -1) if first else images
    depth = int(np.prod(sizes)) * images.shape[-1]
    kernel = np.eye(depth, dtype=images.dtype).reshape(*sizes, images.shape[-1], depth)
    settings = per_axis(strides or sizes, rank), padding, per_axis(dilation_rate, rank)
    y = convolve(images[None] if images.ndim == rank + 1 else images, kernel, *settings)
    y = y[0] if images.ndim == rank + 1 else y
    return np.moveaxis(y, -1, -rank - 1) if first else y


# Colours.


@operation(shape=sized(lambda height, width, channels: (height, width, 1)))
def rgb_to_grayscale(images, data_format=None):
    """y = 0.2989 red + 0.587 green + 0.114 blue"""
    axis = -3 if data_format == "channels_first" else -1
    if images.shape[axis] == 1:
        return images.copy()
    floats = cast(images, result_type(images, float))
    weights = np.asarray([0.2989, 0.5870, 0.1140], floats.dtype)
    return cast(np.expand_dims(np.tensordot(floats, weights, (axis, -1)), axis), images.dtype)


@operation(shape=same)
def rgb_to_hsv(images, data_format=None):
    """y = hue, saturation and value of red, green and blue"""
    return _rgb_to_hsv(images, data_format=data_format)


@batched
def _rgb_to_hsv(images):
    # Source: tensorflow/core/kernels/image/colorspace_op.h.
    red, green, blue = np.moveaxis(images, -1, 0)
    value = images.max(axis=-1)
    spread = value - images.min(axis=-1)
    saturation = np.where(value > 0, spread / value, 0)
    sixth, third = images.dtype.type(1) / (6 * spread), images.dtype.type(1 / 3)
    hue = np.where(green == value, sixth * (blue - red) + third, sixth * (red - green) + 2 * third)
    hue = np.where(red == value, sixth * (green - blue), hue)
    hue = np.where(spread > 0, hue, 0)
    return np.stack([np.where(hue < 0, hue + 1, hue), saturation, value], axis=-1).astype(images.dtype)


@operation(shape=same)
def hsv_to_rgb(images, data_format=None):
    """y = red, green and blue of hue, saturation and value"""
    return _hsv_to_rgb(images, data_format=data_format)


@batched
def _hsv_to_rgb(images):
    hue, saturation, value = np.moveaxis(images, -1, 0)
    sixths = hue * 6
    red, green, blue = (np.clip(c, 0, 1) for c in (
        np.abs(sixths - 3) - 1, 2 - np.abs(sixths - 2), 2 - np.abs(sixths - 4)))
    colours = np.stack([red, green, blue], axis=-1)
    return (((1 - saturation)[..., None] + saturation[..., None] * colours) * value[..., None]).astype(images.dtype)


# Blurs and edges.


def _gaussian(size, sigma, dtype):
    x = np.arange(size, dtype=dtype) - dtype.type((size - 1) / 2)
    y = np.exp(-0.5 * np.square(x / dtype.type(sigma)))
    return y / y.sum()


@operation(shape=same)
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """y[p] = Σ images[p + t] · exp(−t² / 2 sigma²), the weights brought to a sum of 1"""
    return _gaussian_blur(images, kernel_size, sigma, data_format=data_format)


@batched
def _gaussian_blur(images, kernel_size, sigma):
    dtype = images.dtype
    # Keras takes the first size and sigma for x, the second for y, and shapes the kernel (first, second).
    weights = np.multiply.outer(_gaussian(kernel_size[1], sigma[1], dtype), _gaussian(kernel_size[0], sigma[0], dtype))
    weights = weights.reshape(*kernel_size, 1, 1)
    return depthwise(images, np.repeat(weights, images.shape[-1], axis=2), (1, 1), "same", (1, 1))


@operation(shape=lambda images, data_format=None: (*shape_of(images), 2))
def sobel_edges(images, data_format=None):
    """y = how steeply the images rise from top to bottom, and from left to right"""
    first = data_format == "channels_first"
    images = np.moveaxis(images, 1, -1) if first else images
    x = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    rows = x[:, 2:] - x[:, :-2]
    columns = x[:, :, 2:] - x[:, :, :-2]
    y = np.stack([rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:],
                  columns[:, :-2] + 2 * columns[:, 1:-1] + columns[:, 2:]], axis=-1)
    return np.moveaxis(y, -2, 1) if first else y


@operation(shape=lambda image1, image2, **_: shape_of(image1)[:-3])
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """y = (2 μ₁μ₂ + c₁)(2 σ₁₂ + c₂) / ((μ₁² + μ₂² + c₁)(σ₁² + σ₂² + c₂)), its mean (Wang et al., 2004)"""
    axis = -3 if data_format == "channels_first" else -1
    x, y = (np.moveaxis(as_float(image), axis, -1) for image in (image1, image2))
    one = x.ndim == 3
    x, y = (x[None], y[None]) if one else (x, y)
    weights = _gaussian(filter_size, filter_sigma, x.dtype)
    kernel = np.repeat(np.multiply.outer(weights, weights)[..., None, None], x.shape[-1], axis=2)

    def blurred(values):
        return depthwise(values, kernel, (1, 1), "valid", (1, 1))

    c1, c2 = ((k * max_val) ** 2 for k in (k1, k2))
    mean1, mean2 = blurred(x), blurred(y)
    both = mean1 * mean2
    spread = blurred(x * x) - mean1 * mean1 + (blurred(y * y) - mean2 * mean2) + c2
    found = (2 * both + c1) * (2 * (blurred(x * y) - both) + c2) / ((mean1 * mean1 + mean2 * mean2 + c1) * spread)
    found = np.mean(found, axis=(1, 2, 3))
    return cast(np.asarray(found[0] if one else found), image1.dtype)
