"""How Keras promotes dtypes, which is not how NumPy does.

A Python number is weak: it takes the dtype of the arrays beside it. Source of the lattice:
``keras/src/backend/common/dtypes.py``, after JAX (https://docs.jax.dev/en/latest/jep/9407-type-promotion.html).
"""

import functools

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.short_floats import as_bfloat16, as_plain, dtype_name

FLOATX = "float32"

# Each dtype, and those just above it; `int` and `float` stand for Python's own numbers.
ABOVE = {
    "bool": "int", "int": "uint8 int8 complex64", "float": "bfloat16 float16",
    "uint8": "int16 uint16", "uint16": "int32 uint32", "uint32": "int64 uint64", "uint64": "float",
    "int8": "int16", "int16": "int32", "int32": "int64", "int64": "float",
    "bfloat16": "float32", "float16": "float32", "float32": "float64 complex64", "float64": "complex128",
    "complex64": "complex128", "complex128": "",
}  # fmt: skip
_HELD_IN = {"int": "int64", "float": FLOATX, "bfloat16": "float32"}
NARROWED = {"uint64": "uint32", "complex128": "complex64"}  # Keras' results never have these dtypes
WIDENED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


@functools.cache
def at_or_above(dtype):
    """Return the dtypes that hold every value of ``dtype``, itself among them."""
    return frozenset({dtype}).union(*(at_or_above(higher) for higher in ABOVE[dtype].split()))


def dtype_of(value):
    """Return Keras' word for the dtype of an array, a Python number (``int``, ``float``: weak), a type or a name."""
    if isinstance(value, np.ndarray):
        return dtype_name(value.dtype)
    if isinstance(value, (bool, np.bool_)) or value is bool:
        return "bool"
    if isinstance(value, str):
        return value if value == "bfloat16" else known(value)
    if isinstance(value, (int, np.integer)) or value is int:
        return "int"
    if isinstance(value, (float, np.floating)) or value is float:
        return "float"
    return np.asarray(value).dtype.name


def known(dtype):
    """Return a dtype's name, that of float32 for bfloat16, or raise NotReplayable for one that NumPy lacks."""
    held = _HELD_IN.get(dtype, dtype) if isinstance(dtype, str) else None
    if held not in ABOVE:
        raise NotReplayable(f"dtype {dtype!r} is not replayed")
    return held


def common_dtype(*values):
    """Return the dtype in which Keras combines arrays, Python numbers, types and names, as its ``result_type`` does."""
    return _result_type(frozenset(dtype_of(value) for value in values))


def result_type(*values):
    """Return the same as a dtype that NumPy has: float32 for bfloat16, to which an operation's result is rounded."""
    return known(common_dtype(*values))


@functools.cache
def _result_type(dtypes):
    common = frozenset.intersection(*(at_or_above(dtype) for dtype in dtypes))
    least = next(dtype for dtype in common if common <= at_or_above(dtype))
    return {"int": "int32", "float": FLOATX, **NARROWED}.get(least, least)


def tensor(value, dtype=None):
    """Return a value as TensorFlow makes a tensor of it: Python's numbers become int32 and float32, or the dtype."""
    if not isinstance(value, np.ndarray):
        value = np.asarray(value)
        if value.dtype.kind == "f" and str(dtype) == "float64":
            return value
        value = value.astype({"int64": "int32", "float64": FLOATX}.get(value.dtype.name, value.dtype), copy=False)
    return value if dtype is None else cast(value, dtype)


def cast(x, dtype):
    """Return an array in another dtype as ``tf.cast`` does: towards zero, and a complex number by its real part."""
    name = str(dtype)
    dtype, x = np.dtype(known(name)), x if name == "bfloat16" else as_plain(x)
    if x.dtype != dtype:
        x = (x.real if x.dtype.kind == "c" and dtype.kind != "c" else x).astype(dtype)
    return as_bfloat16(x) if name == "bfloat16" else x


def promoted(*values):
    """Return all values in their common dtype; Python's numbers are weak."""
    dtype = common_dtype(*values)
    return [tensor(value, dtype) for value in values]


def together(*values, also=()):
    """Return all values in their common dtype, numbers being tensors first; ``also`` joins in, without a value."""
    values = [tensor(value) for value in values]
    dtype = common_dtype(*values, *also)
    return [cast(value, dtype) for value in values]


def is_whole(x):
    """Tell whether an array holds whole numbers or booleans."""
    return x.dtype.kind in "biu"


def as_float(x):
    """Return an array as floats: int64, and what is smaller, becomes float32; floats and complex numbers stay."""
    x = tensor(x)
    return cast(x, FLOATX if x.dtype == np.int64 else result_type(x, float))


def as_double(x):
    """Return an array as floats: int64 becomes float64, other whole numbers float32; floats stay."""
    x = tensor(x)
    return cast(x, "float64" if x.dtype == np.int64 else FLOATX) if is_whole(x) else x


def widened(x):
    """Return an array in the dtype in which Keras adds it up: whole numbers in 32 bits at least, floats as they are."""
    return cast(x, WIDENED.get(x.dtype.name, x.dtype.name))
