"""Layers that only Keras 1 had. Source of the formulas: keras/layers of Keras 1.2.2."""

import numpy as np

from weightscope.kernels.activations import relu, sigmoid, softplus
from weightscope.layers.activations import PerPosition
from weightscope.layers.merging import Dot
from weightscope.model.layer import Activation, Layer, Weight, keras_layer


@keras_layer
class Highway(Layer):
    """A gate lets through so much of a dense layer, and of the input itself the rest (Srivastava et al., 2015)."""

    formula = """
        gate = sigmoid(x · W_carry + b_carry)
        y = gate · activation(x · W + b) + (1 − gate) · x"""
    ignored = ("transform_bias",)
    activation: Activation = "linear"
    use_bias: bool = True

    def weight_specs(self):
        yield Weight("W", "in units")
        yield Weight("W_carry", "in units")
        if self.use_bias:
            yield Weight("b", "units")
            yield Weight("b_carry", "units")

    def forward(self, x, **weights):
        gate = sigmoid(x @ weights["W_carry"] + weights.get("b_carry", 0))
        return gate * self.activation(x @ weights["W"] + weights.get("b", 0)) + (1 - gate) * x


@keras_layer
class MaxoutDense(Layer):
    """The largest of several dense layers, unit by unit (Goodfellow et al., 2013)."""

    formula = "y = max over the features of x · W[feature] + b[feature]"
    units: int
    nb_feature: int = 4
    use_bias: bool = True

    def weight_specs(self):
        yield Weight("W", "nb_feature in units")
        if self.use_bias:
            yield Weight("b", "nb_feature units")

    def shape(self, x):
        return x[0], self.units

    def forward(self, x, **weights):
        y = np.matmul(x, weights["W"])
        return np.max(y + weights["b"][:, None] if self.use_bias else y, axis=0)


@keras_layer
class ParametricSoftplus(Layer):
    """A softplus whose height and steepness were learned, position by position."""

    formula = "y = alphas · log(1 + exp(betas · x))"
    supports_masking = True
    ignored = ("alpha_init", "beta_init", "shared_axes")

    def weight_specs(self):
        yield PerPosition("alphas", "")
        yield PerPosition("betas", "")

    def forward(self, x, alphas, betas):
        return alphas * softplus(betas * x)


@keras_layer
class SReLU(Layer):
    """Three straight lines with learned ends and slopes, position by position (Jin et al., 2015)."""

    formula = """
        t = t_left + |t_right|
        y = t_left + a_left · (x − t_left) where x < t_left
        y = x where x lies between, y = t + a_right · (x − t) where x > t"""
    supports_masking = True
    ignored = ("t_left_init", "a_left_init", "t_right_init", "a_right_init", "shared_axes")
    theano: bool = False

    def weight_specs(self):
        for name in ("t_left", "a_left", "t_right", "a_right"):
            yield PerPosition(name, "")

    def forward(self, x, t_left, a_left, t_right, a_right):
        t = t_left + np.abs(t_right)
        left = a_left * (x - t_left)
        if self.theano:  # whose relu cuts a falling slope off at max_value, too
            left = np.minimum(left, t - t_left)
        y = t_left + np.where(x < t_left, left, np.clip(x - t_left, 0, t - t_left))
        return y + a_right * relu(x - t)


@keras_layer
class Merge(Dot):
    """The cosine of the angle between two inputs; Keras 1's other ways to merge are layers of their own since."""

    formula = "y = dot(a, b) / max(√(dot(a, a) · dot(b, b)), 1e-7), with a new axis of 1 behind batch"
    mode: str = "cos"

    def refusal(self):
        """Refuse what else Keras 1 could merge by: Python code."""
        return super().refusal() if self.mode == "cos" else f"mode={self.mode!r} is Python code, which is never run"

    def shape(self, x):
        y = super().shape(x)
        return y[0], 1, *y[1:]

    def forward(self, x):
        a, b = x
        lengths = np.sqrt(np.maximum(super().forward([a, a]) * super().forward([b, b]), 0))
        return (super().forward([a, b]) / np.maximum(lengths, lengths.dtype.type(1e-7)))[:, None]


@keras_layer
class BatchNormalization(Layer):
    """Scales values by the mean and variance of their own sample (mode 1), or of the batch they come in (mode 2)."""

    formula = "y = gamma · (x − mean) / √(variance + epsilon) + beta"
    formula_samplewise = """
        y = gamma · (x − mean) / (√(variance + epsilon) + epsilon) + beta
        with the mean and variance of each sample along its last axis"""
    layout = "old"
    supports_masking = True
    ignored = ("momentum",)
    keeps_samples_apart = False
    mode: int
    axis: int = -1
    epsilon: "float | int" = 1e-3

    def __init__(self, config, name):
        super().__init__(config, name)
        if self.mode == 1:
            self.formula = self.formula_samplewise

    def refusal(self):
        """Refuse modes that Keras 1 does not have."""
        return super().refusal() if self.mode in (1, 2) else f"mode={self.mode!r} is none of Keras 1's"

    def weight_specs(self):
        yield Weight("gamma", "channels")
        yield Weight("beta", "channels")
        yield Weight("running_mean", "channels", trainable=False)
        yield Weight("running_std", "channels", trainable=False)

    def forward(self, x, gamma, beta, **running):
        axis = self.axis % x.ndim
        over = -1 if self.mode == 1 else tuple(other for other in range(x.ndim) if other != axis)
        spread = np.sqrt(x.var(axis=over, keepdims=True) + x.dtype.type(self.epsilon))
        if self.mode == 1:
            return gamma * ((x - x.mean(axis=-1, keepdims=True)) / (spread + x.dtype.type(self.epsilon))) + beta
        along = [-1 if other == axis else 1 for other in range(x.ndim)]
        return gamma.reshape(along) * ((x - x.mean(axis=over, keepdims=True)) / spread) + beta.reshape(along)
