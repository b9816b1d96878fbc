"""Attention layers against Keras."""

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases, each

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

QUERY, VALUE = (3, 4, 5), (3, 6, 5)
SQUARE = (3, 4, 5)
QUERY_MASK = [[1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1]]
VALUE_MASK = [[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1]]
NO_VALUE = [[0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]]
ALLOWED = np.random.default_rng(1).integers(0, 2, (3, 4, 6)).astype(bool)
ALLOWED[:, 0] = False  # a query that may look at nothing


def scores(layer, *x, **options):
    return layer(list(x), return_attention_scores=True, **options)


def causal(layer, *x):
    return layer(list(x), use_causal_mask=True)


@cases(*each(
    {"Attention": {}, "AdditiveAttention": {}},
    {"Attention": {"use_scale": True}, "AdditiveAttention": {"use_scale": False}},
    {"Attention": {"score_mode": "concat"}},
    {"Attention": {"score_mode": "concat", "use_scale": True}},
    Case("", [QUERY, VALUE]),
    Case("", [QUERY, VALUE, VALUE]),
    Case("", [QUERY, VALUE], mask={0: QUERY_MASK, 1: VALUE_MASK}),
    Case("", [QUERY, VALUE, VALUE], mask={0: QUERY_MASK, 1: NO_VALUE, 2: VALUE_MASK}, call=scores),
    Case("", [SQUARE, SQUARE], mask={1: QUERY_MASK}, call=causal),
    Case("", [SQUARE, SQUARE], call=causal),
))
def test_of_query_and_value(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case("Attention", [QUERY, VALUE], {"dropout": 0.5}),
    Case("Attention", [QUERY, VALUE], {"use_scale": True, "dtype": "float64"}, {1: VALUE_MASK}),
    Case("Attention", [QUERY, VALUE], {"dtype": "mixed_float16"}, {1: VALUE_MASK}),
    Case("Attention", [QUERY, (3, 6, 7), VALUE]),
    Case("AdditiveAttention", [QUERY, (3, 6, 7), VALUE], call=scores),
    Case("AdditiveAttention", [QUERY, VALUE], {"dtype": "float64"}),
    Case("AdditiveAttention", [QUERY, VALUE], {"dtype": "mixed_float16"}, {1: VALUE_MASK}),
)
def test_settings(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def call(*names, **options):
    """How a case calls its layer: each tensor by the name of its argument."""
    return lambda layer, *x: layer(*x[:len(x) - len(names)], **dict(zip(names, x[len(x) - len(names):])), **options)


SELF = call(use_causal_mask=True)
WITH_SCORES = call(return_attention_scores=True)


def bare_scores(layer, *x):
    """The call of a case with scores; Permute takes off the mask that Keras' softmax leaves on them."""
    y, weights = layer(*x, return_attention_scores=True)
    return y, keras.layers.Permute((1, 2, 3))(weights)


MULTI = {"num_heads": 2, "key_dim": 3}
GROUPED = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}


@cases(*each(
    {"MultiHeadAttention": MULTI, "GroupQueryAttention": GROUPED},
    Case("", [QUERY, VALUE], call=call()),
    Case("", [QUERY, VALUE, VALUE], call=call("key")),
    Case("", [QUERY, VALUE], {"use_bias": False}, call=call()),
    Case("", [QUERY, VALUE], {"dropout": 0.5}, call=call()),
    Case("", [QUERY, VALUE], {"use_gate": True}, call=call()),
    Case("", [SQUARE, SQUARE], {"sliding_window": 2}, call=call()),
    Case("", [SQUARE, SQUARE], {"sliding_window": 3}, call=SELF),
    Case("", [SQUARE, SQUARE], call=SELF),
    Case("", [SQUARE, SQUARE], {"dropout": 0.5}, call=SELF),
    Case("", [SQUARE, SQUARE], call=WITH_SCORES),
    Case("", [SQUARE, SQUARE], {"use_gate": True}, {0: QUERY_MASK, 1: QUERY_MASK}, bare_scores),
    Case("", [QUERY, VALUE], mask={0: QUERY_MASK}, call=call()),
    Case("", [QUERY, VALUE], mask={0: QUERY_MASK, 1: VALUE_MASK}, call=call()),
    Case("", [QUERY, VALUE, VALUE], mask={1: VALUE_MASK, 2: NO_VALUE}, call=call("key")),
    Case("", [QUERY, VALUE], {"dropout": 0.5}, {0: QUERY_MASK, 1: NO_VALUE}, call()),
    Case("", [SQUARE, SQUARE], mask={0: QUERY_MASK}, call=SELF),
    Case("", [QUERY, VALUE, ALLOWED], call=call("attention_mask")),
    Case("", [QUERY, VALUE, ALLOWED[:, None]], call=call("attention_mask")),
    Case("", [QUERY, VALUE, ALLOWED], {"dropout": 0.1}, {1: VALUE_MASK}, call("attention_mask")),
    Case("", [QUERY, VALUE], {"dtype": "float64", "use_gate": True}, call=call()),
    Case("", [QUERY, VALUE], {"dtype": "mixed_float16"}, {1: VALUE_MASK}, call()),
))
def test_in_several_heads(case, tmp_path):
    agrees_with_keras(case, tmp_path)


