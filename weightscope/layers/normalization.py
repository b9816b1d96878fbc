"""Keras' normalization layers: values moved and scaled to a common range."""

import math

import numpy as np

from weightscope.kernels.convolve import working_dtype
from weightscope.layers.activations import PerPosition
from weightscope.model.layer import Layer, Weight, keras_layer
from weightscope.model.running import WHOLE
from weightscope.model.weight import Copy


def _one_axis(axis):
    """Return the number in an axis, or a list of one axis; None for several."""
    if isinstance(axis, int):
        return axis
    return axis[0] if len(axis) == 1 else None


class Normalization(Layer):
    """The base of layers that end with a scale ``gamma`` and a shift ``beta``, either of which may be off."""

    def written_formula(self):
        """Return the formula without the weights that this layer does not have."""
        text = super().written_formula()
        text = text if "gamma" in self.weights else text.replace("gamma · ", "")
        return text if "beta" in self.weights else text.replace(" + beta", "")


@keras_layer
class BatchNormalization(Normalization):
    """Scales each channel by what training saw of it: its mean and variance."""

    formula = """
        y = gamma · (x − moving_mean) / √(moving_variance + epsilon) + beta
        (with renorm: moving_stddev, renorm_mean and renorm_stddev steer training only)"""
    supports_masking = True
    rounding = "products"
    ignored = ("momentum", "synchronized", "renorm_clipping", "renorm_momentum", "fused")
    refuses = ("virtual_batch_size", "adjustment")
    axis: "int | tuple" = -1
    epsilon: "float | int" = 1e-3
    center: bool = True
    scale: bool = True
    renorm: bool = False

    def weight_specs(self):
        # Only Keras 2 had several axes; it keeps their values with all axes of the input, those left out being 1.
        make = Weight if _one_axis(self.axis) is not None else PerPosition
        words = "channels" if make is Weight else ""
        if self.scale:
            yield make("gamma", words)
        if self.center:
            yield make("beta", words)
        for name in ("moving_mean", "moving_variance"):
            yield make(name, words, trainable=False)
        if self.renorm:
            for name in ("moving_stddev", "renorm_mean", "renorm_stddev"):
                yield make(name, words, trainable=False)

    def written_formula(self):
        """Return the formula; its second line is for ``renorm`` only."""
        text = super().written_formula()
        return text if self.renorm else text.splitlines()[0]

    def arrays(self):
        """Return the weights as they are stored: Keras casts none of them to a shorter compute dtype."""
        return {name: weight.array for name, weight in self.weights.items()}

    def sizes(self):
        """Return the sizes of the weights; what is taken away adds to a sum of sizes."""
        found = super().sizes()
        return {**found, "moving_mean": -found["moving_mean"]}

    def forward(self, x, mask=None, moving_mean=None, moving_variance=None, gamma=1, beta=0, **of_training):
        work = working_dtype(x)
        scale = gamma / np.sqrt(moving_variance.astype(work) + work(self.epsilon))
        shift = beta - moving_mean.astype(work) * scale
        along = [1] * x.ndim
        if scale.ndim == 1:
            along[_one_axis(self.axis)] = -1
        else:
            along = scale.shape
        y = np.multiply(x, scale.astype(work, copy=False).reshape(along), dtype=work)
        y += shift.astype(work, copy=False).reshape(along)
        return self.as_computed(y)


class Uncast(Normalization):
    """The base of layers that take inputs and weights as they are, and cast only the result (``autocast=False``)."""

    def cast(self, value):
        """Return the value: nothing is cast on the way in."""
        return value

    def apply(self, **given):
        """Run, and cast the result to ``compute_dtype``."""
        return self.as_computed(super().apply(**given))


@keras_layer
class LayerNormalization(Uncast):
    """Gives the values along ``axis`` mean 0 and variance 1, then scales and shifts each by its own weight."""

    formula = "y = gamma · (x − mean(x)) / √(variance(x) + epsilon) + beta"
    formula_rms_scaling = "y = gamma · x / √(variance(x) + epsilon)"
    supports_masking = True
    axis: "int | tuple" = -1
    epsilon: "float | int" = 1e-3
    center: bool = True
    scale: bool = True
    rms_scaling: bool = False

    def __init__(self, config, name):
        super().__init__(config, name)
        if self.rms_scaling:
            self.formula = self.formula_rms_scaling

    def learn(self, kept):
        """Take a missing beta for ``rms_scaling``, which the configs of Keras before 3.4 do not tell."""
        if "rms_scaling" in self.config or not (self.center and self.scale) or len(kept) != 1:
            return False
        self.begin_again(rms_scaling=True)
        return True

    def weight_specs(self):
        words = _axis_words(self.axis)
        if self.scale or self.rms_scaling:
            yield Weight("gamma", words)
        if self.center and not self.rms_scaling:
            yield Weight("beta", words)

    def forward(self, x, gamma=None, beta=None):
        axes, dtype = _sorted(self.axis), x.dtype
        x = x.astype(working_dtype(x), copy=False)
        y = x - x.mean(axis=axes, keepdims=True)
        inverse = 1 / np.sqrt(_mean_square(y, axes) + x.dtype.type(self.epsilon))
        y = np.multiply(x if self.rms_scaling else y, inverse, out=y)
        if gamma is not None:
            y *= _along(gamma, axes, x.shape)
        if beta is not None:
            y += _along(beta, axes, x.shape)
        return y.astype(dtype, copy=False)

    def cancelled(self, x=None):
        """Return the size of x and mean(x) where there is one value to a mean: Keras may scale both, then subtract."""
        one = x is not None and math.prod(x.shape[axis] for axis in _sorted(self.axis)) == 1
        return _scaled(self, x) if one and not self.rms_scaling else 0.0


