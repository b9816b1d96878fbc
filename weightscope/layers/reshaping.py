"""Keras' reshaping layers: the same values in another order, fewer of them, more zeros, or copies."""

import math

import numpy as np

from weightscope.errors import Unreadable
from weightscope.kernels.resize import repeat, resize
from weightscope.kernels.windows import enlarge
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import Layer, keras_layer
from weightscope.model.settings import whole


@keras_layer
class Flatten(Spatial):
    """Lays all axes but batch out in one; with channels_first, the channels go last before."""

    rounding = "none"
    formula = "y = x, all axes but batch in one"

    def space_shape(self, x):
        return x[0], None if None in x[1:] else math.prod(x[1:])

    def forward(self, x):
        return x.reshape(len(x), math.prod(x.shape[1:]))


@keras_layer
class Reshape(Layer):
    """Gives the axes behind batch other sizes; the values keep their order."""

    rounding = "none"
    formula = "y = reshape(x, target_shape)"
    target_shape: tuple

    def shape(self, x):
        target = tuple(-1 if size is None else size for size in self.target_shape)
        if None in x[1:]:
            return x[0], *(None if size == -1 else size for size in target)
        known = math.prod(size for size in target if size != -1)
        rest, left = divmod(math.prod(x[1:]), max(known, 1))
        if left or (-1 not in target and known != math.prod(x[1:])):
            raise ValueError(f"{x[1:]} has another number of values than {self.target_shape}")
        return x[0], *(rest if size == -1 else size for size in target)

    def forward(self, x):
        return x.reshape(self.shape(x.shape))


@keras_layer
class Permute(Layer):
    """Puts the axes behind batch, counted from 1, into another order."""

    rounding = "none"
    formula = "y = transpose(x, dims)"
    dims: tuple

    def shape(self, x):
        return x[0], *(x[axis] for axis in self.dims)

    def forward(self, x):
        return np.ascontiguousarray(np.transpose(x, (0, *self.dims)))


@keras_layer
class RepeatVector(Layer):
    """Makes a sequence of n times the same vector."""

    rounding = "none"
    formula = "y[step] = x for n steps"
    n: int

    def shape(self, x):
        return x[0], self.n, x[1]

    def forward(self, x):
        return np.repeat(x[:, None], self.n, axis=1)


class PairPerAxis(tuple):
    """The annotation of settings that are two whole numbers, before and after, for each axis of space."""


class Border(Spatial):
    """The base of what is cut from or put around space: two numbers, (before, after), for each axis."""

    rounding = "none"

    def setting(self, name, annotation, value):
        """Read ``PairPerAxis`` settings: one number for all, a number or a pair for each axis."""
        if annotation != "PairPerAxis":
            return super().setting(name, annotation, value)
        items = value if isinstance(value, (list, tuple)) else [value] * self.rank
        if self.rank == 1 and len(items) == 2:
            items = [items]
        pairs = tuple(tuple(map(whole, item if isinstance(item, (list, tuple)) else (item, item))) for item in items)
        if len(pairs) != self.rank or not all(len(pair) == 2 and all(map(_is_size, pair)) for pair in pairs):
            raise Unreadable(f"layer {self.name!r}: setting {name!r} is {value!r}, expected {self.rank} pairs")
        return pairs


def _is_size(number):
    return isinstance(number, int) and number >= 0


class Cropping(Border):
    """The base of Cropping1D, Cropping2D and Cropping3D."""

    formula = "y = x without the first and last positions that cropping says"
    cropping: PairPerAxis

    def space_shape(self, x):
        # Keras 2's Cropping3D and older croppings of one and two axes return an empty array where nothing is left.
        lengths = [None if n is None else max(n - sum(cut), 0) for n, cut in zip(x[1:-1], self.cropping, strict=True)]
        return x[0], *lengths, x[-1]

    def forward(self, x):
        inner = [slice(cut[0], max(n - cut[1], 0)) for n, cut in zip(x.shape[1:-1], self.cropping, strict=True)]
        return np.ascontiguousarray(x[(slice(None), *inner)])


@keras_layer
class Cropping1D(Cropping):
    """Cuts steps from both ends of a sequence."""

    rank = 1
    cropping: PairPerAxis = (1, 1)


@keras_layer
class Cropping2D(Cropping):
    """Cuts rows and columns from the edges of an image."""

    rank = 2
    cropping: PairPerAxis = 0


@keras_layer
class Cropping3D(Cropping):
    """Cuts slices from the faces of a volume."""

    rank = 3
    cropping: PairPerAxis = 1


class ZeroPadding(Border):
    """The base of ZeroPadding1D, ZeroPadding2D and ZeroPadding3D."""

    formula = "y = x with as many zeros before and after as padding says"
    padding: PairPerAxis = 1

    def space_shape(self, x):
        around = zip(x[1:-1], self.padding, strict=True)
        return x[0], *(None if n is None else n + sum(pair) for n, pair in around), x[-1]

    def forward(self, x):
        return enlarge(x, self.padding)


@keras_layer
class ZeroPadding1D(ZeroPadding):
    """Puts zero steps before and after a sequence."""

    rank = 1


@keras_layer
class ZeroPadding2D(ZeroPadding):
    """Puts rows and columns of zeros around an image."""

    rank = 2


@keras_layer
class ZeroPadding3D(ZeroPadding):
    """Puts slices of zeros around a volume."""

    rank = 3


class UpSampling(Spatial):
    """The base of UpSampling1D, UpSampling2D and UpSampling3D."""

    rounding = "none"
    formula = "y = x, every position repeated size times"
    size: PerAxis = 2

    def space_shape(self, x):
        grown = zip(x[1:-1], self.size, strict=True)
        return x[0], *(None if n is None else n * times for n, times in grown), x[-1]

    def forward(self, x):
        return repeat(x, self.size)


@keras_layer
class UpSampling1D(UpSampling):
    """Repeats every step of a sequence."""

    rank = 1


@keras_layer
class UpSampling2D(UpSampling):
    """Enlarges an image by whole factors."""

    rounding = "general"
    finest = "float32"  # as tf.image.resize returns it
    formula = "y = x enlarged size times by interpolation"
    rank = 2
    interpolation: str = "nearest"

    def forward(self, x):
        interpolation = self.interpolation.lower()
        if interpolation == "nearest":
            return super().forward(x)
        return resize(x, self.space_shape(x.shape)[1:-1], interpolation)


@keras_layer
class UpSampling3D(UpSampling):
    """Repeats every point of a volume along its three axes."""

    rank = 3
