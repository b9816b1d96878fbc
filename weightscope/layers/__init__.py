"""Every Keras layer that weightscope can replay: importing this package fills the table behind ``layer_from``."""

from weightscope.layers import (  # noqa: F401  (imported for their @keras_layer classes)
    activations,
    attention,
    audio,
    convolutional,
    convolutional_transpose,
    core,
    images,
    images_random,
    index_lookup,
    merging,
    models,
    normalization,
    operations,
    pooling,
    preprocessing,
    regularization,
    reshaping,
    rnn,
    rnn_wrappers,
)
from weightscope.layers.base import Layer, Unknown, Weight, keras_layer, known_classes, layer_from
from weightscope.layers.models import Functional, Model, Sequential

__all__ = [
    "Functional", "Layer", "Model", "Sequential", "Unknown", "Weight", "keras_layer", "known_classes", "layer_from",
]
