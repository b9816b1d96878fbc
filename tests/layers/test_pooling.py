"""Pooling layers against Keras, over grids of their settings."""

import itertools

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.layers import layer_from

pytestmark = pytest.mark.keras

SPACE = {1: (11,), 2: (9, 8), 3: (6, 5, 4)}
SIZES = [{"pool_size": 2}, {"pool_size": 3, "strides": 1}, {"pool_size": 3, "strides": 2}, {"pool_size": 2, "strides": 3}]


def sliding():
    for kind, rank, padding, sizes in itertools.product(("Max", "Average"), (1, 2, 3), ("valid", "same"), SIZES):
        yield Case(f"{kind}Pooling{rank}D", (2, *SPACE[rank], 3), {"padding": padding, **sizes})


def channels_first():
    for kind, rank in itertools.product(("Max", "Average"), (1, 2, 3)):
        yield Case(f"{kind}Pooling{rank}D", (2, 3, *SPACE[rank]),
                   {"pool_size": 2, "padding": "same", "data_format": "channels_first"})


@cases(*sliding(), *channels_first(), Case("MaxPooling2D", (2, 9, 8, 3), {"pool_size": (3, 1), "strides": (1, 2)}))
def test_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def over_everything():
    for kind, rank, keepdims in itertools.product(("Max", "Average"), (1, 2, 3), (False, True)):
        name = f"Global{kind}Pooling{rank}D"
        yield Case(name, (2, *SPACE[rank], 3), {"keepdims": keepdims})
        yield Case(name, (2, 3, *SPACE[rank]), {"keepdims": keepdims, "data_format": "channels_first"})


MASK = [[1, 1, 0, 0], [1, 0, 1, 1]]


@cases(
    *over_everything(),
    Case("GlobalAveragePooling1D", (2, 4, 3), mask=MASK),
    Case("GlobalAveragePooling1D", (2, 4, 3), {"keepdims": True}, mask=MASK),
    Case("GlobalAveragePooling1D", (2, 4, 3), mask=[[0, 0, 0, 0], [1, 0, 1, 1]]),
)
def test_global_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def adaptive():
    for kind, rank, size in itertools.product(("Max", "Average"), (1, 2, 3), (2, 3, 4)):
        name = f"Adaptive{kind}Pooling{rank}D"
        yield Case(name, (2, *SPACE[rank], 3), {"output_size": size})
        yield Case(name, (2, 3, *SPACE[rank]), {"output_size": size, "data_format": "channels_first"})


@cases(*adaptive(), Case("AdaptiveAveragePooling2D", (2, 9, 8, 3), {"output_size": (2, 7)}))
def test_adaptive_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_a_mask_over_channels_first():
    x, mask = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"), np.array(MASK, bool)
    keras_layer = keras.layers.GlobalAveragePooling1D(data_format="channels_first")
    ours = layer_from({"class_name": "GlobalAveragePooling1D", "config": keras_layer.get_config()})
    np.testing.assert_allclose(ours(x, mask=mask), keras_layer(x, mask=mask), rtol=1e-6)


def test_by_hand():
    config = {"name": "p", "pool_size": 2, "strides": None, "padding": "same"}
    x = np.array([[[1.0], [5.0], [4.0]]], "float32")
    for name, expected in (("MaxPooling1D", [[[5], [4]]]), ("AveragePooling1D", [[[3], [4]]])):
        np.testing.assert_array_equal(layer_from({"class_name": name, "config": config})(x), expected)
