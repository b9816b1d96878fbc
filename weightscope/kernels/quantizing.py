"""Weights and inputs in few bits: whole numbers of 8 or 4 bits with a scale, and floats of 8 bits.

``rounded`` is a function that rounds an array to the dtype a layer computes in, where NumPy does not do so by itself.
"""

import numpy as np

from weightscope.kernels.short_floats import MOST_FLOAT8, to_float8


def by_largest(x, axes, quantizer, rounded):
    """Return x as whole numbers (in its own dtype), and the scale that they were multiplied by, its ``axes`` kept.

    scale = high / (max |x| + epsilon); whole numbers = x · scale, rounded half to even, between low and high.
    ``quantizer``: (low, high, epsilon). Source: ``abs_max_quantize`` in keras/src/quantizers/quantizers.py.
    """
    low, high, epsilon = quantizer
    largest = rounded(np.max(np.abs(x), axis=axes, keepdims=True) + x.dtype.type(epsilon))
    scale = rounded(x.dtype.type(high) / largest)
    return np.clip(np.rint(rounded(x * scale)), low, high), scale


def halves(packed, length, axis=-1):
    """Return the int4 numbers, -8 … 7, of which ``packed`` (int8) holds two to a byte along ``axis``, the low first.

    ``length``: how many there are, for the last half may be padding.
    """
    low, high = (packed << 4) >> 4, packed >> 4  # shifts of int8 keep the sign
    axis %= packed.ndim
    both = np.stack([low, high], axis + 1)
    both = both.reshape(*packed.shape[:axis], -1, *packed.shape[axis + 1:])
    return both.take(np.arange(length), axis)


def trits(packed, length):
    """Return the numbers -1, 0 and 1 of which ``packed`` (uint8) holds five to a byte along axis 0, in base 3.

    ``length``: how many there are; the last byte may hold fewer. The first number is the lowest digit. Source:
    ``pack_ternary`` in keras/src/quantizers/quantizers.py of Keras 3.16.
    """
    digits = np.stack([packed // 3**place % 3 for place in range(5)], axis=1)
    return digits.reshape(-1, *packed.shape[1:])[:length].astype("int8") - np.int8(1)


def from_groups(whole, scale, zero, groups, rounded, axis=0):
    """Return (whole - zero) · scale; ``groups`` says which scale and zero are those of each step along ``axis``."""
    groups = groups.astype(np.int32)
    scale, zero = scale.take(groups, axis), zero.take(groups, axis)
    return rounded(rounded(whole.astype(scale.dtype) - zero.astype(scale.dtype)) * scale)


def through_float8(x, scale, rounded):
    """Return x as it comes back from float8_e4m3fn: divided by the scale, rounded, multiplied by it."""
    scaled = np.clip(rounded(x / scale), -MOST_FLOAT8, MOST_FLOAT8)
    return rounded(to_float8(scaled) * scale)


def whole_product(contract, x, kernel):
    """Return ``contract(x, kernel)`` of whole numbers of 8 bits, exactly: no sum outgrows the 24 bits of float32."""
    terms = kernel.size // max(kernel.shape[-1], 1)
    work = np.float32 if terms * 2**14 < 2**24 else np.float64
    return contract(x.astype(work, copy=False), kernel.astype(work, copy=False))
