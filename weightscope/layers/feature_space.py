"""The layers that Keras' FeatureSpace puts between those of a model's inputs (keras/src/layers/preprocessing)."""

from weightscope.layers.merging import Concatenate
from weightscope.model.layer import Layer, keras_layer


@keras_layer
class TFDConcat(Concatenate):
    """The encoded features side by side along ``axis``."""

    supports_masking = False


@keras_layer
class TFDIdentity(Layer):
    """A feature as it is."""

    rounding = "none"
    formula = "y = x"

    def forward(self, x):
        return x


@keras_layer
class TFDCast(Layer):
    """A feature as numbers of the layer's dtype; in earlier versions of Keras 3 it stood before what is joined."""

    rounding = "none"
    formula = "y = x as dtype"

    def forward(self, x):
        return self.as_computed(x)
