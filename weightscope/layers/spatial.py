"""The base of layers over (batch, *space, channels): the one place that knows ``channels_first``."""

import numpy as np

from weightscope.errors import Unreadable
from weightscope.model.layer import Layer
from weightscope.model.settings import whole


class PerAxis(tuple):
    """The annotation of settings that are one whole number for each axis of space."""


class Spatial(Layer):
    """A layer over ``rank`` axes of space; ``forward`` and ``space_shape`` only ever see channels last.

    A setting annotated ``PerAxis`` is a whole number for each axis of space; one number in the config stands for all.
    """

    rank = 2
    data_format: "str | None" = None

    def setting(self, name, annotation, value):
        """Read ``PerAxis`` settings, and words that Keras takes in capitals too; the rest as any layer does."""
        if name in ("padding", "data_format") and isinstance(value, str):
            value = value.lower()
        if annotation.split("|")[0].strip() != "PerAxis" or (value is None and "None" in annotation):
            return super().setting(name, annotation, value)
        found = [whole(n) for n in (value if isinstance(value, (list, tuple)) else (value,) * self.rank)]
        if len(found) != self.rank or not all(isinstance(n, int) for n in found):
            raise Unreadable(f"layer {self.name!r}: setting {name!r} is {value!r}, expected {self.rank} whole numbers")
        return tuple(found)

    @property
    def channels_first(self):
        """Whether the file's tensors are (batch, channels, *space)."""
        return self.data_format == "channels_first"

    def space_shape(self, x):
        """Return the output's shape for an input's, both channels last."""
        return x

    def shape(self, x):
        """Return the output's shape in the layer's own data_format."""
        if not self.channels_first:
            return self.space_shape(x)
        y = self.space_shape((x[0], *x[2:], x[1]))
        return (y[0], y[-1], *y[1:-1])

    def apply(self, **given):
        """Turn the channels last, run, and turn them back."""
        if not self.channels_first:
            return super().apply(**given)
        first = next(iter(given))
        y = super().apply(**{**given, first: np.moveaxis(given[first], 1, -1)})
        return np.ascontiguousarray(np.moveaxis(y, -1, 1)) if y.ndim > 2 else y
