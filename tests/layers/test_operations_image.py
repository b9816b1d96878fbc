"""``keras.ops.image`` against Keras, channels last and first, batches and single images."""

import keras
import numpy as np
import pytest
from operations import Fixed, agree_with_keras, op, ops

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(4)
COLOURS = RNG.uniform(size=(2, 6, 7, 3)).astype("float32")
CHANNELS_FIRST = np.moveaxis(COLOURS, -1, 1).copy()
FIRST = {"data_format": "channels_first"}
BYTES = RNG.integers(0, 256, (2, 6, 7, 3)).astype("uint8")
TURN = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, -0.4, 0.01, 0.002], [1, 0, 2.6, 0, 1, -3.2, 0, 0]], "float32")


@ops(
    *(
        op("resize", COLOURS, Fixed((9, 4)), interpolation=i)
        for i in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area")
    ),
    op("resize", COLOURS, Fixed((3, 4)), antialias=True),
    op("resize", BYTES, Fixed((9, 4))),
    op("resize", BYTES, Fixed((9, 4)), interpolation="nearest"),
    op("resize", CHANNELS_FIRST, Fixed((9, 4)), **FIRST),
    op("resize", COLOURS[0], Fixed((9, 4)), free=False),
    *(op("resize", COLOURS, Fixed(size), crop_to_aspect_ratio=True) for size in ((5, 5), (3, 9), (12, 4))),
    *(op("resize", COLOURS, Fixed(size), pad_to_aspect_ratio=True, fill_value=0.5) for size in ((12, 5), (5, 18))),
    op("pad_images", COLOURS, 1, 2, 0, 3),
    op("pad_images", COLOURS, 1, 2, target_height=9, target_width=10),
    op("pad_images", CHANNELS_FIRST, 1, 2, target_height=9, target_width=10, **FIRST),
    op("crop_images", COLOURS, 1, 2, 0, 3),
    op("crop_images", COLOURS, 1, 2, target_height=3, target_width=4),
    op("crop_images", CHANNELS_FIRST, bottom_cropping=1, right_cropping=2, target_height=3, target_width=4, **FIRST),
    op("extract_patches", COLOURS, Fixed((3, 2))),
    op("extract_patches", COLOURS, 2, strides=1, padding="same"),
    op("extract_patches", COLOURS, 2, strides=1, dilation_rate=2),
    op("extract_patches", COLOURS[0], 2, free=False),
    op("extract_patches", (2, 4, 4, 4, 2), Fixed((2, 2, 2))),
    op("rgb_to_grayscale", COLOURS),
    op("rgb_to_grayscale", CHANNELS_FIRST, **FIRST),
    op("rgb_to_hsv", COLOURS),
    op("rgb_to_hsv", CHANNELS_FIRST, **FIRST),
    op("hsv_to_rgb", COLOURS),
    op("hsv_to_rgb", COLOURS.astype("float64")),
    op("gaussian_blur", COLOURS),
    op("gaussian_blur", COLOURS, kernel_size=(5, 5), sigma=(0.7, 1.5)),
    op("gaussian_blur", CHANNELS_FIRST, **FIRST),
    op("sobel_edges", COLOURS),
    op("sobel_edges", CHANNELS_FIRST, **FIRST),
    op("ssim", COLOURS, COLOURS[::-1].copy(), filter_size=3),
    op("ssim", CHANNELS_FIRST, CHANNELS_FIRST[::-1].copy(), filter_size=5, max_val=2.0, free=False, **FIRST),
)
def test_images(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def transforms():
    for mode in ("constant", "nearest", "wrap", "reflect"):
        for interpolation in ("bilinear", "nearest"):
            yield op("affine_transform", COLOURS, Fixed(TURN), interpolation=interpolation, fill_mode=mode)
    yield op("affine_transform", CHANNELS_FIRST, Fixed(TURN[0]), fill_value=0.5, **FIRST)
    for half in (0.5, -1.5):
        moved = Fixed(np.float32([1, 0, half, 0, 1, half - 1, 0, 0]))
        yield op("affine_transform", COLOURS, moved, interpolation="nearest", fill_mode="nearest")
    start = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], "float32")
    end = start + RNG.uniform(-1, 1, (4, 2)).astype("float32")
    yield op("perspective_transform", COLOURS, Fixed(start), Fixed(end))
    yield op("perspective_transform", COLOURS, Fixed(start), Fixed(end), interpolation="nearest", fill_value=0.5)
    points = RNG.uniform(0, 4.5, (2, 3, 5)).astype("float32")
    for mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
        for order in (0, 1):
            x = points if mode == "mirror" else points * 1.6 - 2
            yield op("map_coordinates", (6, 7), x, order=order, fill_mode=mode, free=False)
    yield op("map_coordinates", BYTES[0, :, :, 0].astype("int32"), points, order=1, free=False)
    for method in ("linear", "cubic", "lanczos3", "lanczos5"):
        yield op(
            stretched(method), COLOURS, np.array([1.3, 0.6], "float32"), np.array([0.5, -1.0], "float32"), free=False
        )
    yield op(
        stretched("linear", False), COLOURS, np.array([0.4, 0.6], "float32"), np.array([0, 0.5], "float32"), free=False
    )


def stretched(method, antialias=True):
    def function(x, scale, translation):
        return keras.ops.image.scale_and_translate(x, (2, 8, 5, 3), scale, translation, (1, 2), method, antialias)

    return function


@ops(*transforms())
def test_transforms(cases, tmp_path):
    agree_with_keras(cases, tmp_path)
