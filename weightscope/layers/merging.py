"""Keras' merging layers: several inputs in, one output."""

import functools

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.kernels.adding import added
from weightscope.layers.operations.dtypes import together
from weightscope.model.layer import Layer, keras_layer


class Merge(Layer):
    """The base of element by element merges of a list of arrays, all (batch, …)."""

    supports_masking = True
    hands_on = True  # of one input

    def shape(self, x):
        rank = max(map(len, x))
        return (_batch(x), *functools.reduce(_broadcast, [(1,) * (rank - len(s)) + tuple(s[1:]) for s in x]))

    def mask(self, x, mask):
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(np.logical_or, mask)

    def forward(self, x, mask=None):
        if all(item.dtype == bool for item in x):
            raise NotReplayable(self.about("Keras cannot run it on booleans alone"))
        rank = max(item.ndim for item in x)
        masks = mask if mask is not None and all(item.ndim == rank for item in x) else [None] * len(x)
        # Inputs of lower rank get axes of size 1 behind the batch, and lose their masks, as in Keras' Merge.call.
        x = [item if item.ndim == rank else _with_rank(item, rank) for item in x]
        y = self.merge(x, masks)
        return y if all(item.dtype.kind in "biu" for item in x) else self.cast(y)

    def merge(self, x, masks):
        """Return the merge of arrays of one rank; ``masks`` are None or booleans of all their axes but the last."""
        raise NotImplementedError


def _spread(masks, x):
    return [m if m is None else np.broadcast_to(m[..., None], item.shape) for item, m in zip(x, masks)]


def _with_rank(x, rank):
    return x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:])


def _batch(shapes):
    return next((shape[0] for shape in shapes if shape[0] is not None), None)


def _broadcast(a, b):
    # An unknown size stays unknown, as in Keras' Merge, even against a known one.
    for i, j in zip(a, b):
        if None not in (i, j) and i != j and 1 not in (i, j):
            raise Unreadable(f"shapes {a} and {b} cannot be merged")
    return tuple(None if None in (i, j) else (j if i == 1 else i) for i, j in zip(a, b))


class Summing(Merge):
    """The base of sums, which Keras makes otherwise where a whole input, its batch too, has one axis longer than 1."""

    rounding = "products"
    adds_plainly = False  # whether as NumPy does, whatever the axes are

    def mixes_samples(self, x):
        """Tell whether an input may be taken for a bias, going by the shapes of one sample each."""
        return not self.adds_plainly and any(shape != x[0] and sum(n > 1 for n in shape) < 2 for shape in x[1:])

    def total(self, x):
        """Return the sum of all arrays."""
        return functools.reduce(functools.partial(added, plainly=self.adds_plainly), x)


@keras_layer
class Add(Summing):
    """The sum of the inputs."""

    formula = "y = x₁ + x₂ + …"

    def merge(self, x, masks):
        return self.total(x)


@keras_layer
class Subtract(Merge):
    """The first of two inputs, less the second."""

    formula = "y = x₁ − x₂"

    def merge(self, x, masks):
        minuend, subtrahend = x
        return minuend - subtrahend


@keras_layer
class Multiply(Merge):
    """The product of the inputs; a masked step of one of them leaves the others as they are."""

    rounding = "products"
    formula = "y = x₁ · x₂ · …"

    def merge(self, x, masks):
        masks = _spread(masks, x)
        factors = [item if m is None else np.where(m, item, item.dtype.type(1)) for item, m in zip(x, masks)]
        y = functools.reduce(np.multiply, factors)
        if any(m is None for m in masks):
            return y
        return np.where(functools.reduce(np.logical_or, masks), y, y.dtype.type(0))


@keras_layer
class Average(Summing):
    """The mean of the inputs."""

    formula = "y = (x₁ + x₂ + …) / number of inputs"

    def merge(self, x, masks):
        total = self.total(x)
        # Numbers of one or two bytes are divided in float32, longer ones in float64, as TensorFlow divides.
        return total / total.dtype.type(len(x)) if total.dtype.kind == "f" else np.divide(
            total, len(x), dtype="float32" if total.dtype.itemsize < 4 else "float64")


