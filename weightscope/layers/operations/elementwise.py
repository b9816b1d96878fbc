"""``keras.ops.numpy``, value by value: functions of one array, arithmetic, comparisons, logic and bits.

What a function does to dtypes is Keras', read from ``keras/src/backend/tensorflow/numpy.py``.
"""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.adding import added
from weightscope.layers.operations.dtypes import (
    FLOATX,
    as_double,
    as_float,
    cast,
    common_dtype,
    is_whole,
    promoted,
    tensor,
    together,
)
from weightscope.layers.operations.table import broadcast, operations_of, same, shape_of

operation = operations_of("numpy")


def _named(function, name, formula):
    function.__name__, function.__doc__ = name, formula
    return function


def _of_one(name, numpy_function, prepare=tensor):
    """Enter y = ``numpy_function(prepare(x))``."""
    operation(_named(lambda x: numpy_function(prepare(x)), name, f"y = {name}(x)"), shape=same)


def _of_two(name, numpy_function, formula, prepare=promoted):
    """Enter y = ``numpy_function`` of both arguments as ``prepare`` gives them."""
    operation(_named(lambda x1, x2: numpy_function(*prepare(x1, x2)), name, formula), shape=broadcast)


def _of_bits(name, numpy_function, formula):
    operation(_named(lambda x, y: numpy_function(*together(x, y)), name, formula), shape=broadcast)


# Of one array.


def _floored(x):
    """Return an array as floats, all whole numbers as float32."""
    x = tensor(x)
    return cast(x, FLOATX) if is_whole(x) else x


def _absolute(x):
    return x if x.dtype.kind in "bu" else np.abs(x)


def _conjugate(x):
    return np.conj(x) if x.dtype.kind == "c" else x  # the very tensor, as in TensorFlow


def _sinc(x):
    angle = x * x.dtype.type(np.pi)
    return np.where(x == 0, x.dtype.type(1), np.sin(angle) / angle)


def _square(x):
    return np.square(cast(x, "int32") if x.dtype == bool else x)


def _bessel(x):
    return cast(np.i0(x), x.dtype)


def _as_bool(x):
    return cast(tensor(x), "bool")


for _name, _function in {
    "arccos": np.arccos, "arccosh": np.arccosh, "arcsin": np.arcsin, "arcsinh": np.arcsinh, "arctan": np.arctan,
    "arctanh": np.arctanh, "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh, "floor": np.floor, "log": np.log,
    "log10": np.log10, "log1p": np.log1p, "log2": np.log2, "sin": np.sin, "sinc": _sinc, "sinh": np.sinh,
    "sqrt": np.sqrt, "tan": np.tan, "tanh": np.tanh, "angle": np.angle,
}.items():  # fmt: skip
    _of_one(_name, _function, as_float)
