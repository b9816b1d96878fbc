"""``keras.ops.numpy`` against Keras: values, dtypes, shapes and settings."""

import keras
import numpy as np
import pytest
from operations import Fixed, agree_with_keras, op, ops

from weightscope.errors import NotReplayable
from weightscope.opening.load import load
from weightscope.replaying.replay import predict

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(1)
REAL = (3, 4)
POSITIVE = RNG.uniform(0.1, 2, (3, 4)).astype("float32")
SMALL = RNG.uniform(-0.9, 0.9, (3, 4)).astype("float32")
WHOLE = RNG.integers(-5, 9, (3, 4)).astype("int32")
COUNTS = RNG.integers(1, 9, (3, 4)).astype("int32")
BYTES = RNG.integers(0, 200, (3, 4)).astype("uint8")
SHORT = RNG.integers(-9, 9, (3, 4)).astype("int8")
LONG = RNG.integers(-9, 9, (3, 4)).astype("int64")
TRUTH = RNG.integers(0, 2, (3, 4)).astype("bool")
HALF = RNG.normal(size=(3, 4)).astype("float16")
DOUBLE = RNG.normal(size=(3, 4))
ODD = np.array([[1.5, np.nan, -np.inf, np.inf], [0.0, -0.0, 2.5, -3.5], [np.nan, np.nan, np.nan, np.nan]], "float32")
UNORDERED = np.where(RNG.uniform(size=(30, 16)) < 0.3, np.nan, RNG.integers(0, 9, (30, 16))).astype("float32")
BOX = (2, 3, 4)
COLUMN = np.array([[1.0], [2.0], [4.0]])