IMAGE = (2, 3, 4, 5)


@cases(
    Case("MultiHeadAttention", [QUERY, (3, 6, 7)], {**MULTI, "value_dim": 4}, call=call()),
    Case("MultiHeadAttention", [(2, 3, 4), (2, 3, 4)], {"num_heads": 3, "key_dim": 1}, call=call()),
    Case("MultiHeadAttention", [QUERY, VALUE], {**MULTI, "output_shape": 7}, call=call()),
    Case("MultiHeadAttention", [QUERY, VALUE], {**MULTI, "output_shape": (2, 3), "use_bias": False}, call=call()),
    Case("MultiHeadAttention", [QUERY, VALUE], {**MULTI, "attention_axes": 1}, call=call()),
    Case("MultiHeadAttention", [IMAGE, IMAGE], MULTI, call=call()),
    Case("MultiHeadAttention", [IMAGE, (2, 2, 6, 5)], MULTI, call=call()),
    Case("MultiHeadAttention", [IMAGE, IMAGE], {**MULTI, "attention_axes": (1,)}, call=call()),
    Case("MultiHeadAttention", [IMAGE, IMAGE], {**MULTI, "attention_axes": (2,), "value_dim": 4}, call=call()),
    Case("MultiHeadAttention", [IMAGE, IMAGE], {**MULTI, "attention_axes": (-2,), "use_gate": True}, call=call()),
    Case("MultiHeadAttention", [IMAGE, IMAGE], {**MULTI, "attention_axes": (1, 2), "dtype": "float64"}, call=call()),
    Case("MultiHeadAttention", [QUERY], {"num_heads": 1, "key_dim": 5},
         call=lambda layer, x: layer(query=x, value=x)),
    Case("MultiHeadAttention", [QUERY, np.array(QUERY_MASK, bool)], MULTI, QUERY_MASK[::-1],
         lambda layer, x, mask: layer(x, x, query_mask=mask)),
    Case("GroupQueryAttention", [QUERY, VALUE], {"head_dim": 3, "num_query_heads": 3, "num_key_value_heads": 1},
         call=call()),
)
def test_shapes_and_axes(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_large_batches_run_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("weightscope.kernels.attention.SCORES", 2 * 4 * 6 * 2)
    case = Case("MultiHeadAttention", [QUERY, VALUE], MULTI, {0: QUERY_MASK, 1: VALUE_MASK}, call())
    agrees_with_keras(case, tmp_path)


def test_by_hand():
    layer = layer_from({"class_name": "Attention", "config": {"dtype": "float64"}})
    query, value = np.array([[[0.0, 0.0]]]), np.array([[[2.0, 4.0], [6.0, 0.0]]])
    assert layer([query, value]).tolist() == [[[4.0, 2.0]]]  # equal scores: the mean of the values
    query = np.array([[[0.25 * np.log(3), 0.0]]])  # scores ln(3)/2 and 3·ln(3)/2: weights 1/4 and 3/4
    np.testing.assert_allclose(layer([query, value]), [[[5.0, 1.0]]])


def test_words_of_the_axes():
    layer = layer_from({"class_name": "MultiHeadAttention", "config": {**MULTI, "use_gate": True}})
    axes = {name: [weight.axes for weight in part.weights.values()] for name, part in layer.parts.items()}
    assert axes["query_dense"] == ["in num_heads key_dim", "num_heads key_dim"]
    assert axes["_gate_dense"] == ["in num_heads value_dim", "num_heads value_dim"]
    assert axes["output_dense"] == ["num_heads value_dim out", "out"]


def test_the_formula_says_what_this_layer_computes():
    written = {mode: layer_from({"class_name": "Attention", "config": {"score_mode": mode}}).written_formula()
               for mode in ("dot", "concat")}
    assert written["dot"] == "scores = query · keyᵀ\ny = softmax(scores) · value"
    assert written["concat"].startswith("scores = concat_score_weight · Σ tanh((query + key))")


def test_what_is_refused():
    assert "'sum'" in layer_from({"class_name": "Attention", "config": {"score_mode": "sum"}}).refusal()
