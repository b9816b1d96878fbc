"""Layers of several families as an older Keras 3 computed them; the version behind each is the last that did."""

import numpy as np

from weightscope.kernels.activations import softmax
from weightscope.kernels.resize import resize
from weightscope.layers import activations, attention, images, preprocessing
from weightscope.model.layer import Layer, keras_layer


@keras_layer
class Softmax(activations.Softmax):
    """Turns the values along an axis into shares of 1, all alike where all of them are masked (3.9)."""

    layout = "keras3"

    def forward(self, x, mask=None):
        if mask is None:
            return softmax(x, self.axis)
        lowest = x.dtype.type(-3e4 if x.dtype == np.float16 else -1e9)
        x = x + (1 - mask.astype(x.dtype)) * lowest
        if isinstance(self.axis, int) or len(self.axis) == 1:
            return softmax(x, self.axis)
        # Beside so large a number the logarithm of the sum is lost: over several axes, all are 1 where all are masked.
        axes = tuple(self.axis)
        largest = x.max(axis=axes, keepdims=True)
        return np.exp(x - (np.log(np.exp(x - largest).sum(axis=axes, keepdims=True)) + largest))


class OlderAttention(attention.MultiHead):
    """Attention in several heads: without ``zero_masked`` (3.9) a query of masked keys gets the mean of the values.

    ``packs_inputs``: quantized to int4, its kernels are packed along the inputs (3.13); ``calls_bare`` (3.7): its dense
    layers take the numbers of a quantized kernel for the kernel.
    """

    layout = "keras3"
    zero_masked: bool = True
    packs_inputs: bool = False
    calls_bare: bool = False


@keras_layer
class MultiHeadAttention(OlderAttention, attention.MultiHeadAttention):
    """Attention in several heads, as older versions had it."""


@keras_layer
class GroupedQueryAttention(OlderAttention, attention.GroupedQueryAttention):
    """Attention whose query heads share the heads of key and value, as older versions had it."""


@keras_layer
class GroupQueryAttention(GroupedQueryAttention):
    """GroupedQueryAttention under the name by which Keras exports it."""

    stored_as = "GroupedQueryAttention"


@keras_layer
class Cast(Layer):
    """Rounds to another float: what Keras 3.5 to 3.9 put into the graphs of mixed models, before the layers."""

    layout = "keras3"
    is_operation = True
    rounding = "none"
    formula = "y = x as dtype"

    def forward(self, x):
        return self.as_computed(x)


@keras_layer
class RandomCrop(images.Sized):
    """In ``predict`` a part of the aspect ratio of ``height`` and ``width`` is cut out and resized (3.7).

    With ``from_corner`` (3.6, 3.7) what is cut out has that part's corner, but the size of the result where it fits.
    """

    layout = "keras3"
    finest = "float32"
    formula = "y = x, cut to the aspect ratio of (height, width) and resized to it (what it cuts is random in training)"
    ignored = (*images.Sized.ignored, "seed")
    from_corner: bool = False

    def transform(self, x):
        """Return the images at the new size."""
        return resize(self._cut(x) if self.from_corner else self.cropped(x), (self.height, self.width))

    def _cut(self, x):
        part = self.cropped(x).shape
        top, left = ((whole - size) // 2 for whole, size in zip(x.shape[1:3], part[1:3]))
        return x[:, top:top + self.height, left:left + self.width]


@keras_layer
class Discretization(preprocessing.Discretization):
    """Says into which bin each number falls, as whole numbers of ``result_dtype`` (3.11)."""

    layout = "keras3"
    keeps_axis: bool = False
    result_dtype: str = "int64"

    def shape(self, x):
        return super().shape(_with_axis(self, x))

    def forward(self, x):
        if self.output_mode == "int":
            return super().forward(x).astype(self.result_dtype)
        return super().forward(x[..., None] if _with_axis(self, x.shape) != x.shape else x)


@keras_layer
class CategoryEncoding(preprocessing.CategoryEncoding):
    """Turns whole numbers into vectors, of (n, 1) numbers (n, 1, num_tokens) ones (3.3)."""

    layout = "keras3"
    keeps_axis: bool = True

    def shape(self, x):
        return super().shape(_with_axis(self, x))

    def forward(self, x, count_weights=None):
        return super().forward(x[..., None] if _with_axis(self, x.shape) != x.shape else x, count_weights)


def _with_axis(layer, x):
    """Return the shape of what is encoded: Keras drops a last axis of 1, so one that is to be kept gets another."""
    kept = layer.keeps_axis and layer.output_mode == "one_hot" and len(x) > 1 and x[-1] == 1
    return (*x, 1) if kept else x
