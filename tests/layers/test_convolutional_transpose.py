"""Transposed convolutions against Keras, over grids of their settings."""

import itertools

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

SPACE = {1: (5,), 2: (4, 3), 3: (3, 2, 2)}


def grid(rank, sizes, settings):
    """A Case for both paddings, every one of ``sizes`` and every one of ``settings``."""
    for padding, size, more in itertools.product(("valid", "same"), sizes, settings):
        yield Case(f"Conv{rank}DTranspose", (2, *SPACE[rank], 3),
                   {"filters": 4, "kernel_size": size, "padding": padding, **more})


@cases(
    *grid(1, [3], [{}, {"strides": 2}, {"strides": 3, "output_padding": 2}, {"strides": 4, "use_bias": False}]),
    *grid(2, [2, 3], [{}, {"strides": (2, 1)}, {"strides": 3, "output_padding": (1, 2), "activation": "relu"}]),
    *grid(3, [3], [{"activation": "tanh"}, {"strides": 2}]),
    Case("Conv2DTranspose", (2, 4, 3, 3), {"filters": 4, "kernel_size": (5, 1), "strides": 2, "padding": "same"}),
    Case("Conv2DTranspose", (2, 4, 3, 3), {"filters": 4, "kernel_size": 1, "strides": 3, "dtype": "float64"}),
    Case("Conv2DTranspose", (2, 3, 4, 3), {"filters": 4, "kernel_size": 3, "strides": 2,
                                           "data_format": "channels_first"}),
    Case("Conv2DTranspose", (2, 4, 3, 3), {"filters": 4, "kernel_size": 3, "dilation_rate": 2}),
)
def test_convolution_transposed(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_by_hand():
    layer = layer_from({"class_name": "Conv1DTranspose", "config": {"name": "c", "filters": 1, "kernel_size": 2}})
    x, kernel = np.array([[[1.0], [2.0]]]), np.array([[[10.0]], [[1.0]]])
    np.testing.assert_array_equal(layer.forward(x, kernel, np.array([0.5])), [[[10.5], [21.5], [2.5]]])