def unary():
    plain = """absolute abs fabs arcsinh arctan ceil floor cos cosh deg2rad rad2deg exp exp2 expm1 i0 sin sinc sinh
               square tan tanh trunc cbrt angle"""
    for name in plain.split():
        for x in (REAL, WHOLE, LONG, BYTES, *((HALF, DOUBLE) if name != "exp2" else ())):  # Keras' exp2 fails on those
            yield op(name, x)
    for name in ("arccos", "arcsin", "arctanh"):
        yield from (op(name, SMALL), op(name, SMALL.astype("float64")))
    for name in ("log", "log10", "log1p", "log2", "sqrt", "reciprocal"):
        yield from (op(name, POSITIVE), op(name, POSITIVE.astype("float64")))
    for name in ("log", "log10", "log1p", "log2", "sqrt", "arccosh"):
        yield from (op(name, COUNTS), op(name, COUNTS.astype("int64")))
    for name in ("negative", "sign"):
        yield from (op(name, x) for x in (REAL, WHOLE, HALF, SHORT))
    for name in ("isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "signbit", "logical_not", "copy"):
        yield from (op(name, x) for x in (ODD, WHOLE))
    for name in ("bitwise_invert", "bitwise_not"):
        yield from (op(name, x) for x in (WHOLE, BYTES))
    for name in ("real", "conj", "conjugate"):
        yield op(name, REAL)
    for name in ("absolute", "square", "sqrt", "exp", "floor", "logical_not"):
        yield op(name, TRUTH)


@ops(*unary())
def test_of_one(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def complex_numbers(name):
    def function(x):
        return getattr(keras.ops, name)(keras.ops.polar(x[..., 0], x[..., 1]))

    function.__name__ = f"complex_{name}"
    return function


@ops(
    *(op(complex_numbers(name), (3, 4, 2)) for name in (
        "real", "imag", "conj", "conjugate", "angle", "isreal", "absolute", "view_as_real", "exp", "sqrt", "sum",
        "negative", "square")),
    op("imag", REAL),
    op(lambda x: keras.src.ops.numpy.Conj()(keras.ops.polar(x, x)), REAL),
    op(lambda x: keras.src.ops.numpy.Abs()(x), REAL),
)  # fmt: skip
def test_complex(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


@ops(
    op("round", REAL),
    op("round", REAL, decimals=2),
    op("round", POSITIVE * 100, decimals=-1),
    op("round", np.array([[0.5, 1.5, 2.5, -0.5]], "float32")),
    op("round", WHOLE, decimals=-1),
    op("round", WHOLE, decimals=2),
    op("round", WHOLE),
    op("nan_to_num", ODD),
    op("nan_to_num", ODD, nan=1.5, posinf=7.0, neginf=-7.0),
    op("nan_to_num", WHOLE),
    op("clip", REAL, x_min=-0.5, x_max=0.25),
    op("clip", WHOLE, x_min=0, x_max=3),
    op("clip", TRUTH, x_min=0, x_max=1),
    op("clip", HALF, x_min=-0.5, x_max=0.25),
    op("clip", REAL, x_min=0.5, x_max=-0.5),
)
def test_of_one_with_settings(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def binary():
    for name in ("add", "subtract", "multiply", "divide", "true_divide", "divide_no_nan", "maximum", "minimum", "fmax",
                 "fmin", "floor_divide"):  # fmt: skip
        yield from (op(name, REAL, (3, 4)), op(name, REAL, (3, 1)), op(name, REAL, 2), op(name, 2.5, REAL))
        yield from (op(name, WHOLE, COUNTS), op(name, WHOLE, 2), op(name, HALF, 0.5), op(name, LONG, 3))
        yield from (op(name, HALF, POSITIVE), op(name, WHOLE, POSITIVE), op(name, DOUBLE, POSITIVE))
        yield from (op(name, BYTES, COUNTS), op(name, WHOLE, HALF), op(name, REAL, Fixed(np.arange(1.0, 5.0))))
    for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
        yield from (op(name, WHOLE, COUNTS), op(name, REAL, 0), op(name, 0.5, HALF), op(name, WHOLE, POSITIVE))
    for name in ("mod", "fmod"):
        yield from (op(name, REAL, (3, 4)), op(name, WHOLE, COUNTS), op(name, REAL, 0.7), op(name, TRUTH, COUNTS))
    for name in ("arctan2", "logaddexp", "logaddexp2", "hypot", "heaviside", "nextafter"):
        yield from (op(name, REAL, (3, 4)), op(name, DOUBLE, POSITIVE), op(name, HALF, HALF[::-1]))
    for name in ("arctan2", "logaddexp", "hypot", "heaviside"):
        yield from (op(name, WHOLE, COUNTS), op(name, LONG, COUNTS.astype("int64")))
    for name in ("gcd", "lcm"):
        yield from (op(name, WHOLE, COUNTS, free=False), op(name, BYTES, COUNTS.astype("uint8"), free=False))
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        yield from (op(name, WHOLE, COUNTS), op(name, BYTES, SHORT), op(name, WHOLE, Fixed(np.int32([3]))))
    for name in ("bitwise_left_shift", "left_shift", "bitwise_right_shift", "right_shift"):
        yield from (op(name, WHOLE, 2), op(name, WHOLE, COUNTS), op(name, BYTES, 1))
    for name in ("logical_and", "logical_or", "logical_xor"):
        yield from (op(name, TRUTH, ~TRUTH), op(name, WHOLE, TRUTH), op(name, REAL, TRUTH))


@ops(
    *binary(),
    *(op("add", x, Fixed(COLUMN)) for x in ((2, 3, 3), (2, 3, 5), (2, 3, 3, 5))),
    op("add", Fixed(COLUMN), (2, 3, 3)),
    op("power", POSITIVE, (3, 4)),
    op("power", WHOLE, 2),
    op("power", BYTES, Fixed(np.array(2, "uint8"))),
    op("power", HALF, 3),
    op("power", 2.0, WHOLE),
    op("ldexp", REAL, WHOLE),
    op("ldexp", HALF, SHORT),
    op("isclose", REAL, Fixed(np.full(4, 0.1)), atol=0.5),
    op("isclose", ODD, ODD.copy()),
    op("isclose", ODD, ODD.copy(), equal_nan=True),
    op("isclose", WHOLE, COUNTS),
    op("allclose", ODD, ODD.copy()),
    op("allclose", ODD, ODD.copy(), equal_nan=True),
    op("allclose", REAL, (3, 4), atol=10.0),
    op("where", TRUTH, REAL, 0),
    op("where", TRUTH, WHOLE, POSITIVE),
    op("where", WHOLE, 1, HALF),
)
def test_of_two(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


AXES = ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"axis": (-1, 1), "keepdims": True})
CUBE = RNG.normal(size=(2, 3, 4)).astype("float32")
GAPS = np.where(RNG.uniform(size=(2, 3, 4)) < 0.3, np.nan, CUBE).astype("float32")
GAPS[0, 0], GAPS[:, 1, 1] = np.nan, np.nan
WHOLE_CUBE = RNG.integers(-3, 4, (2, 3, 4)).astype("int32")


def reductions():
    for settings in AXES:
        for name in ("sum", "prod", "max", "min", "amax", "amin", "mean", "var", "std", "ptp", "all", "any", "median"):
            yield op(name, CUBE, **settings)
        for name in ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd"):
            yield op(name, GAPS, **settings)
    for name in ("sum", "prod", "max", "min", "mean", "var", "std", "any", "all", "ptp", "nansum", "nanmean", "nanmax"):
        for dtype in ("int32", "int8", "int64", "float64", "float16", "uint8"):
            yield op(name, np.abs(WHOLE_CUBE).astype(dtype), axis=1)
    for name in ("sum", "prod", "max", "min", "mean", "var", "std", "nansum"):
        yield op(name, TRUTH, axis=0)
    for name in ("argmax", "argmin", "nanargmax", "nanargmin"):
        for settings in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}):
            yield op(name, CUBE, **settings)
            yield op(name, WHOLE_CUBE, **settings)
        yield op(name, np.array([[0.0, -0.0, 0.0]], "float32"), axis=1)
        yield op(name, HALF, axis=1)
    for name in ("nanargmax", "nanargmin"):
        yield op(name, GAPS, axis=1)
    for name in ("argmax", "argmin", "nanvar", "sort", "argsort"):
        yield from (op(name, x, axis=1) for x in (ODD, UNORDERED))
    for name in ("cumsum", "cumprod", "nancumsum", "nancumprod"):
        x = GAPS if name.startswith("nan") else CUBE
        yield from (op(name, x), op(name, x, axis=1), op(name, x, axis=-1), op(name, x, axis=1, dtype="float64"))
        yield from (op(name, WHOLE_CUBE, axis=2), op(name, TRUTH, axis=1))


@ops(
    *reductions(),
    op("max", CUBE, axis=1, initial=0.5),
    op("min", CUBE, axis=1, initial=0.5),
    op("prod", WHOLE_CUBE.astype("int8"), axis=1, dtype="int64"),
    op("average", CUBE, axis=1),
    op("average", CUBE),
    op("average", CUBE, axis=1, weights=Fixed(np.array([1.0, 2.0, 3.0], "float32")).value),
    op("average", WHOLE, axis=1),
    op(lambda x, w: keras.ops.average(x, axis=-1, weights=w), CUBE, np.abs(CUBE)),
    op("count_nonzero", WHOLE_CUBE, axis=1),
    op("count_nonzero", WHOLE_CUBE),
    op("count_nonzero", WHOLE_CUBE, axis=(1, 2)),
    op("diff", CUBE),
    op("diff", CUBE, n=2, axis=1),
    op("diff", TRUTH, axis=-1),
    op("trapezoid", CUBE),
    op("trapezoid", CUBE, dx=0.5, axis=1),
    op("trapezoid", WHOLE),
)
def test_reductions(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def quantile_cases():
    for method in ("linear", "lower", "higher", "nearest", "midpoint"):
        yield from (
            op("quantile", CUBE, 0.3, axis=1, method=method),
            op("percentile", CUBE, 30.0, axis=1, method=method),
        )
        yield from (op("nanquantile", GAPS, 0.3, method=method), op("nanpercentile", GAPS, 30.0, method=method))
    for name in ("quantile", "nanquantile"):
        yield from (op(name, CUBE, 0.25), op(name, CUBE, Fixed(np.array([0.1, 0.5, 0.95], "float32"))))
    for q in (Fixed(np.array([0.1, 0.5], "float32")), 0.5):
        yield from (op("quantile", CUBE, q, axis=(0, 2)), op("quantile", CUBE, q, axis=-1))
    yield op("quantile", CUBE, 0.5, axis=-1, keepdims=True)
    yield op("quantile", GAPS, 0.5, axis=1)
    yield op("quantile", WHOLE, 0.4, axis=1)
    yield from (op("nanmedian", GAPS), op("median", WHOLE, axis=1))


@ops(*quantile_cases())
def test_quantiles(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def test_whole_numbers_are_not_divided_by_zero(tmp_path):
    x = [np.int32([[3, 4]]), np.int32([[1, 0]])]
    for name in ("floor_divide", "mod", "fmod"):
        entries = keras.Input((2,), dtype="int32"), keras.Input((2,), dtype="int32")
        model = keras.Model(entries, getattr(keras.ops, name)(*entries))
        model.save(tmp_path / "model.keras")
        with pytest.raises(Exception, match="division by zero"):
            model.predict(x, verbose=0)
        with pytest.raises(NotReplayable, match="divided by 0"):
            predict(load(tmp_path / "model.keras"), x)


def test_a_few_of_many_values_with_a_nan_among_them_are_not_told(tmp_path):
    entry = keras.Input((20,))
    keras.Model(entry, keras.ops.top_k(entry, 3)).save(tmp_path / "model.keras")
    with pytest.raises(NotReplayable, match="how C\\+\\+ sorts"):
        predict(load(tmp_path / "model.keras"), np.full((1, 20), np.nan, "float32"))


def test_by_hand(tmp_path):
    cases = (
        op("quantile", np.array([[1.0, 2.0, 4.0]], "float32"), 0.75, axis=1),
        op("mod", np.array([[-7, 7]], "int32"), 3),
    )
    (quantile, _), (mod, _) = agree_with_keras(cases, tmp_path)
    assert quantile.tolist() == [3.0]  # half way from 2 to 4
    assert mod.tolist() == [[2, 1]]
