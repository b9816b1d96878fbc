"""Layers of several inputs as before Keras 3.4, which looked for the mask of a list and found none.

Source: ``previous_mask`` in keras/src/layers/layer.py.
"""

from weightscope.layers import attention, merging
from weightscope.model.layer import keras_layer


class Maskless:
    """What comes out has no mask, whatever the inputs have."""

    layout = "keras3"

    def mask(self, x, mask):
        """Return None."""


class OlderMerge(Maskless):
    """The base of merges: masked values are merged as any."""

    def forward(self, x):
        return super().forward(x)


@keras_layer
class Add(OlderMerge, merging.Add):
    """The sum of the inputs."""


@keras_layer
class Subtract(OlderMerge, merging.Subtract):
    """The first input less the second."""


@keras_layer
class Multiply(OlderMerge, merging.Multiply):
    """The product of the inputs, masked steps too."""


@keras_layer
class Average(OlderMerge, merging.Average):
    """The mean of the inputs."""


@keras_layer
class Maximum(OlderMerge, merging.Maximum):
    """The largest of the inputs, masked steps too."""


@keras_layer
class Minimum(OlderMerge, merging.Minimum):
    """The least of the inputs, masked steps too."""


@keras_layer
class Concatenate(Maskless, merging.Concatenate):
    """The inputs side by side."""


@keras_layer
class Attention(Maskless, attention.Attention):
    """Luong's attention, as merging layers without a mask behind it."""


@keras_layer
class AdditiveAttention(Maskless, attention.AdditiveAttention):
    """Bahdanau's attention, as merging layers without a mask behind it."""
