"""Regularization layers against Keras: predict hands their input on."""

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

MASK = [[1, 1, 0], [1, 0, 0]]


@cases(
    Case("Dropout", (2, 3, 4), {"rate": 0.5, "seed": 1}),
    Case("Dropout", (2, 3, 4), {"rate": 0.5, "noise_shape": (None, 1, 4)}),
    Case("Dropout", (2, 3, 4), {"rate": 0.5}, mask=MASK),
    Case("SpatialDropout1D", (2, 3, 4), {"rate": 0.5}),
    Case("SpatialDropout2D", (2, 3, 3, 4), {"rate": 0.5, "data_format": "channels_first"}),
    Case("SpatialDropout3D", (2, 3, 2, 2, 4), {"rate": 0.5}),
    Case("GaussianDropout", (2, 4), {"rate": 0.5}),
    Case("GaussianNoise", (2, 4), {"stddev": 0.5}),
    Case("AlphaDropout", (2, 4), {"rate": 0.5, "noise_shape": (None, 1)}),
    Case("ActivityRegularization", (2, 4), {"l1": 0.1, "l2": 0.2}),
)
def test_layer_hands_its_input_on(case, tmp_path):
    ours, theirs = agrees_with_keras(case, tmp_path)
    np.testing.assert_array_equal(ours, theirs)


def test_predict_never_trains():
    layer = layer_from({"class_name": "Dropout", "config": {"name": "d", "rate": 0.5}})
    np.testing.assert_array_equal(layer(np.ones((1, 2), "float32"), training=True), np.ones((1, 2)))