class Extremum(Merge):
    """The base of Maximum and Minimum: a masked step of one input takes its value from the others."""

    rounding = "none"
    choose = None

    def merge(self, x, masks):
        masks = _spread(masks, x)
        y, y_mask = x[0], masks[0]
        for item, m in zip(x[1:], masks[1:]):
            item = item if m is None else np.where(m, item, y)
            y = y if y_mask is None else np.where(y_mask, y, item)
            # Unless both have a mask, Keras counts the merged values as unmasked (Merge._apply_merge_op_and_or_mask).
            y_mask = None if m is None or y_mask is None else y_mask | m
            y = type(self).choose(y, item)
        return y


@keras_layer
class Maximum(Extremum):
    """The largest of the inputs, element by element."""

    formula = "y = max(x₁, x₂, …)"
    choose = np.maximum


@keras_layer
class Minimum(Extremum):
    """The smallest of the inputs, element by element."""

    formula = "y = min(x₁, x₂, …)"
    choose = np.minimum


@keras_layer
class Concatenate(Layer):
    """The inputs side by side along ``axis``."""

    rounding = "none"
    formula = "y = x₁, x₂, … joined along axis"
    supports_masking = True
    axis: int = -1

    def shape(self, x):
        y, sizes = list(x[0]), [shape[self.axis] for shape in x]
        for axis, others in enumerate(zip(*x)):
            joined = axis in (0, self.axis % len(x[0]))
            if not joined and len({size for size in others if size is not None}) > 1:
                raise ValueError(f"shapes {', '.join(map(str, x))} cannot be joined along axis {self.axis}")
        y[self.axis] = None if None in sizes else sum(sizes)
        return tuple(y)

    def mask(self, x, mask):
        if mask is None or all(m is None for m in mask):
            return None
        masks = [_like(item, m) for item, m in zip(x, mask)]
        return np.any(np.concatenate(masks, axis=self.axis), axis=-1)

    def forward(self, x):
        return np.concatenate(together(*x), axis=self.axis)


def _like(x, mask):
    """Return a mask as Keras' Concatenate.compute_mask joins it: with one more axis, spread over the input's shape."""
    if mask is None:
        return np.ones(x.shape, bool)
    return np.logical_or(mask[..., None], np.zeros(x.shape, bool)) if mask.ndim < x.ndim else mask


@keras_layer
class Dot(Layer):
    """The dot product of two inputs along one axis of each, sample by sample."""

    formula = "y = Σ x₁ · x₂ along axes, each first divided by its length if normalize"
    supports_masking = True
    axes: "int | tuple"
    normalize: bool = False

    def axes_of(self, x):
        """Return the axis of each of two inputs that is summed over, for their ranks ``x``."""
        axes = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        return [axis % rank for axis, rank in zip(axes, x, strict=True)]

    def shape(self, x):
        first, second = self.axes_of(map(len, x))
        y = (*x[0][:first], *x[0][first + 1:], *x[1][1:second], *x[1][second + 1:])
        return y if len(y) > 1 else (*y, 1)

    def mask(self, x, mask):
        return None

    def forward(self, x):
        axes = self.axes_of(item.ndim for item in x)
        x = [np.moveaxis(item, axis, -1) for item, axis in zip(x, axes, strict=True)]
        x = x if x[0].dtype == x[1].dtype else together(*x)
        if self.normalize and x[0].dtype.kind in "biu":
            raise NotReplayable(self.about("Keras cannot normalize whole numbers"))
        if self.normalize:
            x = [_unit(item) for item in x]
        rest = [item.shape[1:-1] for item in x]
        if all(item.dtype == np.int8 for item in x):
            x = [item.astype("int32") for item in x]  # as Keras' ops.matmul does
        first, second = (item.reshape(len(item), -1, item.shape[-1]) for item in x)
        y = np.matmul(first, second.swapaxes(1, 2))
        return y.reshape(len(y), *rest[0], *rest[1]) if any(rest) else y.reshape(len(y), 1)


def _unit(x):
    # keras.utils.normalize: a length below the backend's epsilon counts as 1e-7.
    length = np.sqrt(np.sum(np.square(x), axis=-1, keepdims=True))
    return x * np.minimum(1 / length, x.dtype.type(1e7))
