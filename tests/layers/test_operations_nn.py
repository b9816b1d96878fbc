"""``keras.ops.nn``, ``.math`` and ``.linalg``, activations and quantizers against Keras, over their settings."""

import keras
import numpy as np
import pytest
from operations import Fixed, agree_with_keras, op, ops

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(3)
REAL = (3, 6)
HALF = RNG.normal(size=(3, 6)).astype("float16")
DOUBLE = RNG.normal(size=(3, 6))
SHARES = RNG.dirichlet(np.ones(5), 3).astype("float32")
LOGITS = RNG.normal(size=(3, 5)).astype("float32")
HOT = np.eye(5, dtype="float32")[[0, 3, 2]]
LABELS = np.array([0, 3, 2], "int32")
FIRST = {"data_format": "channels_first"}


def activations():
    names = ("relu", "relu6", "sigmoid", "sparse_sigmoid", "softplus", "softsign", "soft_shrink", "sparse_plus", "silu",
             "squareplus", "log_sigmoid", "leaky_relu", "hard_sigmoid", "hard_silu", "elu", "selu", "gelu", "celu",
             "glu", "hard_tanh", "hard_shrink", "softmax", "log_softmax", "sparsemax", "tanh_shrink")  # fmt: skip
    for name in names:
        yield from (op(name, REAL), op(name, DOUBLE), *([op(name, HALF)] if name != "sparsemax" else []))  # Keras fails
    yield from (op("threshold", REAL, 0.2, 0.7), op("soft_shrink", REAL, threshold=0.3))
    yield from (op("hard_shrink", REAL, threshold=0.3), op("squareplus", REAL, b=2), op("elu", REAL, alpha=0.5))
    yield from (op("leaky_relu", REAL, negative_slope=0.4), op("gelu", REAL, approximate=False))
    yield from (op("celu", REAL, alpha=0.5), op("glu", (2, 4, 3), axis=1), op("softmax", (2, 4, 3), axis=1))
    yield from (
        op("log_softmax", (2, 4, 3), axis=1),
        op("softmax", (2, 3), axis=None),
        op("sparsemax", (2, 4, 3), axis=1),
    )
    relu = keras.activations.relu
    yield from (op(relu, REAL), op(relu, REAL, max_value=0.5), op(relu, REAL, negative_slope=0.1))
    yield from (op(relu, REAL, negative_slope=0.1, threshold=0.2, max_value=0.8), op(relu, REAL, threshold=0.5))
    yield from (
        op(lambda x: keras.src.activations.activations.Mish()(x), REAL),
        op(keras.quantizers.fake_quant_with_min_max_vars, REAL, -1.0, 1.5),
    )


