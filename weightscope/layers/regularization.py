"""Keras' regularization layers: they work while a model learns; ``predict`` hands their input on."""

from weightscope.model.layer import Layer, keras_layer


class WhileTraining(Layer):
    """The base of the layers that do nothing in ``predict``; a call with ``training=True`` is refused."""

    rounding = "none"
    formula = "y = x (it works while training only)"
    supports_masking = True
    hands_on = True

    def forward(self, x):
        return x


@keras_layer
class Dropout(WhileTraining):
    """While training, drops a share of the values."""

    ignored = ("rate", "noise_shape")


class SpatialDropout(WhileTraining):
    """The base of SpatialDropout1D, SpatialDropout2D and SpatialDropout3D."""

    ignored = ("rate", "noise_shape", "data_format")


@keras_layer
class SpatialDropout1D(SpatialDropout):
    """While training, drops a share of the channels of a sequence, each at all steps."""


@keras_layer
class SpatialDropout2D(SpatialDropout):
    """While training, drops a share of the channels of an image, each as a whole."""


@keras_layer
class SpatialDropout3D(SpatialDropout):
    """While training, drops a share of the channels of a volume, each as a whole."""


@keras_layer
class GaussianDropout(WhileTraining):
    """While training, multiplies every value by normal noise around 1."""

    ignored = ("rate",)


@keras_layer
class GaussianNoise(WhileTraining):
    """While training, adds normal noise."""

    ignored = ("stddev",)


@keras_layer
class AlphaDropout(WhileTraining):
    """While training, drops values so that mean and variance stay: the companion of selu."""

    ignored = ("rate", "noise_shape")


@keras_layer
class ActivityRegularization(WhileTraining):
    """While training, adds a penalty on the size of the values to the loss."""

    ignored = ("l1", "l2")
