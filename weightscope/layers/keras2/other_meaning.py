"""Layers that Keras 3 has too, and that mean something else in Keras 2. Source: keras/layers of Keras 2.15."""

import numpy as np

from weightscope.kernels.convolve import working_dtype
from weightscope.layers import activations, attention, core_dense, normalization, rnn_wrappers
from weightscope.model.layer import keras_layer
from weightscope.model.model import Model
from weightscope.model.structure import flatten


@keras_layer
class Softmax(activations.OlderSoftmax):
    """Turns the values along an axis into shares of 1, all alike where all of them are masked."""

    layout = "keras2"


@keras_layer
class MultiHeadAttention(attention.MultiHeadAttention):
    """Attention in several heads; a query whose keys are all masked gets the mean of the values."""

    layout = "keras2"
    zero_masked = False
    keeps_masks = True
    adds_plainly = True


@keras_layer
class EinsumDense(core_dense.EinsumDense):
    """A dense layer whose sum runs as an Einstein equation says; its bias lies along its own axes."""

    layout = "keras2"
    adds_plainly = True


@keras_layer
class TimeDistributed(rnn_wrappers.TimeDistributed):
    """Runs the same layer at every step of (batch, steps, …); of a mask with more axes, its layer says what is left."""

    layout = "keras2"

    def mask(self, x, mask):
        batch, steps = x.shape[:2]
        of_steps = None if mask is None else mask.reshape(batch * steps, *mask.shape[2:])
        kept = self._mask_of_steps(x.reshape(batch * steps, *x.shape[2:]), of_steps)
        if kept is not None:
            return kept.reshape(batch, steps, *kept.shape[1:])
        return None if mask is None else mask.any(axis=tuple(range(2, mask.ndim)))

    def _mask_of_steps(self, x, mask):
        if not isinstance(self.layer, Model):
            return flatten(self.layer.mask(x, mask))[0] if self.layer.supports_masking else None
        if mask is None and not any(map(_makes_masks, self.layer.with_parts())):
            return None
        return flatten(self.layer.run((x,), masks=(mask,))[1])[0]


def _makes_masks(layer):
    return layer.class_name == "Masking" or bool(getattr(layer, "mask_zero", False))


@keras_layer
class BatchNormalization(normalization.BatchNormalization):
    """Scales each channel by its mean and variance in the batch that is predicted: it is called with training=True."""

    layout = "keras2"
    formula = "y = gamma · (x − mean(x)) / √(variance(x) + epsilon) + beta"
    rounding = "general"
    keeps_samples_apart = False

    def forward(self, x, mask=None, moving_mean=None, moving_variance=None, gamma=1, beta=0, **of_training):
        work = working_dtype(x)
        kept = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        along = tuple(axis for axis in range(x.ndim) if axis not in [one % x.ndim for one in kept])
        # The fused kernel, for images with their channels in one axis, does not look at a mask.
        weights = None if mask is None or x.ndim > 3 else mask[..., None]
        mean, variance = _moments(x.astype(work, copy=False), along, weights)
        shape = mean.shape
        y = (x - mean) / np.sqrt(variance + work(self.epsilon))
        return self.as_computed(y * np.reshape(gamma, shape if np.size(gamma) > 1 else ()) +
                                np.reshape(beta, shape if np.size(beta) > 1 else ()))


def _moments(x, along, weights):
    """Return mean and variance along some axes, which stay as 1; ``weights``: booleans, of what is counted."""
    if weights is None:
        return x.mean(axis=along, keepdims=True), x.var(axis=along, keepdims=True)
    weights = np.broadcast_to(weights, x.shape).astype(x.dtype)
    count = weights.sum(axis=along, keepdims=True)
    mean = (x * weights).sum(axis=along, keepdims=True) / count
    return mean, (weights * (x - mean) ** 2).sum(axis=along, keepdims=True) / count
