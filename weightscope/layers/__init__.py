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
    rnn_convolutional,
    rnn_wrappers,
)
from weightscope.layers.base import Activation, Layer, Unknown, Weight, keras_layer, known_classes, layer_from
from weightscope.layers.models import Functional, Model, Sequential
from weightscope.layers.taught import keras_lambda

__all__ = [
    "Activation", "Functional", "Layer", "Model", "Sequential", "Unknown", "Weight", "keras_lambda", "keras_layer",
    "known_classes", "layer_from",
]