for _name, _function in {"exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "fabs": np.abs}.items():
    _of_one(_name, _function, _floored)
for _name, _function in {"cbrt": np.cbrt, "deg2rad": np.deg2rad, "rad2deg": np.rad2deg, "i0": _bessel}.items():
    _of_one(_name, _function, as_double)
for _name, _function in {
    "abs": _absolute, "absolute": _absolute, "bitwise_invert": np.invert, "bitwise_not": np.invert, "conj": _conjugate,
    "conjugate": _conjugate, "copy": np.copy, "imag": np.imag, "isfinite": np.isfinite, "isinf": np.isinf,
    "isnan": np.isnan, "isneginf": lambda x: x == -np.inf, "isposinf": lambda x: x == np.inf, "isreal": np.isreal,
    "negative": np.negative, "real": np.real, "reciprocal": np.reciprocal, "sign": np.sign, "signbit": np.signbit,
    "square": _square, "trunc": lambda x: x if is_whole(x) else np.trunc(x),
}.items():  # fmt: skip
    _of_one(_name, _function)
_of_one("logical_not", np.logical_not, _as_bool)


@operation(shape=same, finest="float32")
def round_(x, decimals=0):
    """y = x rounded to decimals places, halves to the even neighbour"""
    x = tensor(x)
    if decimals == 0 or (is_whole(x) and decimals > 0):
        return np.rint(x) if x.dtype.kind in "fc" else x
    floats = _floored(x)
    factor = floats.dtype.type(10.0**decimals)
    return cast(np.rint(floats * factor) / factor, x.dtype)


@operation(shape=same)
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """y = x, with nan, posinf and neginf in the place of what is not finite"""
    x = tensor(x)
    if is_whole(x):
        return x
    limits = np.finfo(x.dtype)
    high, low = (limits.max if posinf is None else posinf), (limits.min if neginf is None else neginf)
    y = np.where(np.isnan(x), x.dtype.type(nan), x)
    y = np.where(y == np.inf, x.dtype.type(high), y)
    return np.where(y == -np.inf, x.dtype.type(low), y)


@operation(shape=same)
def clip(x, x_min, x_max):
    """y = max(min(x, x_max), x_min)"""
    x = cast(x, "int32") if x.dtype == bool else x
    return np.maximum(np.minimum(x, tensor(x_max, x.dtype)), tensor(x_min, x.dtype))


# Arithmetic of two. A Python number beside an array takes the array's dtype.


def _to_float(x1, x2):
    return (tensor(x, common_dtype(x1, x2, float)) for x in (x1, x2))


def _strong_float(x1, x2):
    return together(x1, x2, also=(float,))


def _double(x1, x2):
    return (as_double(x) for x in together(x1, x2))


def _mod_ready(x1, x2):
    return (cast(x, "int32") if x.dtype == bool else x for x in together(x1, x2))


def divisor(x):
    """Return what something is divided by; raise NotReplayable for a whole 0, at which TensorFlow stops."""
    if is_whole(x) and not np.all(x):
        raise NotReplayable("a whole number is divided by 0, and Keras on TensorFlow stops there")
    return x


def _floor_divide(x1, x2):
    return np.floor_divide(x1, divisor(x2)) if is_whole(x1) else np.floor(x1 / x2)


def _divide_no_nan(x1, x2):
    return np.where(x2 == 0, x1.dtype.type(0), x1 / x2)


def _fmod(x1, x2):
    return cast(np.sign(x1) * np.mod(np.abs(x1), np.abs(divisor(x2))), x1.dtype)


def _heaviside(x1, x2):
    return np.where(x1 < 0, x1.dtype.type(0), np.where(x1 > 0, x1.dtype.type(1), x2))


def _nextafter(x1, x2):
    # Keras steps in float64, so that in a smaller dtype the step is mostly rounded away again.
    return cast(np.nextafter(cast(x1, "float64"), cast(x2, "float64")), x1.dtype)


def _logaddexp2(x1, x2):
    log2 = x1.dtype.type(np.float32(np.log(2)))  # with float32's digits even in float64, as in Keras
    apart = x1 - x2
    y = np.maximum(x1, x2) + np.log1p(np.exp(-np.abs(apart) * log2)) / log2
    return np.where(np.isnan(apart), x1 + x2, y)


def _power(x1, x2):
    # As in Keras, unsigned numbers go by int32.
    return cast(np.power(cast(x1, "int32"), cast(x2, "int32")), x1.dtype) if x1.dtype.kind == "u" else np.power(x1, x2)


_of_two("add", added, "y = x1 + x2")
_of_two("subtract", np.subtract, "y = x1 − x2")
_of_two("multiply", np.multiply, "y = x1 · x2")
_of_two("maximum", np.maximum, "y = max(x1, x2)")
_of_two("minimum", np.minimum, "y = min(x1, x2)")
_of_two("fmax", np.fmax, "y = max(x1, x2), or the one that is no NaN")
_of_two("fmin", np.fmin, "y = min(x1, x2), or the one that is no NaN")
_of_two("floor_divide", _floor_divide, "y = ⌊x1 / x2⌋")
_of_two("power", _power, "y = x1 to the power of x2")
_of_two("divide", np.divide, "y = x1 / x2", _to_float)
_of_two("true_divide", np.divide, "y = x1 / x2", _to_float)
_of_two("divide_no_nan", _divide_no_nan, "y = x1 / x2, 0 where x2 = 0", _to_float)
_of_two("mod", lambda x1, x2: np.mod(x1, divisor(x2)), "y = x1 − ⌊x1 / x2⌋ · x2", _mod_ready)
_of_two("fmod", _fmod, "y = sign(x1) · (|x1| mod |x2|)", _mod_ready)
_of_two("gcd", np.gcd, "y = the greatest common divisor of x1 and x2", together)
_of_two("lcm", np.lcm, "y = the least common multiple of x1 and x2", together)
_of_two("arctan2", np.arctan2, "y = the angle of the point (x2, x1)", _strong_float)
_of_two("logaddexp", np.logaddexp, "y = log(exp(x1) + exp(x2))", _strong_float)
_of_two("logaddexp2", _logaddexp2, "y = log2(2^x1 + 2^x2)", _strong_float)
_of_two("nextafter", _nextafter, "y = the number after x1 on the way to x2", _strong_float)
_of_two("heaviside", _heaviside, "y = 0 where x1 < 0, 1 where x1 > 0, else x2", _double)
_of_two("hypot", np.hypot, "y = √(x1² + x2²)", _double)


@operation(shape=broadcast)
def ldexp(x1, x2):
    """y = x1 · 2^x2"""
    x1, x2 = together(x1, x2, also=(float,))
    return np.where(np.isinf(x1) | (x1 == 0), x1, x1 * np.power(x1.dtype.type(2), x2))


# Comparisons.

for _name, _function, _sign in (
    ("equal", np.equal, "="), ("not_equal", np.not_equal, "≠"), ("greater", np.greater, ">"),
    ("greater_equal", np.greater_equal, "≥"), ("less", np.less, "<"), ("less_equal", np.less_equal, "≤"),
):  # fmt: skip
    _of_two(_name, _function, f"y = x1 {_sign} x2", together)


@operation(shape=broadcast)
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """y = |x1 − x2| ≤ atol + rtol · |x2|"""
    x1, x2 = together(x1, x2)
    if is_whole(x1):
        return x1 == x2
    near = np.abs(x1 - x2) <= x1.dtype.type(atol) + x1.dtype.type(rtol) * np.abs(x2)
    return near | (np.isnan(x1) & np.isnan(x2)) if equal_nan else near


@operation(shape=lambda *_, **__: ())
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """y = whether isclose(x1, x2) everywhere"""
    x1, x2 = together(x1, x2)
    finite = np.isfinite(x1) & np.isfinite(x2)
    return np.all((finite & isclose(x1, x2, rtol, atol)) | isclose(x1, x2, 0, 0, equal_nan) | (x1 == x2))


# Logic and bits.


def _both_bool(x1, x2):
    return _as_bool(x1), _as_bool(x2)


_of_two("logical_and", np.logical_and, "y = x1 and x2", _both_bool)
_of_two("logical_or", np.logical_or, "y = x1 or x2", _both_bool)
_of_two("logical_xor", np.logical_xor, "y = either x1 or x2", _both_bool)
_of_bits("bitwise_and", np.bitwise_and, "y = x and y, bit by bit")
_of_bits("bitwise_or", np.bitwise_or, "y = x or y, bit by bit")
_of_bits("bitwise_xor", np.bitwise_xor, "y = either x or y, bit by bit")


def _shift(numpy_function):
    def shift(x, y):
        x, y = (x, tensor(y, x.dtype)) if isinstance(y, int) else together(x, y)
        return numpy_function(x, y)

    return shift


for _name in ("bitwise_left_shift", "left_shift"):
    operation(_named(_shift(np.left_shift), _name, "y = x, its bits moved left by y"), shape=broadcast)
for _name in ("bitwise_right_shift", "right_shift"):
    operation(_named(_shift(np.right_shift), _name, "y = x, its bits moved right by y"), shape=broadcast)


@operation(shape=lambda c, x1=None, x2=None: [(None,)] * len(shape_of(c)) if x1 is None else broadcast(c, x1, x2))
def where(condition, x1=None, x2=None):
    """y = x1 where the condition holds, else x2; without them, for each axis the places where it holds"""
    if x1 is None and x2 is None:
        return [found.astype("int32") for found in np.nonzero(condition)]
    x1, x2 = promoted(x1, x2)
    return np.where(_as_bool(condition), x1, x2)
