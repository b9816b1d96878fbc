"""Floats of two bytes and of one that NumPy does not have, held in float32, which has room for each of their values."""

from functools import cache

import numpy as np

# An array of this dtype is float32 to NumPy; `dtype_name` knows that its values are, or stand beside, bfloat16.
BFLOAT16 = np.dtype("float32", metadata={"holds": "bfloat16"})

MOST_FLOAT8 = 448.0  # the largest float8_e4m3fn


def dtype_name(dtype):
    """Return the name of a NumPy dtype, or "bfloat16" for ``BFLOAT16``."""
    return (dtype.metadata or {}).get("holds") or _plain_name(dtype)


@cache
def _plain_name(dtype):
    return dtype.name  # which NumPy puts together anew each time


def to_bfloat16(x):
    """Return floats rounded to the nearest bfloat16, ties to even, as float32.

    bfloat16 is the upper half of a float32: adding just under half of what is cut off, and one more where the last
    kept bit is odd, rounds by carry. A NaN could carry into an infinity, and is left as it is. Floats that are bfloat16
    already come back as the very array.
    """
    x = np.asarray(x, np.float32, order="C")
    bits = x.view(np.uint32)
    if not _has_more(bits.ravel()[:1024]) and not _has_more(bits):
        return x
    rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF)) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), x, rounded)


def as_bfloat16(x):
    """Return floats rounded to bfloat16, as ``BFLOAT16``, which says so; the very array, where it is that already."""
    rounded = to_bfloat16(x)
    return rounded if holds_bfloat16(rounded) else rounded.view(BFLOAT16)


def holds_bfloat16(x):
    """Tell whether an array says that its values are bfloat16."""
    return x.dtype.metadata is not None and dtype_name(x.dtype) == "bfloat16"


def as_plain(x):
    """Return an array without what its dtype says about bfloat16; the very value, where it says none."""
    return x.view("float32") if isinstance(x, np.ndarray) and holds_bfloat16(x) else x


def _has_more(bits):
    """Tell whether float32s, by their bits, say more than bfloat16s can."""
    return bool(np.any(bits & np.uint32(0xFFFF)))


def to_float8(x):
    """Return floats in -448 … 448 rounded to the nearest float8_e4m3fn (4 bits of exponent, 3 of fraction).

    Ties go to even. Below 2⁻⁶ its steps stay 2⁻⁹. Source of the format: https://arxiv.org/abs/2209.05433.
    """
    _, exponent = np.frexp(x)  # x = m · 2^exponent with ½ ≤ |m| < 1, so its leading bit counts 2^(exponent - 1)
    step = np.ldexp(np.ones_like(x), np.maximum(exponent - 1, -6) - 3)
    return np.rint(x / step) * step