@ops(*activations())
def test_activations(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


SCALE = np.abs(RNG.normal(size=6)).astype("float32")


def batch_normalization(**settings):
    def function(x, mean, variance, offset, scale):
        return keras.ops.batch_normalization(x, mean, variance, offset=offset, scale=scale, **settings)

    return function


@ops(
    op(batch_normalization(axis=-1), REAL, SCALE, SCALE + 1, SCALE - 1, SCALE, free=False),
    op(batch_normalization(axis=1, epsilon=0.1), (2, 6, 3), SCALE, SCALE + 1, SCALE - 1, SCALE, free=False),
    op("layer_normalization", REAL),
    op("layer_normalization", REAL, Fixed(SCALE), Fixed(SCALE - 1), epsilon=0.1),
    op("layer_normalization", (2, 6, 3), Fixed(SCALE), Fixed(SCALE - 1), axis=1),
    op("layer_normalization", (2, 6, 3), axis=(1, 2)),
    op("layer_normalization", REAL, Fixed(SCALE), rms_scaling=True),
    op("layer_normalization", HALF, Fixed(SCALE)),
    op("rms_normalization", REAL),
    op("rms_normalization", REAL, Fixed(SCALE), epsilon=0.1),
    op("rms_normalization", (2, 4, 3), axis=(1, 2)),
    op("rms_normalization", HALF, Fixed(SCALE)),
    *(op("normalize", (2, 4, 3), order=order, axis=axis) for order, axis in ((2, -1), (1, 1), (3, -1), (2, 1))),
    op("normalize", np.zeros((2, 3), "float32")),
    op("moments", (2, 4, 3), axes=[1]),
    op("moments", (2, 4, 3), axes=[0, 2], keepdims=True),
    op("moments", HALF, axes=[-1]),
    op("polar", REAL, (3, 6)),
    op("binary_crossentropy", SHARES, SHARES[::-1]),
    op("binary_crossentropy", SHARES, LOGITS, from_logits=True),
    op("categorical_crossentropy", HOT, SHARES),
    op("categorical_crossentropy", HOT, LOGITS, from_logits=True),
    op("categorical_crossentropy", HOT, SHARES, axis=-1),
    op("sparse_categorical_crossentropy", LABELS, SHARES),
    op("sparse_categorical_crossentropy", LABELS, LOGITS, from_logits=True),
    op("sparse_categorical_crossentropy", LABELS[:, None], SHARES),
    op("psnr", REAL, (3, 6), max_val=2.0),
    *(op("one_hot", LABELS, num_classes=4, **s) for s in ({}, {"axis": 0}, {"dtype": "int32"}, {"dtype": "bool"})),
    op("one_hot", LABELS[:, None] - 1, num_classes=3, axis=1),
    op("multi_hot", np.array([[0, 2], [1, 1]], "int32"), num_classes=4),
    op("multi_hot", LABELS, num_classes=4, free=False),
)
def test_normalizations_and_losses(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


HEADS = (2, 4, 2, 3)
ALLOWED = np.array([[[[True, True, False, True]] * 4] * 2] * 2)


@ops(
    op("dot_product_attention", HEADS, HEADS, HEADS),
    op("dot_product_attention", HEADS, HEADS, HEADS, is_causal=True, scale=0.3),
    op("dot_product_attention", (2, 4, 4, 3), HEADS, HEADS),
    op("dot_product_attention", HEADS, HEADS, HEADS, bias=np.ones((2, 2, 4, 4), "float32")),
    op(lambda q, k, v, m: keras.ops.dot_product_attention(q, k, v, mask=m), HEADS, HEADS, HEADS, ALLOWED),
)
def test_attention(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


LENGTHS = np.array([5, 4], "int32")
TARGETS = np.array([[1, 2, 2], [3, 1, 0]], "int32")


@ops(
    op("ctc_loss", TARGETS, (2, 6, 4), np.array([3, 2], "int32"), LENGTHS + 1, free=False),
    op("ctc_decode", (2, 5, 4), LENGTHS, free=False),
    op("ctc_decode", (2, 5, 4), LENGTHS, merge_repeated=False, mask_index=-1, free=False),
    op("ctc_decode", (2, 5, 4), LENGTHS, strategy="beam_search", beam_width=10, top_paths=2, free=False),
)  # fmt: skip
def test_ctc(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


def convolutions():
    for settings in (
        {},
        {"strides": 2},
        {"padding": "same"},
        {"dilation_rate": 2},
        {"strides": (2, 1), "padding": "same"},
    ):
        yield op("conv", (2, 7, 6, 4), (3, 2, 4, 5), free=False, **settings)
    yield from (op("conv", (2, 7, 4), (3, 4, 5), free=False), op("conv", (2, 5, 4, 4, 2), (2, 2, 2, 2, 3), free=False))
    for settings in ({}, {"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}):
        yield op("depthwise_conv", (2, 7, 6, 3), (3, 2, 3, 2), free=False, **settings)
        yield op("separable_conv", (2, 7, 6, 3), (3, 2, 3, 2), (1, 1, 6, 4), free=False, **settings)
    yield op("depthwise_conv", (2, 3, 7, 6), (3, 2, 3, 2), free=False, **FIRST)
    for name in ("max_pool", "average_pool"):
        for settings in ({}, {"strides": 1}, {"padding": "same"}, {"strides": (1, 2), "padding": "same"}):
            yield op(name, (2, 7, 6, 3), pool_size=2, **settings)
        yield from (op(name, (2, 7, 3), pool_size=3), op(name, (2, 3, 7, 6), pool_size=(2, 3), **FIRST))
    for name in ("adaptive_average_pool", "adaptive_max_pool"):
        for settings in ({"data_format": "channels_last"}, FIRST):  # Keras' symbolic shapes are wrong in places
            yield op(name, (2, 7, 6, 5), output_size=(3, 4), symbolic=False, **settings)
            yield op(name, (2, 7, 5), output_size=(3,), symbolic=False, **settings)
    for settings in ({}, {"padding": 1, "stride": 2}, {"dilation": 2}, {"stride": (2, 1), "padding": (1, 0)}):
        yield op("unfold", (2, 3, 6, 7), kernel_size=(2, 3), free=False, **settings)
    yield op("fold", (2, 12, 20), output_size=(5, 6), kernel_size=2, free=False)
    yield op("fold", (2, 12, 12), output_size=(5, 6), kernel_size=2, stride=2, padding=1, free=False)
    yield op("fold", (2, 12, 12), output_size=(5, 6), kernel_size=2, dilation=2, free=False)
    for name, x in (("depth_to_space", (2, 3, 4, 8)), ("space_to_depth", (2, 4, 6, 3))):
        yield from (op(name, x, 2), op(name, (x[0], x[3] if name[0] == "d" else 4, x[1] * 2, x[2] * 2), 2, **FIRST))


@ops(*convolutions())
def test_windows(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


SEGMENTS = np.array([0, 2, 1, 0, 2], "int32")
SIGNAL = (2, 64)


def pair(name, **settings):
    def function(real, imaginary):
        return getattr(keras.ops, name)((real, imaginary), **settings)

    function.__name__ = name
    return function


@ops(
    op("view_as_complex", (RNG.normal(size=(3, 2)) + 1j * RNG.normal(size=(3, 2))).astype("complex64")),
    *(
        op(name, (5, 3), SEGMENTS, **s, free=False)
        for name in ("segment_sum", "segment_max")
        for s in ({}, {"num_segments": 4})
    ),
    *(op(name, (5, 3), np.sort(SEGMENTS), sorted=True, free=False) for name in ("segment_sum", "segment_max")),
    *(
        op(getattr(keras.src.ops.math, name)(**s), (5, 3), SEGMENTS, free=False)
        for name in ("SegmentMin", "SegmentProd")
        for s in ({}, {"num_segments": 4})
    ),
    op("top_k", REAL, k=3),
    op("top_k", np.array([[3, 1, 3, 2]], "int32"), k=2),
    op("in_top_k", LABELS, LOGITS, k=2),
    *(op("logsumexp", (2, 3, 4), **s) for s in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": (1, 2)})),
    op("rsqrt", np.abs(DOUBLE) + 0.1),
    op("erf", REAL),
    op("erf", DOUBLE),
    op("erfc", np.linspace(-4, 9, 40, dtype="float32").reshape(4, 10)),
    op("erfc", np.linspace(-6, 20, 60).reshape(4, 15)),
    op("erfinv", np.linspace(-0.9999, 0.9999, 40, dtype="float32").reshape(4, 10)),
    op("erfinv", np.array([[-1, -0.999, 0, 0.5, 0.99, 1]])),
    op("cdist", (2, 3, 4), (2, 5, 4)),
    op(lambda a, b: keras.ops.view_as_real(keras.ops.polar(a, b)), REAL, REAL),
    op("extract_sequences", SIGNAL, sequence_length=16, sequence_stride=5),
    *(op(pair(name), (2, 4, 6), (2, 4, 6), tolerance=1e-4) for name in ("fft", "fft2", "ifft2", "irfft")),
    op(pair("irfft", fft_length=9), (2, 6), (2, 6)),
    *(op("rfft", SIGNAL, **s) for s in ({}, {"fft_length": 32}, {"fft_length": 81})),
    op("rfft", RNG.normal(size=SIGNAL)),
    *(
        op("stft", SIGNAL, sequence_length=16, sequence_stride=5, fft_length=20, **s, tolerance=1e-4)
        for s in ({}, {"center": False}, {"window": "hamming"}, {"window": None})
    ),
    op("stft", SIGNAL, sequence_length=15, sequence_stride=5, fft_length=20),
    *(
        op(
            pair("istft", sequence_length=16, sequence_stride=4, fft_length=20, **s),
            (2, 9, 11),
            (2, 9, 11),
            free=False,
            tolerance=1e-3,
        )
        for s in ({}, {"center": False}, {"window": "hamming", "length": 30}, {"window": None})
    ),
)
def test_math(cases, tmp_path):
    agree_with_keras(cases, tmp_path)


SQUARE = RNG.normal(size=(2, 4, 4))
FLOAT = SQUARE.astype("float32")
DEFINITE = (SQUARE @ np.swapaxes(SQUARE, -1, -2) + np.eye(4)).astype("float32")


def norms():
    for order in (None, 1, 2, 3, 0, float("inf"), float("-inf")):
        yield op("norm", (2, 3, 4), ord=order, axis=-1)
    for order in (None, "fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf")):
        yield op("norm", (2, 3, 4), ord=order, axis=(1, 2))
        yield op("norm", (2, 3, 4), ord=order, axis=(0, 2), keepdims=True)
    yield from (op("norm", (2, 3)), op("norm", np.arange(6, dtype="int32").reshape(2, 3), axis=1))


@ops(
    *norms(),
    op("cholesky", DEFINITE),
    op("cholesky", DEFINITE, upper=True),
    op("cholesky_inverse", np.linalg.cholesky(DEFINITE)),
    op("cholesky_inverse", np.swapaxes(np.linalg.cholesky(DEFINITE), -1, -2).copy(), upper=True),
    op("det", FLOAT),
    op("det", SQUARE),
    op("slogdet", FLOAT, symbolic=False),
    op("logdet", DEFINITE),
    op("inv", SQUARE),
    op("inv", FLOAT, tolerance=1e-4),
    op("lu_factor", SQUARE[0], free=False),
    *(
        op("qr", RNG.normal(size=shape), mode=mode)
        for shape in ((2, 4, 3), (2, 3, 4))
        for mode in ("reduced", "complete")
    ),
    op(lambda x: keras.src.ops.linalg.SVD(compute_uv=False)(x), SQUARE),
    op("pinv", RNG.normal(size=(2, 4, 3))),
    op(lambda x: keras.src.ops.linalg.MatrixRank()(x), SQUARE),
    op("solve", SQUARE, RNG.normal(size=(2, 4, 3))),
    op("solve", SQUARE, RNG.normal(size=(2, 4))),
    op("solve_triangular", SQUARE, RNG.normal(size=(2, 4, 3)), lower=True),
    op("solve_triangular", SQUARE, RNG.normal(size=(2, 4))),
    op("lstsq", RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2)), free=False),
    op("lstsq", RNG.normal(size=(5, 3)), RNG.normal(size=5), free=False),
)
def test_linalg(cases, tmp_path):
    agree_with_keras(cases, tmp_path)
