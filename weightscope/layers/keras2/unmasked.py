"""Layers behind which Keras 2 has no mask, where Keras 3 has their input's. Source: keras/layers of Keras 2.15."""

from weightscope.layers import core, preprocessing
from weightscope.model.layer import keras_layer


@keras_layer
class Identity(core.Identity):
    """Hands its input on, without its mask."""

    layout = "keras2"
    supports_masking = False
    hands_on = False


@keras_layer
class Rescaling(preprocessing.Rescaling):
    """Multiplies and shifts every value, and has no mask."""

    layout = "keras2"
    supports_masking = False


@keras_layer
class Normalization(preprocessing.Normalization):
    """Moves and scales values by the mean and variance of the data it was adapted to, and has no mask."""

    layout = "keras2"
    supports_masking = False
