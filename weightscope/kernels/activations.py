"""Every activation function that Keras 3 names, plus Keras 2's hard_sigmoid.

Each takes a float array of one axis or more (and Keras' own optional arguments) and returns an array of the same shape
and dtype; the input is left alone and nothing warns about overflow. Two-byte floats are computed in float32 and rounded
once. Formulas: the docstrings of ``keras.activations``.
"""

import difflib
import functools

import numpy as np

from weightscope.kernels.noting import note
from weightscope.kernels.special import erf

ACTIVATIONS = {}
# Even in float64 these have float32's digits: tf.nn.gelu makes float32 tensors of them first.
GELU_ROOT, GELU_CUBE = float(np.float32(0.5**0.5)), float(np.float32(0.044715))


def named(function):
    """Enter an activation into the table under its own name; see to half precision and to quiet overflow."""

    @functools.wraps(function)
    def activation(x, *arguments, **keywords):
        x = np.asarray(x)
        half = x.dtype.itemsize == 2 and x.dtype.kind not in "iu"
        with np.errstate(over="ignore", under="ignore"):
            y = function(x.astype(np.float32) if half else x, *arguments, **keywords)
            return y.astype(x.dtype) if half else y

    ACTIVATIONS[function.__name__] = activation
    return activation


def activation(name):
    """The function of a name as Keras writes it into a config; ``None`` is ``linear``.

    Raises ``KeyError``, with the near matches, for a name that is none of Keras'.
    """
    name = "linear" if name is None else name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        near = difflib.get_close_matches(str(name), ACTIVATIONS)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise KeyError(f"no activation is named {name!r}{hint}")
    return ACTIVATIONS[name]


@named
def linear(x):
    """y = x"""
    return x


# Rectifiers: straight lines with corners.


@named
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """y = x above ``threshold``, else ``negative_slope`` · (x − ``threshold``); never more than ``max_value``."""
    if negative_slope != 0 and threshold == 0 and max_value is None:
        return leaky_relu(x, negative_slope)
    y = np.maximum(x, 0) if threshold == 0 else np.where(x > threshold, x, 0)
    if max_value is not None:
        np.clip(y, 0, np.float32(max_value), out=y)  # TensorFlow's clip_by_value makes its bounds float32 first
    if negative_slope != 0:
        y -= negative_slope * np.maximum(threshold - x, 0)
    return y


@named
def relu6(x):
    """y = min(max(x, 0), 6)"""
    return np.clip(x, 0, 6)


@named
def leaky_relu(x, negative_slope=0.2):
    """y = x for x > 0, else ``negative_slope`` · x"""
    # Even in float64 the slope has float32's digits: TensorFlow's LeakyRelu takes it as a float attribute.
    x = x.astype("float32") if x.dtype.kind in "biu" else x
    return np.where(x > 0, x, float(np.float32(negative_slope)) * x)


@named
def threshold(x, threshold, default_value):
    """y = x above ``threshold``, else ``default_value``"""
    return np.where(x > threshold, x, np.asarray(default_value, x.dtype))


@named
def hard_shrink(x, threshold=0.5):
    """y = x where |x| > ``threshold``, else 0"""
    return np.where(np.abs(x) > threshold, x, 0)


@named
def soft_shrink(x, threshold=0.5):
    """y = x, drawn towards 0 by ``threshold``, and 0 where |x| is less"""
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, 0))


@named
def hard_tanh(x):
    """y = min(max(x, −1), 1)"""
    return np.clip(x, -1, 1)


@named
def hard_sigmoid(x):
    """y = min(max(x + 3, 0), 6) / 6"""
    y = x + 3
    np.clip(y, 0, 6, out=y)
    y /= 6
    return y


@named
def hard_sigmoid_keras2(x):
    """y = min(max(0.2 x + 0.5, 0), 1): what Keras 1 and 2 call hard_sigmoid"""
    y = 0.2 * x
    y += 0.5
    return np.clip(y, 0, 1, out=y)


@named
def hard_silu(x):
    """y = x · hard_sigmoid(x)"""
    return x * hard_sigmoid(x)


@named
def sparse_sigmoid(x):
    """y = min(max((x + 1) / 2, 0), 1)"""
    return np.clip((x + 1) / 2, 0, 1)


@named
def sparse_plus(x):
    """y = 0 up to −1, (x + 1)² / 4 between, x from 1 on"""
    return np.where(x < 1, np.square(np.clip(x + 1, 0, 2)) / 4, x)


# Exponential families.


@named
def exponential(x):
    """y = exp(x)"""
    return np.exp(x)


