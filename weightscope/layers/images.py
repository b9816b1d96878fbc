"""Keras' image layers that do the same in ``predict`` as in training: sizes, contrast and bounding boxes."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.histograms import LEVELS, equalized
from weightscope.kernels.resize import resize
from weightscope.layers.preprocessing import DataLayer
from weightscope.model.layer import keras_layer
from weightscope.model.running import MOST_VALUES


class ImageLayer(DataLayer):
    """The base of layers over images (batch, height, width, channels), or one image (height, width, channels).

    ``transform`` and ``image_shape`` see a batch, channels last. Given a mapping, a layer works on its "images" and
    hands on "labels", "segmentation_masks" and "bounding_boxes".
    """

    keeps_samples_apart = False  # three axes are one image, the first its height
    ignored = ("bounding_box_format",)
    data_format: "str | None" = None

    def arguments(self, args, kwargs):
        """Leave out ``training``, which Keras sets to False in ``predict`` whatever the graph says."""
        return super().arguments(args, {key: value for key, value in kwargs.items() if key != "training"})

    def image_shape(self, x):
        """Return the shape of the transformed images (batch, height, width, channels)."""
        return x

    def transform(self, x):
        """Return the transformed images (batch, height, width, channels)."""
        raise NotImplementedError

    def shape(self, x):
        if isinstance(x, dict):
            return {**x, "images": self.shape(x["images"])}
        if len(x) not in (3, 4):
            raise NotReplayable(f"layer {self.name!r}: images have 3 or 4 axes, found {len(x)}")
        batched = x if len(x) == 4 else (1, *x)
        y = self.image_shape(tuple(batched[i] for i in self._order))
        y = tuple(y[i] for i in np.argsort(self._order))
        return y if len(x) == 4 else y[1:]

    def forward(self, x):
        if isinstance(x, dict):
            return {**x, "images": self.forward(x["images"])}
        batched = x if x.ndim == 4 else x[None]
        y = self.transform(batched.transpose(self._order)).transpose(np.argsort(self._order))
        return y if x.ndim == 4 else y[0]

    @property
    def _order(self):
        return (0, 2, 3, 1) if self.data_format == "channels_first" else (0, 1, 2, 3)


class Sized(ImageLayer):
    """The base of the layers that bring images to ``height`` and ``width``."""

    height: int
    width: int

    def image_shape(self, x):
        """Return (batch, ``height``, ``width``, channels)."""
        return x[0], self.height, self.width, x[3]

    def cropped(self, x):
        """Return the largest part, in the middle, of the aspect ratio of ``height`` and ``width``."""
        height, width = x.shape[1:3]
        rows = max(min(height, self._of(width * self.height, self.width)), 1)
        columns = max(min(width, self._of(height * self.width, self.height)), 1)
        top, left = (height - rows) // 2, (width - columns) // 2
        return x[:, top:top + rows, left:left + columns]

    @staticmethod
    def _of(product, length):
        return int(np.float32(product) / np.float32(length))  # in float32, as TensorFlow's graph does it


@keras_layer
class Resizing(Sized):
    """Resizes images, as they are, or first cropped or padded to the new aspect ratio."""

    finest = "float32"  # as tf.image.resize returns it
    formula = "y = interpolation of x at (height, width), antialias; crop_to_aspect_ratio or pad_to_aspect_ratio first"
    ignored = ("bounding_box_format", "factor")
    interpolation: str = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = "constant"
    fill_value: "float | int" = 0.0
    antialias: bool = False

    def refusal(self):
        """Refuse another ``fill_mode``, as Keras does, and what any layer refuses."""
        padded = self.pad_to_aspect_ratio and self.fill_mode != "constant"
        return f"fill_mode={self.fill_mode!r} is not replayed" if padded else super().refusal()

    def transform(self, x):
        """Return the images at the new size, in the dtype they came in."""
        if self.crop_to_aspect_ratio:
            x = self.cropped(x)
        elif self.pad_to_aspect_ratio:
            x = self._padded(x)
        return resize(x, (self.height, self.width), self.interpolation, self.antialias)

    def _padded(self, x):
        height, width = x.shape[1:3]
        top = (max(height, self._of(width * self.height, self.width)) - height) // 2
        left = (max(width, self._of(height * self.width, self.height)) - width) // 2
        # An odd row or column is left out: Keras pads both sides by the same.
        return np.pad(x, [(0, 0), (top, top), (left, left), (0, 0)], constant_values=self.fill_value)


@keras_layer
class CenterCrop(Sized):
    """Cuts the middle out of images; a smaller image is resized to the size instead, cropped to the aspect ratio."""

    formula = "y = the height × width in the middle of x"

    def transform(self, x):
        """Return the middle of the images, or float32 where they were too small."""
        top, left = ((old - new) // 2 for old, new in zip(x.shape[1:3], (self.height, self.width)))
        if x.shape[1] >= self.height and x.shape[2] >= self.width:
            return x[:, top:top + self.height, left:left + self.width]
        return resize(self.cropped(x).astype("float32"), (self.height, self.width))


@keras_layer
class AutoContrast(ImageLayer):
    """Stretches every channel of every image over the whole ``value_range``."""

    formula = "y = (x - min(x)) / (max(x) - min(x)) over value_range; x where all are equal"
    value_range: tuple = (0, 255)

    @property
    def _order(self):
        return 0, 1, 2, 3  # Keras takes axes 1 and 2 for height and width in channels_first too

    def transform(self, x):
        """Return the images with the least value at the bottom of the range and the largest at its top."""
        low, high = (x.dtype.type(end) for end in sorted(self.value_range))
        y = rescaled(x, (low, high), (0, 255))
        least, most = y.min(axis=(1, 2), keepdims=True), y.max(axis=(1, 2), keepdims=True)
        scale = x.dtype.type(255) / (most - least)
        y = rescaled(np.clip(y * scale - least * scale, 0, 255), (0, 255), (low, high))
        return np.where(np.isnan(y), x, y)


def rescaled(x, old, new):
    """Return ``x`` moved from the range ``old`` (low, high) to ``new``; ``x`` itself where they are the same."""
    if tuple(old) == tuple(new):
        return x
    old_low, old_high, new_low, new_high = (x.dtype.type(end) for end in (*old, *new))
    return (x - old_low) / (old_high - old_low) * (new_high - new_low) + new_low


@keras_layer
class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Spreads the brightness of every tile of an image by its histogram, and blends the tiles (CLAHE)."""

    formula = "y = curves of tile_grid_size tiles, from histograms cut at clip_limit, blended, of x in value_range"
    ignored = ("bounding_box_format", "factor")
    value_range: tuple = (0, 255)
    clip_limit: "float | int" = 4.0
    tile_grid_size: tuple = (8, 8)

    def transform(self, x):
        """Return the images through the curves of their tiles, in the dtype they came in."""
        rows, columns = self.tile_grid_size
        if rows * columns * LEVELS * x.shape[0] * x.shape[3] > MOST_VALUES:
            raise ValueError(f"{rows} × {columns} tiles are too many")
        changes = tuple(self.value_range) != (0, 255)
        levels = rescaled(x.astype("float32"), self.value_range, (0, 255)) if changes else x
        y = equalized(levels, self.tile_grid_size, self.clip_limit)
        return rescaled(y, (0, 255), self.value_range).astype(x.dtype)


@keras_layer
class MaxNumBoundingBoxes(ImageLayer):
    """Cuts the bounding boxes of every image off at ``max_number``, or fills them up with -1; images pass."""

    formula = "y = x, its bounding_boxes cut or filled up to max_number"
    ignored = ("bounding_box_format", "factor", "fill_value")
    max_number: int

    def shape(self, x):
        if not isinstance(x, dict) or "bounding_boxes" not in x:
            return x
        boxes = {key: (y[0], self.max_number, *y[2:]) for key, y in x["bounding_boxes"].items()}
        return {**x, "bounding_boxes": boxes}

    def forward(self, x):
        if not isinstance(x, dict) or "bounding_boxes" not in x:
            return x
        return {**x, "bounding_boxes": {key: self._numbered(y) for key, y in x["bounding_boxes"].items()}}

    def _numbered(self, x):
        # Keras' config does not hold fill_value, so that a loaded layer has the default, -1.
        missing = max(self.max_number - x.shape[1], 0)
        around = [(0, 0), (0, missing)] + [(0, 0)] * (x.ndim - 2)
        return np.pad(x[:, :self.max_number], around, constant_values=-1)
