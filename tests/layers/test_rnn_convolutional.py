"""Convolutional recurrent layers against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

pytestmark = pytest.mark.keras

IMAGES = (2, 4, 6, 5, 3)
MASK = np.array([[1, 1, 0, 0], [0, 1, 0, 1]], bool)
EVERYTHING = {"return_sequences": True, "return_state": True}
BASE = {"filters": 2, "kernel_size": (3, 2)}


def kept(*shape):
    """Return a mask of positions: a Masking layer in front leaves more than one boolean a step."""
    return np.random.default_rng(0).random(shape) > 0.4


def masked(layer, x, mask):
    return layer(x, mask=mask)


@cases(
    Case("ConvLSTM1D", (2, 4, 6, 3), {"filters": 2, "kernel_size": 3}),
    Case("ConvLSTM1D", (2, 4, 6, 3), {"filters": 2, "kernel_size": 2, "padding": "same", **EVERYTHING}),
    Case("ConvLSTM2D", IMAGES, BASE),
    Case("ConvLSTM2D", IMAGES, {**BASE, **EVERYTHING, "padding": "same"}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "strides": 2, "use_bias": False}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "dilation_rate": 2, "go_backwards": True}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "activation": "relu", "recurrent_activation": "hard_sigmoid"}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "dtype": "float64"}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "dtype": "mixed_float16"}),
    Case("ConvLSTM2D", IMAGES, {**BASE, "stateful": True}),
    Case(lambda: keras.layers.Bidirectional(keras.layers.ConvLSTM2D(2, 3, return_sequences=True)), IMAGES),
    Case("ConvLSTM2D", (2, 4, 3, 6, 5), {**BASE, "data_format": "channels_first"}),
    Case("ConvLSTM2D", (2, 4, 3, 6, 5), {**BASE, **EVERYTHING, "data_format": "channels_first", "strides": (2, 1)}),
    Case("ConvLSTM2D", [IMAGES, MASK], {**BASE, **EVERYTHING}, call=masked),
    Case("ConvLSTM2D", [IMAGES, MASK], {**BASE, **EVERYTHING, "zero_output_for_mask": True}, call=masked),
    Case("ConvLSTM1D", (2, 4, 6, 3), {"filters": 2, "kernel_size": 2, "padding": "same"}, kept(2, 4, 6)),
    Case("ConvLSTM2D", IMAGES, {**BASE, "padding": "same", "return_sequences": True, "zero_output_for_mask": True},
         kept(2, 4, 6, 5)),
    Case("ConvLSTM2D", (2, 4, 2, 6, 5), {**BASE, "padding": "same", "data_format": "channels_first"}, kept(2, 4, 2, 6)),
    Case("ConvLSTM2D", [IMAGES, (2, 6, 5, 2), (2, 6, 5, 2)], {**BASE, "padding": "same"},
         call=lambda layer, x, h, c: layer(x, initial_state=[h, c])),
    Case("ConvLSTM3D", (2, 3, 4, 5, 4, 2), {"filters": 2, "kernel_size": 2}),
    Case("ConvLSTM3D", (2, 3, 4, 5, 4, 2), {"filters": 2, "kernel_size": (1, 2, 3), "return_sequences": True}),
)
def test_convolutional_lstm(case, tmp_path):
    agrees_with_keras(case, tmp_path)
