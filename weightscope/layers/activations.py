"""Keras' activation layers: one function for every value, or along an axis."""

import numpy as np

from weightscope.kernels.activations import elu, leaky_relu, relu, softmax, softmax_beside
from weightscope.model.layer import Layer, Weight, keras_layer
from weightscope.model.running import WHOLE

_TAKES_NO = {**dict.fromkeys(("relu", "relu6", "leaky_relu"), ("bool",)),
             **dict.fromkeys(("elu", "selu", "celu", "gelu", "softplus", "mish"), WHOLE)}


@keras_layer
class Activation(Layer):
    """An activation function as a layer of its own."""

    rounding = "products"
    formula = "y = activation(x)"
    supports_masking = True
    hands_on = True  # "linear"
    activation: "Activation"

    @property
    def fails_on(self):
        """The dtypes of whole numbers that TensorFlow's function does not take."""
        return _TAKES_NO.get(self._function(), ())

    @property
    def makes_floats(self):
        """Whether Keras' function makes floats of whole numbers first."""
        return self._function() in ("tanh", "exponential")

    def _function(self):
        return None if isinstance(self.activation, Layer) else self.activation.name

    def forward(self, x):
        return self.activation(x)

    def shape(self, x):
        return x


@keras_layer
class ReLU(Layer):
    """A straight line above ``threshold``, another one, or zero, below; cut off at ``max_value``."""

    rounding = "products"
    formula = "y = min(x, max_value) where x > threshold, else negative_slope · (x − threshold)"
    fails_on = ("bool",)
    supports_masking = True
    max_value: "float | None" = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def forward(self, x):
        return relu(x, self.negative_slope, self.max_value, self.threshold)


@keras_layer
class LeakyReLU(Layer):
    """Values below zero shrink, all by the same factor."""

    rounding = "products"
    formula = "y = x where x > 0, else negative_slope · x"
    fails_on = ("bool",)
    supports_masking = True
    negative_slope: float = 0.3

    def forward(self, x):
        return leaky_relu(x, self.negative_slope)


class PerPosition(Weight):
    """A weight with an axis for each of the input's but batch; how many shows when the file is read."""

    @property
    def axes(self):
        """A word for each stored axis."""
        rank = 1 if self.shape is None else len(self.shape)
        words = {1: "in", 2: "steps in", 3: "height width in", 4: "depth height width in"}
        return words.get(rank) or " ".join(f"axis_{axis + 1}" for axis in range(rank))

    @axes.setter
    def axes(self, words):
        if words:
            raise ValueError("the words of this weight's axes follow from its shape")

    def size_along(self, word):
        """Return None for an axis that the input shares, where the size of 1 says nothing of the input's."""
        size = super().size_along(word)
        return None if size == 1 else size

    def fits(self, shape):
        """Any array with an axis may be this weight."""
        return len(shape) > 0


@keras_layer
class PReLU(Layer):
    """Values below zero shrink, by factors that were learned."""

    rounding = "products"
    formula = "y = x where x > 0, else alpha · x"
    fails_on = WHOLE
    supports_masking = True
    ignored = ("shared_axes",)  # the sizes of 1 in alpha's shape say the same

    def weight_specs(self):
        yield PerPosition("alpha", "")

    def forward(self, x, alpha):
        return np.where(x > 0, x, alpha * x)


@keras_layer
class ELU(Layer):
    """Values below zero bend towards −alpha."""

    formula = "y = x where x > 0, else alpha · (exp(x) − 1)"
    fails_on = WHOLE
    supports_masking = True
    alpha: float = 1.0

    def forward(self, x):
        return elu(x, self.alpha)


@keras_layer
class Softmax(Layer):
    """Turns the values along an axis into shares of 1; masked ones get nothing."""

    formula = "y = exp(x) / Σ exp(x) along axis"
    supports_masking = True
    axis: "int | list" = -1

    def forward(self, x, mask=None):
        if mask is None:
            return softmax(x, self.axis)
        kept = mask if mask.dtype == bool else mask > 0.5
        # Where a whole axis is masked, this number makes all shares equal before they become 0 (Keras' softmax.py).
        lowest = -3e4 if x.dtype == np.float16 else -1e9
        return np.where(kept, softmax(np.where(kept, x, x.dtype.type(lowest)), self.axis), x.dtype.type(0))


class OlderSoftmax(Softmax):
    """The base of Softmax in Keras 2, and in Keras 3 before 3.10: shares all alike where all of an axis is masked."""

    def forward(self, x, mask=None):
        return softmax(x, self.axis) if mask is None else softmax_beside(x, mask, self.axis)
