"""Pooling layers against Keras, over grids of their settings."""

import itertools

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

pytestmark = pytest.mark.keras

SPACE = {1: (11,), 2: (9, 8), 3: (6, 5, 4)}
SIZES = {
    1: [{"pool_size": 3, "strides": 2}],
    2: [{"pool_size": size, "strides": stride} for size, stride in ((2, None), (3, 1), (3, 2), (2, 3))],
    3: [{"pool_size": (3, 2, 1)}],
}


ENDLESS = np.random.default_rng(0).choice(np.float32([np.nan, np.inf, -np.inf, 1]), (2, 9, 3), p=(0.4, 0.1, 0.4, 0.1))


def sliding():
    for kind, rank, padding in itertools.product(("Max", "Average"), (1, 2, 3), ("valid", "same")):
        for sizes in SIZES[rank]:
            yield Case(f"{kind}Pooling{rank}D", (2, *SPACE[rank], 3), {"padding": padding, **sizes})


def channels_first():
    for kind, rank in itertools.product(("Max", "Average"), (1, 2, 3)):
        yield Case(f"{kind}Pooling{rank}D", (2, 3, *SPACE[rank]),
                   {"pool_size": 2, "padding": "same", "data_format": "channels_first"})


@cases(*sliding(), *channels_first(), Case("MaxPooling2D", (2, 9, 8, 3), {"pool_size": (3, 1), "strides": (1, 2)}),
       Case("MaxPooling1D", ENDLESS), Case("MaxPooling1D", ENDLESS, {"pool_size": 3, "padding": "same"}),
       Case("GlobalAveragePooling1D", np.arange(12, dtype="int32").reshape(2, 3, 2)))
def test_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def over_everything():
    for kind, rank, keepdims in itertools.product(("Max", "Average"), (1, 2, 3), (False, True)):
        name = f"Global{kind}Pooling{rank}D"
        yield Case(name, (2, *SPACE[rank], 3), {"keepdims": keepdims})
        yield Case(name, (2, 3, *SPACE[rank]), {"keepdims": keepdims, "data_format": "channels_first"})


MASK = [[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]]


@cases(
    *over_everything(),
    Case("GlobalAveragePooling1D", (3, 4, 2), mask=MASK),
    Case("GlobalAveragePooling1D", (3, 4, 2), {"keepdims": True}, mask=MASK),
)
def test_global_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def adaptive():
    for kind, rank in itertools.product(("Max", "Average"), (1, 2, 3)):
        name = f"Adaptive{kind}Pooling{rank}D"
        yield Case(name, (2, *SPACE[rank], 3), {"output_size": 3})
        yield Case(name, (2, 3, *SPACE[rank]), {"output_size": 4, "data_format": "channels_first"})


@cases(*adaptive(), Case("AdaptiveAveragePooling2D", (2, 9, 8, 3), {"output_size": (2, 7)}))
def test_adaptive_pooling(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_masked_steps_do_not_count(data_format, keepdims):
    x, mask = np.random.default_rng(0).normal(size=(3, 4, 4)).astype("float32"), np.array(MASK, bool)
    keras_layer = keras.layers.GlobalAveragePooling1D(data_format=data_format, keepdims=keepdims)
    ours = layer_from({"class_name": "GlobalAveragePooling1D", "config": keras_layer.get_config()})
    theirs = keras.ops.convert_to_numpy(keras_layer(x, mask=mask))
    assert np.isnan(theirs[2]).all()
    np.testing.assert_allclose(ours(x, mask=mask), theirs, rtol=1e-6)


def test_a_mask_travels_here_and_no_further(tmp_path):
    layers = [keras.layers.Masking(), keras.layers.GlobalAveragePooling1D(keepdims=True), keras.layers.LSTM(2)]
    model = keras.Sequential([keras.Input((4, 3)), *layers])
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    x[~np.array(MASK[:2], bool)] = 0
    model.save(tmp_path / "model.keras")
    ours = replay(load(tmp_path / "model.keras"), x).output
    np.testing.assert_allclose(ours, model.predict(x, verbose=0), rtol=1e-5, atol=1e-7)


def test_by_hand():
    config = {"name": "p", "pool_size": 2, "strides": None, "padding": "same"}
    x = np.array([[[1.0], [5.0], [4.0]]], "float32")
    for name, expected in (("MaxPooling1D", [[[5], [4]]]), ("AveragePooling1D", [[[3], [4]]])):
        np.testing.assert_array_equal(layer_from({"class_name": name, "config": config})(x), expected)
