"""Every Keras layer that weightscope can replay, a family a file; ``families`` imports those that a model needs."""

from weightscope.layers.base import Activation, Layer, Unknown, Weight, keras_layer, known_classes, layer_from
from weightscope.layers.models import Functional, Model, Sequential
from weightscope.layers.taught import keras_lambda

__all__ = [
    "Activation", "Functional", "Layer", "Model", "Sequential", "Unknown", "Weight", "keras_lambda", "keras_layer",
    "known_classes", "layer_from",
]
