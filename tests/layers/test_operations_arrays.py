"""``keras.ops.numpy`` and ``.core`` against Keras: arrays reshaped, joined, cut, sorted, multiplied and made."""

import keras
import numpy as np
import pytest
from operations import Fixed, agree_with_keras, op, ops

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(2)
BOX = (2, 3, 4)
WHOLE = RNG.integers(-5, 9, (3, 4)).astype("int32")
BYTES = RNG.integers(0, 200, (3, 4)).astype("uint8")
SHORT = RNG.integers(-9, 9, (3, 4)).astype("int8")
LONG = RNG.integers(-9, 9, (3, 4)).astype("int64")
TRUTH = RNG.integers(0, 2, (3, 4)).astype("bool")
HALF = RNG.normal(size=(3, 4)).astype("float16")
DOUBLE = RNG.normal(size=(3, 4))
ROW = RNG.normal(size=7).astype("float32")
COUNTS = RNG.integers(0, 6, 9).astype("int32")
LABELS = RNG.integers(0, 4, (2, 3)).astype("int32")


@ops(
    op("reshape", BOX, newshape=(-1, 6)),
    op("reshape", BOX, newshape=(-1, 2, 2, 3)),
    op("ravel", BOX),
    *(op("expand_dims", BOX, axis=axis) for axis in (0, 1, -1, (1, 3), (-1, 0))),
    op("squeeze", (2, 1, 3, 1), axis=1),
    op("squeeze", (2, 1, 3, 1), axis=(1, -1)),
    op("squeeze", (2, 1, 3, 1), free=False),
    op("transpose", BOX),
    op("transpose", BOX, axes=(0, 2, 1)),
    op("transpose", BOX, axes=(-1, 0, 1)),
    op("moveaxis", BOX, 1, -1),
    op("moveaxis", BOX, Fixed((0, 1)), Fixed((2, 0))),
    op("swapaxes", BOX, 1, -1),
    op("broadcast_to", (2, 1, 3), shape=(2, 4, 3), free=False),
    op("view", (3, 4), dtype="int32"),
    op("view", (3, 4), dtype="uint8"),
    op("view", (3, 4), dtype="int64"),
    op("size", BOX),
    op("ndim", BOX, symbolic=False, compiled=True),
    op("flip", BOX),
    op("flip", BOX, axis=1),
    op("flip", BOX, axis=(0, -1)),
    op("fliplr", BOX),
    op("flipud", BOX),
    op("roll", BOX, 2),
    op("roll", BOX, -1, axis=1),
    op("roll", BOX, Fixed((1, 2)), axis=(1, 2)),
    *(
        op("rot90", BOX, k=k, axes=axes, symbolic=False)
        for k, axes in ((1, (0, 1)), (2, (1, 2)), (-1, (1, 2)), (3, (0, 2)), (0, (0, 1)))
    ),
    *(op(name, BOX, k=k) for name in ("tril", "triu") for k in (-1, 0, 2)),
)
def test_shape(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def joined(name, **settings):
    def function(*xs):
        return getattr(keras.ops, name)(xs, **settings)

    function.__name__ = name
    return function


@ops(
    *(op(joined("concatenate", axis=axis), BOX, BOX) for axis in (0, 1, -1)),
    op(joined("concatenate", axis=1), WHOLE, HALF, BYTES),
    op("append", WHOLE, DOUBLE),
    op("append", BOX, BOX, axis=1),
    *(op(joined("stack", axis=axis), BOX, BOX) for axis in (0, 1, -1)),
    op(joined("stack", axis=1), WHOLE, HALF),
    *(op(joined(name), BOX, BOX) for name in ("hstack", "vstack", "dstack")),
    op(joined("dstack"), WHOLE, HALF),
    *(op("meshgrid", ROW, ROW[:3], free=False, indexing=indexing) for indexing in ("xy", "ij")),
    op("tile", BOX, 2),
    op("tile", BOX, Fixed((1, 2, 3))),
    op("tile", BOX, Fixed((2, 1, 1, 2))),
    op("repeat", BOX, 2),
    op("repeat", BOX, 3, axis=1),
    op("repeat", BOX, [1, 2, 3], axis=1),
    op("pad", BOX, pad_width=((0, 0), (1, 2), (0, 1))),
    op("pad", BOX, pad_width=((0, 0), (1, 2), (0, 1)), constant_values=2.5),
    op("pad", BOX, pad_width=((0, 0), (1, 2), (0, 1)), mode="reflect"),
    op("pad", BOX, pad_width=((0, 0), (1, 2), (0, 1)), mode="symmetric"),
    op("pad", ROW, pad_width=2, free=False),
    op("pad", ROW, pad_width=(1, 2), free=False),
)
def test_joined(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def item(*key):
    def function(x):
        return x[key if len(key) > 1 else key[0]]

    function.__name__ = f"x{list(key)}"
    return function


@ops(
    op("split", BOX, 2, axis=-1),
    op("split", BOX, Fixed((1, 3)), axis=2),
    op("array_split", BOX, 3, axis=2),
    op("hsplit", BOX, 3),
    op("vsplit", BOX, 2, free=False),
    op("dsplit", BOX, 2),
    op(item(slice(None), 1), BOX),
    op(item(slice(None), slice(None, None, -1), slice(1, 3)), BOX),
    op(item(Ellipsis, 0), BOX),
    op(item(slice(None), None, Ellipsis, -1), BOX),
    op(item(0), BOX),
    *(
        op("diagonal", BOX, **s)
        for s in ({}, {"offset": 1}, {"offset": -1, "axis1": 2, "axis2": 1}, {"axis1": 1, "axis2": 2})
    ),
    *(op("trace", BOX, **s) for s in ({}, {"axis1": 1, "axis2": 2})),
    op("trace", SHORT),
    *(op(name, ROW, k=k, free=False) for name in ("diag", "diagflat") for k in (0, 1, -2)),
    op("diag", (3, 4), k=1, free=False),
    op("take", BOX, Fixed(np.array([[1, 0], [-1, 2]])), axis=1),
    op("take", BOX, LABELS % 2, axis=-1),
    op("take", BOX, 2, axis=1),
    op("take", BOX, Fixed([0, 5])),
    op("take_along_axis", BOX, RNG.integers(-2, 3, (2, 2, 4)).astype("int32"), axis=1),
    op("take_along_axis", BOX, Fixed(np.array([[[0]]])), axis=-1),
    op("nonzero", TRUTH),
    op("where", WHOLE, symbolic=False),
    op("unravel_index", COUNTS, shape=(2, 5)),
    op("unravel_index", LABELS, shape=(2, 5)),
    op("sort", BOX),
    op("sort", BOX, axis=1),
    op("sort", TRUTH, axis=None),
    op("argsort", BOX),
    op("argsort", WHOLE, axis=0),
    op("argsort", TRUTH),
    op("argsort", BOX, axis=None),
    op("argpartition", np.array([4, -9, 2, 8, -1, 6], "int32"), kth=2, free=False),
    op("searchsorted", np.array([1, 3, 5, 7], "float32"), ROW, free=False),
    op("searchsorted", np.array([1, 3, 5, 7], "int32"), COUNTS, side="right", free=False),
    op("digitize", BOX, Fixed(np.array([-0.5, 0.0, 1.0]))),
    op("digitize", WHOLE, Fixed(np.array([0, 3]))),
    op(lambda a, b: keras.ops.select([a > 0, b > 0], [a, b], default=-1.0), BOX, BOX),
)
def test_cut_and_picked(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def products():
    matrices = (WHOLE, SHORT, LONG, HALF, DOUBLE)
    for x in matrices:
        yield from (op("matmul", x, x.T.copy()), op("dot", x, x.T.copy()), op("tensordot", x, x.T.copy(), axes=1))
        yield from (op("inner", x, x), op("vdot", x, x), op("outer", x, x), op("einsum", Fixed("ij,kj->ik"), x, x))
    for a, b in ((BOX, (4,)), ((3,), BOX[:-2] + (3, 4)), (BOX, (4, 5)), ((2, 1, 3, 4), (5, 4, 2)), (BOX, (2, 4, 5))):
        yield op("matmul", a, b, free=False)
    for a, b in ((BOX, (4,)), (BOX, (4, 5)), (BOX, (5, 4, 3))):
        yield op("dot", a, b, free=False)


@ops(
    *products(),
    op("matmul", WHOLE, DOUBLE.T.copy()),
    op("dot", BOX, 2.0),
    op("tensordot", BOX, (3, 4, 5), axes=2, free=False),
    op("tensordot", BOX, (4, 3, 5), axes=([1, 2], [1, 0])),
    op("tensordot", BOX, BOX, axes=([0, -1], [0, 2])),
    op("einsum", Fixed("abc,cd->abd"), BOX, (4, 5)),
    op("einsum", Fixed("...c,...c->..."), BOX, BOX),
    op("einsum", Fixed("abc,b->ca"), BOX, (3,), free=False),
    op("einsum", Fixed("abc->a"), BOX),
    op("einsum", Fixed("abc,adc->abd"), BOX, (2, 5, 4)),
    op("einsum", Fixed("ii->i"), (3, 3), free=False),
    op("cross", (2, 3), (2, 3)),
    op("cross", (2, 2), (2, 2)),
    op("cross", (2, 2), (2, 3)),
    op("cross", (3, 2), (3, 2), axis=0, free=False),
    op("cross", (3, 2), (2, 3), axisa=0, axisb=1, axisc=0, free=False),
    *(
        op("correlate", ROW, ROW[:length], mode=mode, free=False)
        for mode in ("valid", "same", "full")
        for length in (3, 4)
    ),
    op("correlate", COUNTS, COUNTS[:2], free=False),
)
def test_products(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def of_total(function):
    def whole(x):
        return function(keras.ops.sum(x))

    whole.__name__ = "of_total"
    return whole


@ops(
    *(op(name, BOX, **s) for name in ("zeros_like", "ones_like") for s in ({}, {"dtype": "int32"})),
    op(lambda x: keras.src.ops.numpy.EmptyLike()(x), BOX),
    op("full_like", BOX, 2),
    op("full_like", WHOLE, 2.5, dtype="float64"),
    op(lambda x: keras.ops.full((2, 3), x), np.array([4.0], "float32"), free=False),
    op(of_total(lambda x: keras.ops.linspace(x, x + 3, 5)), BOX),
    op("linspace", (2, 3), (2, 3), num=4),
    op("linspace", (2, 3), 5.0, num=4, endpoint=False, axis=-1),
    op("linspace", LABELS, 9, num=4, dtype="int32"),
    op("logspace", (2, 3), (2, 3), num=4),
    op("logspace", (2, 3), 2.0, num=4, base=2, endpoint=False, axis=1),
    op("geomspace", np.abs(DOUBLE).astype("float32") + 1, 9.0, num=4),
    op("vander", ROW, free=False),
    op("vander", ROW, N=3, increasing=True, free=False),
    op("vander", COUNTS, N=3, free=False),
    op("bincount", COUNTS, free=False),
    op("bincount", LABELS, minlength=7, free=False),
    op(lambda x: keras.src.ops.numpy.Array(dtype="float16")(x), WHOLE),
    *(
        op("unique", COUNTS, free=False, return_index=True, return_inverse=True, return_counts=True, **s)
        for s in ({}, {"sorted": False}, {"size": 3}, {"size": 12, "fill_value": -1})
    ),
    op("unique", LABELS % 2, axis=0, return_counts=True, return_inverse=True, free=False),
    op("unique", LABELS, free=False, return_inverse=True),
)
def test_made(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


CASTS = ("float16", "float64", "int32", "uint8", "bool", "int64")


@ops(
    *(op("cast", x, dtype=dtype) for x in (np.abs(DOUBLE) * 3, np.abs(WHOLE), TRUTH) for dtype in CASTS),
    *(op("saturate_cast", x, dtype=dtype) for x in (DOUBLE * 1e4, (DOUBLE * 1e3).astype("float32"))
      for dtype in ("uint8", "int8", "float16")),
    op("saturate_cast", DOUBLE.astype("float32") * 1e10, dtype="int32"),
    op("convert_to_tensor", WHOLE, dtype="float32"),
    op("stop_gradient", BOX),
    op("unstack", BOX, axis=1),
    op("unstack", BOX, num=4, axis=-1),
    op("slice", BOX, [0, 1, 1], [2, 2, 3], free=False),
    op(lambda x, u: keras.ops.slice_update(x, (0, 1, 2), u), BOX, (2, 2, 2), free=False),
    op(lambda i, v: keras.ops.scatter(i, v, (5, 4)), np.array([[0], [3], [0]], "int32"), (3, 4), free=False),
    op("scatter_update", BOX, Fixed(np.array([[0, 1], [1, 2]])), (2, 4), free=False),
    *(op("scatter_update", BOX, np.array([[0, 1], [1, 2], [0, 1]], "int32"), (3, 4), reduction=reduction, free=False)
      for reduction in ("add", "max", "min", "mul")),
    op(lambda x: keras.ops.rearrange(x, "b h (a c) -> b (h a) c", a=2), BOX, free=False),
    op(lambda x: keras.ops.rearrange(x, "b h c -> c b h"), BOX, free=False),
)  # fmt: skip
def test_core(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def test_by_hand(tmp_path):
    cases = (
        op("unravel_index", np.array([7], "int32"), shape=(2, 5)),
        op("pad", np.array([[1.0, 2.0]], "float32"), pad_width=((0, 0), (1, 1)), mode="symmetric"),
    )
    (places, _), (padded, _) = agree_with_keras(cases, tmp_path)
    assert [place.tolist() for place in places] == [[1], [2]]
    assert padded.tolist() == [[1, 1, 2, 2]]
