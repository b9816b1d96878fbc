"""TensorFlow's functions that go value by value, and activations."""

import numpy as np

from weightscope.kernels.activations import ACTIVATIONS, gelu, leaky_relu, log_softmax, softmax
from weightscope.layers.operations import math
from weightscope.layers.operations.elementwise import divisor
from weightscope.layers.tensorflow.table import enter, function, pair


def _of_two(names, numpy_function, formula):
    enter(names, lambda x, y: numpy_function(*pair(x, y)), formula)


def _truediv(x, y):
    return np.divide(x, y, dtype=x.dtype if x.dtype.kind == "f" else "float64")


def _no_nan(combine, replaced):
    return lambda x, y: np.where(y == 0, x.dtype.type(0), combine(x, np.where(y == 0, y.dtype.type(replaced), y)))


_of_two("math.add __operators__.add add AddV2 Add", np.add, "y = x + y")
_of_two("math.subtract subtract Sub", np.subtract, "y = x − y")
_of_two("math.multiply multiply Mul", np.multiply, "y = x · y")
_of_two("math.truediv truediv math.divide divide realdiv math.real_div RealDiv Div", _truediv, "y = x / y")
_of_two("math.floordiv floordiv floor_div FloorDiv", lambda x, y: np.floor_divide(x, divisor(y)), "y = ⌊x / y⌋")
_of_two("math.mod math.floormod math.floor_mod mod floormod FloorMod", lambda x, y: np.mod(x, divisor(y)),
        "y = x − ⌊x / y⌋ · y")
_of_two("math.pow pow Pow", np.power, "y = x to the power of y")
_of_two("math.maximum maximum Maximum", np.maximum, "y = max(x, y)")
_of_two("math.minimum minimum Minimum", np.minimum, "y = min(x, y)")
_of_two("math.squared_difference squared_difference SquaredDifference", lambda x, y: np.square(x - y), "y = (x − y)²")
_of_two("math.atan2 atan2 Atan2", np.arctan2, "y = the angle of the point (y, x)")
_of_two("math.divide_no_nan DivNoNan", _no_nan(np.divide, 1), "y = x / y, 0 where y = 0")
_of_two("math.multiply_no_nan MulNoNan", _no_nan(np.multiply, 0), "y = x · y, 0 where y = 0")
_of_two("math.greater greater Greater", np.greater, "y = x > y")
_of_two("math.greater_equal greater_equal GreaterEqual", np.greater_equal, "y = x ≥ y")
_of_two("math.less less Less", np.less, "y = x < y")
_of_two("math.less_equal less_equal LessEqual", np.less_equal, "y = x ≤ y")
_of_two("math.equal equal __operators__.eq Equal", np.equal, "y = x = y")
_of_two("math.not_equal not_equal __operators__.ne NotEqual", np.not_equal, "y = x ≠ y")
_of_two("math.logical_and logical_and LogicalAnd", np.logical_and, "y = x and y")
_of_two("math.logical_or logical_or LogicalOr", np.logical_or, "y = x or y")
_of_two("math.logical_xor logical_xor", np.logical_xor, "y = either x or y")

for _names, _function in {
    "math.negative negative Neg": np.negative, "math.abs abs Abs": np.abs, "math.sqrt sqrt Sqrt": np.sqrt,
    "math.rsqrt rsqrt Rsqrt": lambda x: 1 / np.sqrt(x), "math.square square Square": np.square,
    "math.exp exp Exp": np.exp, "math.expm1 Expm1": np.expm1, "math.log log Log": np.log,
    "math.log1p log1p Log1p": np.log1p, "math.sin sin Sin": np.sin, "math.cos cos Cos": np.cos,
    "math.tan tan Tan": np.tan, "math.asin asin Asin": np.arcsin, "math.acos acos Acos": np.arccos,
    "math.atan atan Atan": np.arctan, "math.sinh sinh Sinh": np.sinh, "math.cosh cosh Cosh": np.cosh,
    "math.sign sign Sign": np.sign, "math.floor floor Floor": np.floor, "math.ceil ceil Ceil": np.ceil,
    "math.round round Round math.rint Rint": np.round, "math.reciprocal reciprocal Reciprocal": np.reciprocal,
    "math.logical_not logical_not LogicalNot": np.logical_not, "math.is_nan is_nan IsNan": np.isnan,
    "math.is_finite is_finite IsFinite": np.isfinite, "math.is_inf is_inf IsInf": np.isinf,
    "identity Identity stop_gradient StopGradient grad_pass_through": lambda x: x.view(),  # and no mask
    "zeros_like ZerosLike": np.zeros_like, "ones_like OnesLike": np.ones_like,
}.items():
    enter(_names, lambda x, _function=_function: _function(np.asarray(x)), f"y = {_names.split()[-1].lower()}(x)")

for _names, _word in {
    "nn.relu Relu": "relu", "nn.relu6 Relu6": "relu6", "nn.elu Elu": "elu", "nn.selu Selu": "selu",
    "math.sigmoid sigmoid nn.sigmoid Sigmoid": "sigmoid", "math.tanh tanh nn.tanh Tanh": "tanh",
    "math.softplus nn.softplus Softplus": "softplus", "nn.softsign math.softsign Softsign": "softsign",
    "nn.silu nn.swish": "silu", "math.log_sigmoid": "log_sigmoid",
}.items():
    enter(_names, lambda features, _word=_word: ACTIVATIONS[_word](features), f"y = {_word}(x)")


@function("nn.leaky_relu", "LeakyRelu")
def _leaky_relu(features, alpha=0.2):
    """y = x where x > 0, else alpha · x"""
    return leaky_relu(features, alpha)


@function("nn.gelu")
def _gelu(features, approximate=False):
    """y = gelu(x)"""
    return gelu(features, approximate)


@function("nn.softmax", "math.softmax", "Softmax")
def _softmax(logits, axis=-1):
    """y = exp(x) / Σ exp(x) along axis"""
    return softmax(logits, -1 if axis is None else axis)


@function("nn.log_softmax", "math.log_softmax", "LogSoftmax")
def _log_softmax(logits, axis=-1):
    """y = log softmax(x) along axis"""
    return log_softmax(logits, -1 if axis is None else axis)


@function("math.erf", "Erf")
def _erf(x):
    """y = erf(x)"""
    return 1 - math.erfc(x)


@function("clip_by_value")
def _clip_by_value(t, clip_value_min, clip_value_max):
    """y = x, cut off at both ends"""
    return np.minimum(np.maximum(t, t.dtype.type(clip_value_min)), t.dtype.type(clip_value_max))


@function("math.add_n", "add_n", "AddN")
def _add_n(inputs):
    """y = the sum of all inputs"""
    return sum(inputs[1:], inputs[0])


@function("where", "where_v2", "Select", "SelectV2")
def _where(condition, x, y):
    """y = x where the condition holds, else y"""
    return np.where(condition, *pair(x, y))