@named
def elu(x, alpha=1.0):
    """y = x for x > 0, else ``alpha`` · (exp(x) − 1)"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@named
def selu(x):
    """y = scale · elu(x, alpha), with the two constants of Klambauer et al., 2017 (arXiv:1706.02515)"""
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


@named
def celu(x, alpha=1.0):
    """y = max(x, 0) + ``alpha`` · (exp(min(x, 0) / ``alpha``) − 1)"""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


@named
def sigmoid(x):
    """y = 1 / (1 + exp(−x))"""
    y = np.negative(x)
    np.exp(y, out=y)  # infinite for very negative x, and its reciprocal is then the 0 it should be
    y += 1
    return np.divide(1, y, out=y)


@named
def log_sigmoid(x):
    """y = log(sigmoid(x)) = −softplus(−x)"""
    return -softplus(-x)


@named
def softplus(x):
    """y = log(exp(x) + 1), written so that nothing overflows"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@named
def silu(x):
    """y = x · sigmoid(x)"""
    y = sigmoid(x)
    y *= x
    return y


@named
def mish(x):
    """y = x · tanh(softplus(x))"""
    return x * np.tanh(softplus(x))


@named
def gelu(x, approximate=False):
    """y = x · (1 + erf(x / √2)) / 2; ``approximate``: x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2"""
    y = np.tanh(0.7978845608028654 * (x + GELU_CUBE * (x * x * x))) if approximate else erf(x * GELU_ROOT)
    y += 1
    y *= x
    y *= 0.5
    return y


@named
def tanh(x):
    """y = tanh(x)"""
    return np.tanh(x)


@named
def tanh_shrink(x):
    """y = x − tanh(x)"""
    return x - np.tanh(x)


# Roots and quotients.


@named
def softsign(x):
    """y = x / (|x| + 1)"""
    return x / (np.abs(x) + 1)


@named
def squareplus(x, b=4):
    """y = (x + √(x² + ``b``)) / 2"""
    return (x + np.sqrt(x * x + b)) / 2


# Functions of a whole axis.


@named
def softmax(x, axis=-1):
    """y = exp(x) / Σ exp(x) along ``axis``: one axis, several, or all with ``None``."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = x - np.max(x, axis=axis, keepdims=True)
    np.exp(y, out=y)
    total = np.sum(y, axis=axis, keepdims=True)
    note(exp=y, total=total)
    y /= total
    if y.dtype == np.float32 and not isinstance(axis, tuple) and np.isnan(total).any():
        return _with_unknown(y, x, axis)
    return y


def _with_unknown(y, x, axis):
    # In float32 TensorFlow (oneDNN) gives NaN for the NaNs and infinities alone, and 0 for the others beside them. From
    # nine values on, which of them are NaN also follows from the length of the processor's vectors.
    endless = np.isnan(x) | (x == np.inf)
    shares = np.where(endless, np.float32(np.nan), np.float32(0))
    return np.where(np.any(endless, axis=axis, keepdims=True), shares, y)


def softmax_beside(x, mask, axis=-1):
    """Return the softmax with a large number taken off where ``mask`` is False, so that all alike is masked evenly.

    Source: Softmax of Keras 2, and of Keras 3 before 3.10.
    """
    lowest = x.dtype.type(-3e4 if x.dtype == np.float16 else -1e9)
    x = x + (1 - mask.astype(x.dtype)) * lowest
    if isinstance(axis, int) or len(axis) == 1:
        return softmax(x, axis)
    # Beside so large a number the logarithm of the sum is lost: over several axes, all are 1 where all are masked.
    axes = tuple(axis)
    largest = x.max(axis=axes, keepdims=True)
    return np.exp(x - (np.log(np.exp(x - largest).sum(axis=axes, keepdims=True)) + largest))


@named
def log_softmax(x, axis=-1):
    """y = x − log Σ exp(x) along ``axis``: one axis, several, or all with ``None``."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = x - np.max(x, axis=axis, keepdims=True)
    y -= np.log(np.sum(np.exp(y), axis=axis, keepdims=True))
    return y


@named
def sparsemax(x, axis=-1):
    """y = max(x − τ, 0), with τ from the largest values along ``axis`` (Martins and Astudillo, arXiv:1602.02068)."""
    ordered = np.flip(np.sort(x, axis=axis), axis=axis)
    total = np.cumsum(ordered, axis=axis)
    along = [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]
    rank = np.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape(along)
    support = ordered - (total - 1) / rank > 0
    # The paper's τ uses the last running total of the support; Keras adds all of them (backend/tensorflow/nn.py).
    totals = np.sum(np.where(support, total, 0), axis=axis, keepdims=True)
    count = np.sum(support, axis=axis, keepdims=True, dtype=x.dtype)
    return np.maximum(x - (totals - 1) / count, 0)


@named
def glu(x, axis=-1):
    """y = first half · sigmoid(second half) of ``axis``; raises ``ValueError`` for an odd one."""
    if x.shape[axis] % 2:
        raise ValueError(f"glu halves axis {axis}, which has an odd size: shape {x.shape}")
    first, second = np.split(x, 2, axis=axis)
    return first * sigmoid(second)


ACTIVATIONS["swish"] = silu
ACTIVATIONS["hard_swish"] = hard_silu
