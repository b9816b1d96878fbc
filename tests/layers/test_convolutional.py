"""Convolutional layers against Keras, over grids of their settings."""

import itertools

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

SPACE = {1: (11,), 2: (9, 8), 3: (6, 5, 4)}
SIZES = {1: 4, 2: (3, 2), 3: (2, 3, 1)}
STRIDED = [{}, {"strides": 2}, {"strides": 3, "use_bias": False}, {"dilation_rate": 2}]


def grid(name, rank, paddings, settings, **fixed):
    """A Case for every padding and every one of ``settings``."""
    for padding, more in itertools.product(paddings, settings):
        yield Case(name, (2, *SPACE[rank], 4), {"kernel_size": SIZES[rank], "padding": padding, **fixed, **more})


@cases(
    *grid("Conv1D", 1, ["valid", "same", "causal"], [*STRIDED, {"groups": 2, "activation": "relu"}], filters=6),
    *grid("Conv2D", 2, ["valid", "same"], [*STRIDED, {"groups": 2, "activation": "gelu"}], filters=6),
    *grid("Conv3D", 3, ["valid", "same"], [{"strides": 2}, {"dilation_rate": 2}], filters=6, activation="softmax"),
    Case("Conv2D", (2, 9, 8, 3), {"filters": 5, "kernel_size": 1, "strides": (2, 1)}),
    Case("Conv2D", (2, 9, 8, 3), {"filters": 5, "kernel_size": 1, "activation": "sigmoid"}),
    Case("Conv2D", (2, 9, 8, 3), {"filters": 5, "kernel_size": 3, "strides": (3, 1), "padding": "same"}),
    Case("Conv2D", (2, 9, 8, 3), {"filters": 5, "kernel_size": 3, "dilation_rate": (1, 3), "padding": "same"}),
    Case("Conv2D", (2, 9, 8, 4), {"filters": 4, "kernel_size": 3, "groups": 4, "use_bias": False}),
    Case("Conv2D", (2, 3, 9, 8), {"filters": 5, "kernel_size": 3, "data_format": "channels_first"}),
    Case("Conv2D", (2, 3, 9, 8), {"filters": 5, "kernel_size": 2, "strides": 2, "padding": "same", "activation": "relu",
                                  "data_format": "channels_first"}),
    Case("Conv1D", (2, 3, 9), {"filters": 5, "kernel_size": 3, "padding": "causal", "data_format": "channels_first"}),
    Case("Conv1D", (2, 11, 3), {"filters": 5, "kernel_size": 3, "dtype": "float64"}),
    Case("Conv2D", (2, 9, 8, 3), {"filters": 5, "kernel_size": 3, "dtype": "mixed_float16"}),
    Case("Conv1D", (2, 500, 1), {"filters": 20, "kernel_size": 10, "padding": "same"}),
    Case("Conv2D", (2, 5, 720, 1), {"filters": 8, "kernel_size": (5, 100), "padding": "same"}),
)
def test_convolution(case, tmp_path):
    agrees_with_keras(case, tmp_path)


DEPTHWISE = [{}, {"strides": 2}, {"dilation_rate": 2, "use_bias": False}, {"depth_multiplier": 3, "activation": "relu"}]


@cases(
    *grid("DepthwiseConv1D", 1, ["same"], DEPTHWISE),
    *grid("DepthwiseConv2D", 2, ["valid", "same"], [*DEPTHWISE, {"strides": 2, "dilation_rate": 2}]),
    Case("DepthwiseConv2D", (2, 3, 9, 8), {"kernel_size": 3, "data_format": "channels_first", "depth_multiplier": 2}),
    Case("DepthwiseConv1D", (2, 3, 9), {"kernel_size": 3, "data_format": "channels_first"}),
    *grid("SeparableConv1D", 1, ["same"], DEPTHWISE, filters=5),
    *grid("SeparableConv2D", 2, ["valid", "same"], DEPTHWISE, filters=5),
    Case("SeparableConv2D", (2, 3, 9, 8), {"filters": 5, "kernel_size": 3, "data_format": "channels_first"}),
    Case("SeparableConv1D", (2, 11, 3), {"filters": 5, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
)
def test_convolution_by_channel(case, tmp_path):
    agrees_with_keras(case, tmp_path)


FIRST = {"kernel_size": 3, "data_format": "channels_first"}


@cases(
    Case("Conv1D", (2, 3, 8), {"filters": 6, **FIRST}, compiled=True),
    Case("Conv2D", (2, 3, 9, 8), {"filters": 6, **FIRST}, compiled=True),
    Case("Conv2D", (2, 3, 9, 8), {"filters": 6, "groups": 3, **FIRST}, compiled=True),
    Case("Conv3D", (2, 3, 5, 4, 8), {"filters": 6, **FIRST}, compiled=True),
    Case("DepthwiseConv1D", (2, 3, 8), {"depth_multiplier": 2, **FIRST}, compiled=True),
    Case("SeparableConv2D", (2, 3, 9, 8), {"filters": 6, **FIRST}, compiled=True),
    Case("Conv2DTranspose", (2, 3, 9, 4), {"filters": 6, **FIRST}, compiled=True),
)
def test_where_the_bias_goes_when_the_output_is_as_wide_as_deep(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_by_hand():
    layer = layer_from({"class_name": "Conv1D", "config": {"name": "c", "filters": 1, "kernel_size": 2}})
    x, kernel = np.array([[[1.0], [2.0], [5.0]]]), np.array([[[10.0]], [[1.0]]])
    np.testing.assert_array_equal(layer.forward(x, kernel, np.array([0.5])), [[[12.5], [25.5]]])


def test_the_words_of_grouped_channels():
    config = {"name": "c", "filters": 4, "kernel_size": [3, 3], "groups": 2}
    layer = layer_from({"class_name": "Conv2D", "config": config})
    assert layer.weights["kernel"].axes == "height width in/groups filters"
    assert layer.shape((None, None, 8, 6)) == (None, None, 6, 4)
