"""``keras.ops.nn``: activations, normalizations, classes as ones, attention; with the few of two other modules."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.activations import ACTIVATIONS
from weightscope.layers.operations.dtypes import cast, known, result_type, tensor, together
from weightscope.layers.operations.products import contracted
from weightscope.layers.operations.reductions import axes_of, reduced
from weightscope.layers.operations.table import broadcast, operations_of, same, shape_of

operation = operations_of("nn")
EPSILON = 1e-7  # keras.config.epsilon()

for _name in (
    "celu", "elu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid",
    "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh_shrink", "threshold",
):  # fmt: skip
    operation(ACTIVATIONS[_name], shape=None if _name == "glu" else same, name=_name)
operations_of("keras.src.activations.activations")(ACTIVATIONS["relu"], shape=same, name="relu")
operations_of("keras.src.activations.activations")(ACTIVATIONS["mish"], shape=same, name="mish")


@operation(shape=same)
def gelu(x, approximate=True):
    """y = x · (1 + erf(x / √2)) / 2; approximate: x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2"""
    return ACTIVATIONS["gelu"](x, approximate)


@operations_of("keras.src.quantizers.quantizers")(shape=same)
def fake_quant_with_min_max_vars(inputs, min_vals, max_vals, num_bits=8, narrow_range=False, axis=None):
    """y = inputs, held between min_vals and max_vals and rounded to one of 2^num_bits steps"""
    # Source: tensorflow/core/kernels/fake_quant_ops_functor.h, Nudge.
    x, low, high = (cast(tensor(value), "float32") for value in (inputs, min_vals, max_vals))
    if axis is None:
        low, high = low.reshape(()), high.reshape(())
    else:
        low, high = (value.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]) for value in (low, high))
    first, last = np.float32(narrow_range), np.float32(2**num_bits - 1)
    step = (high - low) / (last - first)
    zero = np.clip(np.floor(first - low / step + np.float32(0.5)), first, last)
    low, high = (first - zero) * step, (last - zero) * step
    per_step = np.float32(1) / step
    at_zero = np.floor(-low * per_step + np.float32(0.5))
    steps = np.floor((np.clip(x, low, high) - low) * per_step - at_zero + np.float32(0.5))
    return cast(steps * step, inputs.dtype)


# Normalizations.


def _rsqrt(x):
    return x.dtype.type(1) / np.sqrt(x)


def _wide(x):
    return cast(x, result_type(x, "float32"))


@operation(shape=same)
def batch_norm(x, mean, variance, offset=None, scale=None, axis=-1, epsilon=1e-3):
    """y = (x − mean) / √(variance + epsilon) · scale + offset"""
    along = [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]
    mean, variance, offset, scale = (None if v is None else tensor(v).reshape(along)
                                     for v in (mean, variance, offset, scale))
    inverse = _rsqrt(variance + variance.dtype.type(epsilon))
    inverse = inverse if scale is None else inverse * scale
    shift = -mean * inverse if offset is None else offset - mean * inverse
    return x * inverse.astype(x.dtype) + shift.astype(x.dtype)


@operation(shape=same)
def layer_norm(x, gamma=None, beta=None, axis=-1, epsilon=None, rms_scaling=False):
    """y = (x − mean(x)) / √(var(x) + epsilon) · gamma + beta along axis

    With rms_scaling y = x / √(var(x) + epsilon) · gamma.
    """
    wide = _wide(x)
    axes = tuple(sorted(a % x.ndim for a in np.atleast_1d(axis)))
    along = [n if a in axes else 1 for a, n in enumerate(x.shape)]
    gamma, beta = (None if v is None else tensor(v, wide.dtype.name) for v in (gamma, beta))
    gamma, beta = (v if v is None or v.ndim == x.ndim or axes == (x.ndim - 1,) else v.reshape(along)
                   for v in (gamma, beta))
    epsilon = wide.dtype.type(EPSILON if epsilon is None else epsilon)
    mean = np.mean(wide, axis=axes, keepdims=True)
    inverse = _rsqrt(np.var(wide, axis=axes, keepdims=True) + epsilon)
    inverse = inverse if gamma is None else inverse * gamma
    if rms_scaling:
        return cast(wide * inverse, x.dtype)
    shift = -mean * inverse if beta is None else beta - mean * inverse
    return cast(wide * inverse + shift, x.dtype)


@operation(shape=same)
def rms_norm(x, scale=None, axis=-1, epsilon=None):
    """y = x / √(mean(x²) + epsilon) · scale along axis"""
    wide = _wide(x)
    epsilon = wide.dtype.type(EPSILON if epsilon is None else epsilon)
    y = wide * _rsqrt(np.mean(np.square(wide), axis=axes_of(axis), keepdims=True) + epsilon)
    return cast(y if scale is None else y * tensor(scale, y.dtype.name), x.dtype)


@operation(shape=same)
def normalize(x, axis=-1, order=2, epsilon=None):
    """y = x / max(Σ |x|^order to the power of 1 / order, epsilon) along axis"""
    epsilon, axis = EPSILON if epsilon is None else epsilon, axes_of(axis)
    if order == 2:
        inverse = _rsqrt(np.sum(np.square(x), axis=axis, keepdims=True))
        return x * np.minimum(inverse, x.dtype.type(1 / epsilon))
    length = np.sum(np.abs(x) ** x.dtype.type(order), axis=axis, keepdims=True) ** x.dtype.type(1 / order)
    return x / np.maximum(length, x.dtype.type(epsilon))


@operation(shape=lambda x, axes, keepdims=False, **_: [reduced(x, axis=axes, keepdims=keepdims)] * 2)
def moments(x, axes, keepdims=False, synchronized=False):
    """y = mean(x) and Σ (x − mean(x))² / n along axes"""
    wide, limits = _wide(x), np.finfo(x.dtype)
    found = (function(wide, axis=axes_of(axes), keepdims=keepdims) for function in (np.mean, np.var))
    return [np.asarray(np.clip(value, limits.min, limits.max), x.dtype) for value in found]


@operation(shape=broadcast)
def polar(abs_, angle):
    """y = abs · (cos(angle) + i sin(angle))"""
    abs_, angle = together(abs_, angle)
    return abs_ * np.cos(angle) + 1j * (abs_ * np.sin(angle))


# Classes as ones.


def _hot_shape(x, num_classes, axis=-1, **_):
    shape = shape_of(x)
    at = axis % (len(shape) + 1)
    return (*shape[:at], num_classes, *shape[at:])


@operation(shape=_hot_shape)
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """y = for each number of x a row of num_classes, 1 at that number, else 0"""
    if sparse:
        raise NotReplayable("a sparse one_hot is not replayed")
    ones = cast(x, "int64")[..., None] == np.arange(num_classes)
    return np.moveaxis(ones.astype(known(dtype or "float32")), -1, axis)


@operation(shape=lambda x, *_, **settings: _fewer(_hot_shape(x, **settings), len(shape_of(x))))
def multi_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """y = a row of num_classes, 1 at each number that x holds, else 0"""
    return np.max(one_hot(x, num_classes, axis, dtype), axis=1 if x.ndim > 1 else 0)


def _fewer(shape, rank):
    return shape[1:] if rank == 1 else (shape[0], *shape[2:])


# Attention.


def _shape_of_attention(query, key, value, *_, **__):
    return (*shape_of(query)[:-1], shape_of(value)[-1])


@operation(shape=_shape_of_attention, finest="float32")
def dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
                          attn_logits_soft_cap=None, squared=False):  # fmt: skip
    """y = softmax(query · key · scale + bias, where the mask allows) · value, head by head; squared: (query · key)²"""
    # Arrays are (batch, steps, heads, channels). Keras' TensorFlow backend ignores attn_logits_soft_cap.
    query, key, value = together(query, key, value)
    groups = query.shape[2] // key.shape[2] if query.shape[2] > key.shape[2] > 1 else 1
    key, value = np.repeat(key, groups, axis=2), np.repeat(value, groups, axis=2)
    query, key, value = (np.swapaxes(x, 1, 2) for x in (query, key, value))
    scale = 1 / np.sqrt(np.float32(key.shape[-1])) if scale is None else scale
    logits = _wide(contracted(np.matmul, query, np.swapaxes(key, -1, -2)))
    logits = logits * (logits if squared else logits.dtype.type(scale))
    if bias is not None:
        logits = logits + tensor(bias, logits.dtype.name)
    allowed = np.ones(logits.shape[-2:], bool)
    allowed = np.tril(allowed) if is_causal else allowed
    allowed = allowed if mask is None else allowed & tensor(mask, "bool")
    logits = np.where(allowed, logits, logits.dtype.type(-0.7 * 3.38953e38))
    shares = cast(ACTIVATIONS["softmax"](logits), key.dtype)
    return np.swapaxes(contracted(np.matmul, shares, value), 1, 2)