def _scaled(layer, x):
    gamma = np.abs(layer.weights["gamma"].array).max(initial=0) if "gamma" in layer.weights else 1.0
    return float(np.abs(x).max(initial=0) * gamma / math.sqrt(max(layer.epsilon, np.finfo("float32").tiny)))


def _axis_words(axis):
    return "channels" if _one_axis(axis) is not None else " ".join(f"axis_{n}" for n in _sorted(axis))


def _sorted(axis):
    return (axis,) if isinstance(axis, int) else tuple(sorted(axis))


def _mean_square(x, axes):
    if axes in ((-1,), (x.ndim - 1,)):
        return (np.einsum("...i,...i->...", x, x) / x.dtype.type(x.shape[-1]))[..., None]
    return np.square(x).mean(axis=axes, keepdims=True)


def _along(weight, axes, shape):
    """Return a weight over ``axes`` so that it broadcasts over ``shape``; Keras reshapes, and never transposes."""
    weight = weight.astype(weight.dtype if weight.dtype == np.float64 else np.float32, copy=False)
    if weight.ndim == len(shape) or axes == (len(shape) - 1,):
        return weight
    along = [1] * len(shape)
    for axis in axes:
        along[axis] = shape[axis]
    return weight.reshape(along)


@keras_layer
class GroupNormalization(Uncast):
    """Gives each group of channels of each sample mean 0 and variance 1, then scales and shifts each channel."""

    formula = "y = gamma · (x − mean(x)) / √(variance(x) + epsilon) + beta, mean and variance over each of groups"
    supports_masking = True
    groups: int = 32
    axis: int = -1
    epsilon: "float | int" = 1e-3
    center: bool = True
    scale: bool = True

    def weight_specs(self):
        if self.scale:
            yield Weight("gamma", "channels")
        if self.center:
            yield Weight("beta", "channels")

    def _groups_of(self, x):
        return x.shape[self.axis] if self.groups == -1 else self.groups

    def cancelled(self, x=None):
        """Return the size of x and mean(x) where there is one value to a mean, as LayerNormalization does."""
        return _scaled(self, x) if x is not None and x[0].size == self._groups_of(x) else 0.0

    def forward(self, x, gamma=None, beta=None):
        dtype, axis, shape = x.dtype, self.axis % x.ndim, x.shape
        x = x.astype(working_dtype(x), copy=False)
        groups = self._groups_of(x)
        grouped = x.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1:])
        others = tuple(n for n in range(1, grouped.ndim) if n != axis)
        y = grouped - grouped.mean(axis=others, keepdims=True)
        y /= np.sqrt(np.square(y).mean(axis=others, keepdims=True) + x.dtype.type(self.epsilon))
        y = y.reshape(shape)
        if gamma is not None:
            y *= _along(gamma, (axis,), shape)
        if beta is not None:
            y += _along(beta, (axis,), shape)
        return y.astype(dtype, copy=False)


@keras_layer
class RMSNormalization(Layer):
    """Divides the values along ``axis`` by their root mean square, then scales each by its own weight."""

    formula = "y = scale · x / √(mean(x²) + epsilon)"
    axis: "int | tuple" = -1
    epsilon: "float | int" = 1e-6

    def weight_specs(self):
        yield Weight("scale", _axis_words(self.axis))

    def forward(self, x, scale):
        work, axes = working_dtype(x), _sorted(self.axis)
        x, dtype = x.astype(work, copy=False), x.dtype
        y = x / np.sqrt(_mean_square(x, axes) + x.dtype.type(self.epsilon))
        y *= scale  # along the last axes whatever ``axis`` says, as in Keras' ops.rms_normalization
        return y.astype(dtype, copy=False)


@keras_layer
class UnitNormalization(Layer):
    """Divides the values along ``axis`` by their length."""

    formula = "y = x / √Σ x² along axis"
    fails_on = WHOLE
    supports_masking = True
    axis: "int | tuple" = -1

    def forward(self, x):
        with np.errstate(divide="ignore"):
            inverse = 1 / np.sqrt(np.sum(np.square(x), axis=_sorted(self.axis), keepdims=True))
        return x * np.minimum(inverse, x.dtype.type(1e12))


@keras_layer
class SpectralNormalization(Layer):
    """A layer whose kernel, or embeddings, training divides by its largest singular value; predict takes it as it is.

    Keras stores the kernel twice in its own formats, here and in the layer, and reads the layer's last.
    """

    formula = """
        y = layer(x)
        (training divides the kernel, or embeddings, by its largest singular value, and vector_u leads there)"""
    ignored = ("power_iterations",)
    layer: "Layer"

    def _divided(self):
        weights = self.layer.weights
        return weights.get("kernel", weights.get("embeddings"))

    def refusal(self):
        """Refuse layers without kernel or embeddings, and what any layer refuses."""
        if self._divided() is None:
            return f"its {self.layer.class_name} {self.layer.name!r} has no kernel or embeddings that weightscope knows"
        return super().refusal()

    def weight_specs(self):
        divided = self._divided()
        if divided is not None:
            yield Copy(divided)
            yield Weight("vector_u", f"1 {divided.axes.split()[-1]}", trainable=False)

    def all_weights(self):
        """Yield the kernel, ``vector_u`` and what else the layer has, as Keras orders them: each once."""
        divided, own = self._divided(), [weight for weight in self.weights.values() if weight.tracked]
        yield from own if divided is None else [divided, *own]
        yield from (weight for weight in self.layer.all_weights() if weight is not divided)

    def shape(self, x):
        return self.layer.shape(x)

    def forward(self, x, **stored):
        return self.layer(x).astype(x.dtype, copy=False)
