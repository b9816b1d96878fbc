"""Softmax and attention as an older Keras 3 computed them; the version behind each is the last that did."""

from weightscope.layers import activations, attention
from weightscope.model.layer import Layer, keras_layer


@keras_layer
class Softmax(activations.OlderSoftmax):
    """Turns the values along an axis into shares of 1, all alike where all of them are masked (3.9)."""

    layout = "keras3"


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
