"""Layers of several families that Keras 2 had and Keras 3 has no more. Source: keras/layers of Keras 2.15."""

import numpy as np

from weightscope.layers.images_random import Augmentation
from weightscope.layers.normalization import BatchNormalization
from weightscope.model.layer import Layer, Weight, keras_layer


@keras_layer
class ThresholdedReLU(Layer):
    """Values up to a threshold become zero."""

    formula = "y = x where x > theta, else 0"
    supports_masking = True
    theta: "float | int" = 1.0

    def forward(self, x):
        return x * (x > x.dtype.type(self.theta))


@keras_layer
class SyncBatchNormalization(BatchNormalization):
    """Scales each channel by its mean and variance, which training took of all devices together."""


@keras_layer
class RandomFourierFeatures(Layer):
    """Cosines of random projections, whose products come close to a kernel function (Rahimi and Recht, 2007)."""

    formula = "y = cos(x · unscaled_kernel / kernel_scale + bias)"
    ignored = ("kernel_initializer", "scale")
    output_dim: int

    def saved_order(self):
        """Return the weights as a .keras file numbers them: the one that trains first."""
        return [self.weights[name] for name in ("kernel_scale", "unscaled_kernel", "bias")]

    def weight_specs(self):
        yield Weight("unscaled_kernel", "in output_dim", trainable=False)
        yield Weight("bias", "output_dim", trainable=False)
        yield Weight("kernel_scale", "1")

    def shape(self, x):
        return x[0], self.output_dim

    def forward(self, x, unscaled_kernel, bias, kernel_scale):
        return np.cos(x @ (unscaled_kernel * (1 / kernel_scale)) + bias)


@keras_layer
class RandomHeight(Augmentation):
    """While training, makes images taller or less tall."""

    ignored = (*Augmentation.ignored, "seed")

    def shape(self, x):
        return x[0], None, *x[2:]


@keras_layer
class RandomWidth(Augmentation):
    """While training, makes images wider or narrower."""

    ignored = (*Augmentation.ignored, "seed")

    def shape(self, x):
        return *x[:2], None, *x[3:]
