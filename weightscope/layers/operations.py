"""Functions of ``keras.ops`` that a saved graph holds between its layers: plain maths, without weights.

Keras 3 writes them into every functional model whose masks reach a layer that takes one: an Embedding with
``mask_zero`` in front of an LSTM is saved with a ``NotEqual`` beside it.
"""

import numpy as np

from weightscope.layers.base import Layer, keras_operation


class Operation(Layer):
    """A function of arrays and plain values: nothing is cast, and no mask comes out."""

    formula = "y = function(x)"

    def cast(self, value):
        """Return the value: functions take arrays as they are."""
        return value


class Elementwise(Operation):
    """The base of functions of two arrays, or of an array and a number, that broadcast."""

    function = None

    def shape(self, x1, x2=()):
        # Sizes that nobody knows yet stand against anything.
        a, b = (x if isinstance(x, tuple) else () for x in (x1, x2))
        rank = max(len(a), len(b))
        pairs = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b)
        return tuple(j if i == 1 else i if j == 1 or i is not None else j for i, j in pairs)

    def forward(self, x1, x2):
        return type(self).function(x1, x2)


@keras_operation
class NotEqual(Elementwise):
    """Where two arrays differ."""

    formula = "y = x1 ≠ x2"
    function = np.not_equal


@keras_operation
class LogicalOr(Elementwise):
    """Where either of two arrays is true."""

    formula = "y = x1 or x2"
    function = np.logical_or


@keras_operation
class LogicalAnd(Elementwise):
    """Where both of two arrays are true."""

    formula = "y = x1 and x2"
    function = np.logical_and


@keras_operation
class Any(Operation):
    """Whether any value along ``axis`` is true."""

    formula = "y = any(x) along axis"
    axis: "int | tuple | None" = None
    keepdims: bool = False

    def _axes(self, rank):
        if self.axis is None:
            return tuple(range(rank))
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        return tuple(axis % rank for axis in axes)

    def shape(self, x):
        axes = self._axes(len(x))
        return tuple(1 if n in axes else size for n, size in enumerate(x) if self.keepdims or n not in axes)

    def forward(self, x):
        return np.any(x, axis=self._axes(x.ndim), keepdims=self.keepdims)


@keras_operation
class ExpandDims(Operation):
    """One more axis of size 1."""

    formula = "y = x with an axis of size 1 at axis"
    axis: "int | tuple"

    def _axes(self, rank):
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        return [axis % (rank + len(axes)) for axis in axes]

    def shape(self, x):
        axes, sizes = self._axes(len(x)), iter(x)
        return tuple(1 if n in axes else next(sizes) for n in range(len(x) + len(axes)))

    def forward(self, x):
        return np.expand_dims(x, tuple(self._axes(x.ndim)))


class Filled(Operation):
    """The base of arrays of one value; ``dtype`` says of which type."""

    value = 0

    def forward(self, x):
        return np.full(x.shape, self.value, self.config.get("dtype") or x.dtype)


@keras_operation
class ZerosLike(Filled):
    """Zeros in the shape of the input."""

    formula = "y = 0, in the shape of x"


@keras_operation
class OnesLike(Filled):
    """Ones in the shape of the input."""

    formula = "y = 1, in the shape of x"
    value = 1


@keras_operation
class Concatenate(Operation):
    """Arrays side by side along ``axis``."""

    formula = "y = x₁, x₂, … joined along axis"
    axis: int = 0

    def shape(self, xs):
        y, sizes = list(xs[0]), [shape[self.axis] for shape in xs]
        y[self.axis] = None if None in sizes else sum(sizes)
        return tuple(y)

    def forward(self, xs):
        return np.concatenate(xs, axis=self.axis)


@keras_operation
class ConvertToTensor(Operation):
    """The array itself, cast if it was asked for."""

    formula = "y = x"
    refuses = ("sparse",)

    def forward(self, x):
        dtype = self.config.get("dtype")
        return x if dtype is None else x.astype(dtype)
