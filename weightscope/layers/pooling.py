"""Keras' pooling layers: windows, or all of space, reduced to a maximum or a mean."""

import numpy as np

from weightscope.kernels.pooling import adaptive_pool, average_pool, max_pool
from weightscope.kernels.windows import output_lengths
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import keras_layer
from weightscope.model.running import WHOLE


class Pooling(Spatial):
    """The base of the layers whose window slides; ``pool`` is what it does with a window."""

    pool_size: PerAxis = 2
    strides: "PerAxis | None" = None
    padding: str = "valid"

    def space_shape(self, x):
        strides = self.strides or self.pool_size
        return x[0], *output_lengths(x[1:-1], self.pool_size, strides, self.padding), x[-1]

    def forward(self, x):
        return self.pool(x, self.pool_size, self.strides or self.pool_size, self.padding)


class MaxPooling(Pooling):
    """The base of MaxPooling1D, MaxPooling2D and MaxPooling3D."""

    rounding = "none"
    formula = "y[p] = max(x[p·strides + t]) over the steps t of the window"
    pool = staticmethod(max_pool)


class AveragePooling(Pooling):
    """The base of AveragePooling1D, AveragePooling2D and AveragePooling3D."""

    rounding = "products"
    formula = "y[p] = mean(x[p·strides + t]) over the steps t of the window that lie inside x"
    pool = staticmethod(average_pool)


@keras_layer
class MaxPooling1D(MaxPooling):
    """The largest value of each window of steps, channel by channel."""

    rank = 1


@keras_layer
class MaxPooling2D(MaxPooling):
    """The largest value of each rectangle, channel by channel."""

    rank = 2


@keras_layer
class MaxPooling3D(MaxPooling):
    """The largest value of each box, channel by channel."""

    rank = 3


@keras_layer
class AveragePooling1D(AveragePooling):
    """The mean of each window of steps, channel by channel."""

    rank = 1


@keras_layer
class AveragePooling2D(AveragePooling):
    """The mean of each rectangle, channel by channel."""

    rank = 2


@keras_layer
class AveragePooling3D(AveragePooling):
    """The mean of each box, channel by channel."""

    rank = 3


class GlobalPooling(Spatial):
    """The base of the layers that reduce all of space at once."""

    keepdims: bool = False

    @property
    def space(self):
        """The axes of space, channels last."""
        return tuple(range(1, self.rank + 1))

    def space_shape(self, x):
        return x[0], *(1,) * (self.rank if self.keepdims else 0), x[-1]


class GlobalMaxPooling(GlobalPooling):
    """The base of GlobalMaxPooling1D, GlobalMaxPooling2D and GlobalMaxPooling3D."""

    rounding = "none"
    formula = "y = max(x) over all positions"

    def forward(self, x):
        return np.max(x, axis=self.space, keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The base of GlobalAveragePooling1D, GlobalAveragePooling2D and GlobalAveragePooling3D."""

    rounding = "products"
    formula = "y = mean(x) over all positions"

    def forward(self, x):
        x = x.astype("float32") if x.dtype.kind in "biu" else x
        return np.mean(x, axis=self.space, keepdims=self.keepdims)


@keras_layer
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest value of a sequence, channel by channel."""

    rank = 1


@keras_layer
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest value of an image, channel by channel."""

    rank = 2


@keras_layer
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest value of a volume, channel by channel."""

    rank = 3


@keras_layer
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of a sequence, channel by channel, over the steps that the mask keeps."""

    formula = "y = mean(x) over all steps that are not masked"
    supports_masking = True
    rank = 1

    def mask(self, x, mask):
        return None

    def forward(self, x, mask=None):
        if mask is None:
            return super().forward(x)
        kept = np.asarray(mask, bool)[..., None]
        total = np.sum(x, axis=1, keepdims=self.keepdims, where=kept)
        return total / np.sum(kept, axis=1, keepdims=self.keepdims, dtype=x.dtype)


@keras_layer
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of an image, channel by channel."""

    rank = 2


@keras_layer
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of a volume, channel by channel."""

    rank = 3


class AdaptivePooling(Spatial):
    """The base of the layers that choose their windows so that ``output_size`` of them cover each axis."""

    output_size: PerAxis

    def space_shape(self, x):
        return x[0], *self.output_size, x[-1]

    def forward(self, x):
        return adaptive_pool(self.reduce, x, self.output_size)


class AdaptiveAveragePooling(AdaptivePooling):
    """The base of AdaptiveAveragePooling1D, AdaptiveAveragePooling2D and AdaptiveAveragePooling3D."""

    rounding = "products"
    formula = "y[p] = mean(x[s]) over the steps s from ⌊p·length/output_size⌋ up to ⌈(p+1)·length/output_size⌉"
    fails_on = WHOLE
    reduce = staticmethod(np.mean)


class AdaptiveMaxPooling(AdaptivePooling):
    """The base of AdaptiveMaxPooling1D, AdaptiveMaxPooling2D and AdaptiveMaxPooling3D."""

    rounding = "none"
    fails_on = ("bool",)
    formula = "y[p] = max(x[s]) over the steps s from ⌊p·length/output_size⌋ up to ⌈(p+1)·length/output_size⌉"
    reduce = staticmethod(np.max)


@keras_layer
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The means of ``output_size`` windows that cover a sequence."""

    rank = 1


@keras_layer
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The means of ``output_size`` windows that cover an image."""

    rank = 2


@keras_layer
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The means of ``output_size`` windows that cover a volume."""

    rank = 3


@keras_layer
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest values of ``output_size`` windows that cover a sequence."""

    rank = 1


@keras_layer
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest values of ``output_size`` windows that cover an image."""

    rank = 2


@keras_layer
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest values of ``output_size`` windows that cover a volume."""

    rank = 3
