"""Layers of images and categories as an older Keras 3 computed them; the version behind each is the last that did."""

from weightscope.kernels.resize import resize
from weightscope.layers import images, preprocessing
from weightscope.model.layer import keras_layer


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
