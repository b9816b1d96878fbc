"""The layers that keras.applications bring along, which are no public layers of Keras."""

import keras
import numpy as np
import pytest
from agreement import assert_close
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

import weightscope

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_scales_and_depths(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        x = keras.Input((4, 4, 3))
        scaled = LayerScale(1e-6, 3, name="scaled")
        y = CustomScaleLayer(0.25)([x, StochasticDepth(0.5)(scaled(x))])
        model = keras.Model(x, y)
    finally:
        keras.config.set_dtype_policy(before)
    scaled.weights[0].assign([2.0, -3.0, 0.5])
    model.save(tmp_path / "model.keras")
    opened = weightscope.load(tmp_path / "model.keras")
    batch = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    assert opened.ledger.closes and not opened.ledger.unclaimed
    assert_close(weightscope.predict(opened, batch), model.predict(batch, verbose=0))
    assert opened.parts["scaled"].weights["gamma"].array.tolist() == [2.0, -3.0, 0.5]
