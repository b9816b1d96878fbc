"""Merges as Keras 2 has them: what they compute does not look at masks. Source: keras/layers/merging of Keras 2.15."""

import functools

import numpy as np

from weightscope.layers import merging
from weightscope.model.layer import keras_layer


class OfMasks:
    """What is behind a merge is masked where any of its inputs is; those without a mask do not count."""

    layout = "keras2"

    def mask(self, x, mask):
        """Return the masks of the inputs, taken together."""
        found = [one for one in mask or () if one is not None]
        return functools.reduce(np.logical_and, found) if found else None

    def forward(self, x, mask=None):
        """Return the merge of the inputs."""
        return super().forward(x)


@keras_layer
class Add(OfMasks, merging.Add):
    """The sum of the inputs."""

    adds_plainly = True


@keras_layer
class Subtract(OfMasks, merging.Subtract):
    """The first of two inputs, less the second."""


@keras_layer
class Multiply(OfMasks, merging.Multiply):
    """The product of the inputs."""


@keras_layer
class Average(OfMasks, merging.Average):
    """The mean of the inputs."""

    adds_plainly = True


@keras_layer
class Maximum(OfMasks, merging.Maximum):
    """The largest of the inputs, element by element."""


@keras_layer
class Minimum(OfMasks, merging.Minimum):
    """The smallest of the inputs, element by element."""


@keras_layer
class Concatenate(merging.Concatenate):
    """The inputs side by side along ``axis``."""

    layout = "keras2"

    def mask(self, x, mask):
        if mask is None or all(one is None for one in mask):
            return None
        masks = [np.ones(item.shape, bool) if one is None else one[..., None] if one.ndim < item.ndim else one
                 for item, one in zip(x, mask)]
        return np.all(np.concatenate(masks, axis=self.axis), axis=-1)
