"""Where a model's inputs enter it."""

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.model.layer import Layer, keras_layer
from weightscope.model.structure import is_shape


@keras_layer
class InputLayer(Layer):
    """Where an input enters the model; the batch axis comes first."""

    rounding = "none"
    formula = "y = x"
    ignored = ("sparse", "input_shape")
    batch_shape: tuple | None = None
    implicit = False  # made for a Sequential whose file has no InputLayer

    def __init__(self, config, name):
        super().__init__(config, name)
        shape = self.batch_shape or ()
        if not is_shape(shape) or any(size is not None and size < 0 for size in shape):
            raise Unreadable(f"input {self.name!r}: its batch_shape is {repr(shape)[:60]}, expected sizes")

    def shape(self, x):
        return x

    def forward(self, x):
        return x

    def standardize(self, x):
        """Return an input as an array of this layer's dtype and rank, as Keras' Functional does before it runs.

        A missing or extra last axis of size 1 is added or dropped. Raises Unreadable for any other misfit.
        """
        if isinstance(x, NotReplayable) or (x is None and self.config.get("optional")):
            return x
        x = np.asarray(x)
        if self.compute_dtype not in (None, "string"):
            with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes an infinity, as in Keras
                x = self._rounded(self.as_computed(x))
        expected = self.batch_shape
        if expected is None:
            return x
        if x.ndim == len(expected) + 1 and x.shape[-1] == 1:
            x = x[..., 0]
        elif x.ndim == len(expected) - 1 and expected[-1] == 1:
            x = x[..., None]
        if len(expected) != x.ndim or any(n not in (None, m) for n, m in zip(expected[1:], x.shape[1:])):
            raise Unreadable(f"input {self.name!r} should have shape {expected}, got {x.shape}")
        return x
