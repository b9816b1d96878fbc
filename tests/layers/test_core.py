"""Core layers against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases
from side_by_side import agree_side_by_side

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

INTEGERS = np.array([[0, 3, 1], [2, 0, 0]], "int32")


@cases(
    Case("Dense", (4, 5), {"units": 3}),
    Case("Dense", (4, 5), {"units": 3, "use_bias": False, "activation": "relu"}),
    Case("Dense", (2, 3, 5), {"units": 4, "activation": "softmax"}),
    Case("Dense", (2, 3, 2, 5), {"units": 1, "activation": "sigmoid"}),
    Case("Dense", (2, 3, 5), {"units": 4}, mask=[[1, 1, 0], [1, 0, 0]]),
    Case("EinsumDense", (4, 5), {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}),
    Case("EinsumDense", (4, 5, 2), {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d"}),
    Case("EinsumDense", (4, 5, 2), {"equation": "...x,xy->...y", "output_shape": 3, "activation": "relu"}),
    Case("EinsumDense", (4, 5, 6), {"equation": "abc,bde->ade", "output_shape": (2, 3), "bias_axes": "d"}),
    Case("EinsumDense", (4, 5, 6), {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}),
    Case("EinsumDense", (2, 3, 4), {"equation": "bc...,cde->bde...", "output_shape": (2, 5), "bias_axes": "de"}),
    Case("EinsumDense", (2, 3, 4, 1, 2), {"equation": "bc...,cde->bde...", "output_shape": (2, 5), "bias_axes": "e"}),
    Case("EinsumDense", (2, 3, 2), {"equation": "ab...,bc->ac...", "output_shape": 2, "bias_axes": "c"}),
    Case("EinsumDense", (2, 3, 2), {"equation": "abc,cd->abd", "output_shape": (3, 3), "bias_axes": "b"}),
    Case("EinsumDense", (2, 3, 2), {"equation": "abc,cde->abde", "output_shape": (None, 3, 4), "bias_axes": "d"}),
    Case("EinsumDense", (2, 3, 2), {"equation": "abc,cde->abde", "output_shape": (3, 4, 3), "bias_axes": "b"}),
    Case("Embedding", INTEGERS, {"input_dim": 4, "output_dim": 2}),
    Case("Embedding", INTEGERS, {"input_dim": 4, "output_dim": 2, "mask_zero": True}),
    Case("Embedding", INTEGERS > 0, {"input_dim": 4, "output_dim": 2}),
    Case("ReversibleEmbedding", INTEGERS, {"input_dim": 4, "output_dim": 2}),
    Case("ReversibleEmbedding", INTEGERS, {"input_dim": 4, "output_dim": 2, "tie_weights": False, "mask_zero": True}),
    Case("Masking", np.array([[[1, 2], [0, 0]], [[3, 3], [3, 0]]], "float32"), {"mask_value": 0.0}),
    Case("Masking", np.array([[[1, 2], [0, 0]], [[3, 3], [3, 0]]], "float32"), {"mask_value": 3}),
    Case("Identity", (2, 3)),
)
def test_layer_agrees_with_keras(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("settings", [
    {}, {"tie_weights": False}, {"logit_soft_cap": 0.5}, {"reverse_dtype": "float64", "tie_weights": False},
    {"mask_zero": True}, {"dtype": "mixed_float16"},
], ids=str)
def test_reversible_embedding(settings, tmp_path):
    embedding = keras.layers.ReversibleEmbedding(4, 3, **settings)
    embedding.build(None)
    agree_side_by_side([lambda x: embedding(embedding(x), reverse=True)], INTEGERS, tmp_path)


def test_an_activation_without_its_settings_is_refused_as_keras_refuses_it():
    """Keras writes "threshold" without the numbers that it needs."""
    with pytest.raises(TypeError, match="default_value"):
        keras.activations.get("threshold")(np.ones(2))
    dense = layer_from({"class_name": "Dense", "config": {"name": "dense", "units": 2, "activation": "threshold"}})
    assert "asks for threshold and default_value, which the file does not hold" in dense.refusal()
