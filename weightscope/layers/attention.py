"""Keras' attention layers: what to look at, weighed by how well it fits."""

import functools

import numpy as np

from weightscope.kernels.activations import softmax
from weightscope.kernels.attention import (
    additive_scores,
    attention_scores,
    causal_mask,
    combine,
    dot_product_attention,
    sliding_window_mask,
)
from weightscope.kernels.convolve import working_dtype
from weightscope.layers.attention_projection import Projection
from weightscope.model.layer import Layer, Weight, keras_layer
from weightscope.model.running import WHOLE


class Scored(Layer):
    """The base of attention over a list of query (batch, T, dim), value (batch, S, dim) and, optionally, key."""

    supports_masking = True
    ignored = ("dropout",)
    fails_on = WHOLE
    use_scale: bool = False

    def shape(self, x, return_attention_scores=False):
        y = (*x[0][:-1], x[1][-1])
        return [y, (*x[0][:-1], x[-1][-2])] if return_attention_scores else y

    def mask(self, x, mask):
        return None if mask is None else mask[0]

    def written_formula(self):
        """Return the formula, without the scale where there is none."""
        return super().written_formula() if self.use_scale else super().written_formula().replace("scale · ", "")

    def scores(self, query, key, **weights):
        """Return how well each key fits each query: (batch, T, S)."""
        raise NotImplementedError

    def forward(self, x, mask=None, return_attention_scores=False, use_causal_mask=False, **weights):
        query, value, key = x if len(x) > 2 else (*x, x[1])
        dtype, work = query.dtype, working_dtype(query)
        query_mask, value_mask = (None, None) if not mask else mask[:2]
        weights = {name: weight.astype(work, copy=False) for name, weight in weights.items()}
        scores = self.scores(query.astype(work, copy=False), key.astype(work, copy=False), **weights)
        scores = softmax(_penalised(scores.astype(dtype, copy=False), value_mask, use_causal_mask).astype(work))
        y = np.matmul(scores, value.astype(work, copy=False)).astype(dtype, copy=False)
        if query_mask is not None:
            y = np.where(query_mask[..., None], y, y.dtype.type(0))
        return (y, scores.astype(dtype, copy=False)) if return_attention_scores else y


def _penalised(scores, value_mask, use_causal_mask):
    """Take a large number off the scores of masked positions, as Keras' Attention._apply_scores does."""
    seen = None if value_mask is None else value_mask.astype(bool, copy=False)
    if seen is not None and seen.ndim == 2:
        seen = seen[:, None, :]
    if use_causal_mask:
        causal = causal_mask(*scores.shape[-2:])
        seen = causal if seen is None else seen & causal
    if seen is None:
        return scores
    return np.where(seen, scores, scores - scores.dtype.type(65504 if scores.dtype == "float16" else 1e9))


@keras_layer
class Attention(Scored):
    """Luong's attention: each query takes the mean of the values, weighed by its product with their keys."""

    formula = """
        scores = scale · query · keyᵀ, or concat_score_weight · Σ tanh(scale · (query + key)), as score_mode says
        y = softmax(scores) · value"""
    formulas = {
        "dot": "scores = scale · query · keyᵀ\ny = softmax(scores) · value",
        "concat": "scores = concat_score_weight · Σ tanh(scale · (query + key))\ny = softmax(scores) · value",
    }
    score_mode: str = "dot"

    def __init__(self, config, name):
        super().__init__(config, name)
        self.formula = self.formulas.get(self.score_mode, self.formula)

    def weight_specs(self):
        if self.use_scale:
            yield Weight("scale", "")
        if self.score_mode == "concat":
            yield Weight("concat_score_weight", "")

    def refusal(self):
        """Refuse score modes that Keras does not have."""
        if self.score_mode not in self.formulas:
            return f"score_mode={self.score_mode!r} is none of Keras'"
        return super().refusal()

    def scores(self, query, key, scale=1, concat_score_weight=None):
        if self.score_mode == "dot":
            return np.matmul(query, key.swapaxes(-1, -2)) * scale
        return concat_score_weight * additive_scores(query, key, lambda x: np.tanh(scale * x).sum(axis=-1))


@keras_layer
class AdditiveAttention(Scored):
    """Bahdanau's attention: each query takes the mean of the values, weighed by tanh of its sum with their keys."""

    formula = """
        scores = Σ scale · tanh(query + key)
        y = softmax(scores) · value"""
    fails_on = ("bool",)
    makes_floats = True
    use_scale: bool = True

    def weight_specs(self):
        if self.use_scale:
            yield Weight("scale", "dim")

    def scores(self, query, key, scale=None):
        scale = np.ones(query.shape[-1], query.dtype) if scale is None else scale
        return additive_scores(query, key, lambda x: np.tanh(x) @ scale)


class MultiHead(Layer):
    """The base of attention in several heads; ``heads`` says what a head is called in each projection."""

    supports_masking = True
    formula = """
        q, k, v = query_dense(query), key_dense(key), value_dense(value)
        weights = softmax(q · kᵀ / √dim of a head), masked positions left out
        y = output_dense(weights · v)"""
    ignored = ("seed",)
    makes_floats = True
    dropout: "float | int" = 0.0
    use_bias: bool = True
    use_gate: bool = False
    sliding_window: "int | None" = None
    zero_masked = True  # whether a query whose keys are all masked gets zeros, where Keras does not fuse

    packs_inputs = False  # whether int4 kernels are packed along their inputs
    calls_bare = False  # whether the dense layers are called as if they were not quantized
    adds_plainly = False  # whether biases lie along their own axes, whatever the others' sizes

    def projection(self, name, words, columns, contracted=1, activation="linear"):
        """Return one dense layer of this attention layer, with its dtype; ``columns``: the sizes that it makes."""
        return self.sub_layer(Projection, name=name, words=words, columns=columns, contracted=contracted,
                              use_bias=self.use_bias, activation=activation, packs_inputs=self.packs_inputs,
                              called_bare=self.calls_bare, adds_plainly=self.adds_plainly)

    @property
    def rounds_to(self):
        """What its dense layers round their inputs to, or None."""
        return next(filter(None, (part.rounds_to for part in self.parts.values())), None)

    def part(self, name):
        """Return the dense layer ``name``, under whichever attribute Keras keeps it."""
        return self.parts.get(name) or self.parts["_" + name]

    def forward(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None, attention_mask=None,
                return_attention_scores=False, use_causal_mask=False):
        key = value if key is None else key
        given = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask,
                 "attention_mask": attention_mask, "use_causal_mask": use_causal_mask}
        y, scores = self.attend(query, key, value, self._seen(query, value, given), return_attention_scores)
        if self.use_gate:
            y *= self.part("gate_dense")(query)
        y = self.part("output_dense")(y)
        return (y, scores) if return_attention_scores else y

    def output_masks(self, given, previous):
        """Return the query's mask, and the scores' too: Keras leaves on them what their softmax took into account."""
        if not given.get("return_attention_scores"):
            return previous
        return [previous, self._seen(given["query"], given["value"], given)]

    def _seen(self, query, value, given):
        """Return which keys each query may look at, as the masks among the arguments say: with the scores' rank."""
        lengths = query.shape[1], value.shape[1]
        masks = [given[name][..., None, :] for name in ("value_mask", "key_mask") if given.get(name) is not None]
        masks += [given["query_mask"][..., None]] if given.get("query_mask") is not None else []
        masks += [causal_mask(*lengths)] if given.get("use_causal_mask") else []
        masks += [sliding_window_mask(*lengths, self.sliding_window)] if self.sliding_window is not None else []
        masks += [given["attention_mask"]] if given.get("attention_mask") is not None else []
        if not masks:
            return None
        mask, axes = functools.reduce(np.logical_and, masks), self.axes(query.ndim)
        while mask.ndim < query.ndim + len(axes):
            mask = np.expand_dims(mask, -2 * len(axes) - 1)
        return mask.astype(bool, copy=False)

    def attend(self, query, key, value, mask, return_attention_scores):
        """Return the heads' outputs (batch, T…, heads, value_dim), and the weights where they are asked for."""
        query, axes = self.part("query_dense")(query), self.axes(query.ndim)
        key, value = self.repeated(self.part("key_dense")(key)), self.repeated(self.part("value_dense")(value))
        query = query * query.dtype.type(np.float32(1 / np.sqrt(query.shape[-1])))  # a float32 in Keras at any dtype
        # Where Keras takes its fused kernel, a row that may look at nothing looks at all alike; elsewhere at nothing.
        fused = not (self.dropout > 0 or return_attention_scores or query.ndim != 4)
        if not return_attention_scores:
            return dot_product_attention(query, key, value, axes, mask, self.zero_masked and not fused), None
        scores = attention_scores(query, key, axes, mask, self.zero_masked)
        return combine(scores, value, axes).astype(query.dtype), scores.astype(query.dtype)

    def axes(self, rank):
        """Return the axes of an input of ``rank`` axes that attend to each other."""
        return (1,)

    def repeated(self, x):
        """Return keys or values (batch, S…, heads, dim) with a head for each head of the query."""
        return x


@keras_layer
class MultiHeadAttention(MultiHead):
    """Attention in several heads: each looks at its own projections of query, key and value (Vaswani et al., 2017)."""

    keeps_masks: bool = False  # a dialect's word: before Keras 3.8, those that read its inputs later still see a mask
    num_heads: int
    key_dim: int
    value_dim: "int | None" = None
    output_shape: "int | tuple | None" = None
    attention_axes: "int | tuple | None" = None

    def sub_layers(self):
        heads = self.num_heads, -1
        found = {"query_dense": self.projection("query", "in num_heads key_dim", heads),
                 "key_dense": self.projection("key", "in num_heads key_dim", heads)}
        if self.use_gate:
            found["_gate_dense"] = self.projection("gate", "in num_heads value_dim", heads, activation="sigmoid")
        found["value_dense"] = self.projection("value", "in num_heads value_dim", heads)
        outputs = self._output_shape()
        words = "out" if len(outputs) < 2 else " ".join(f"out_{axis + 1}" for axis in range(len(outputs)))
        found["output_dense"] = self.projection(
            "attention_output", f"num_heads value_dim {words}", outputs if len(outputs) > 1 else (-1,), 2)
        return found

    def _output_shape(self):
        shape = self.output_shape or ()
        return (shape,) if isinstance(shape, int) else tuple(shape)

    def arguments(self, args, kwargs):
        """Leave out a query_mask of the call: Keras' call takes the query's own mask in any case."""
        given = super().arguments(args, kwargs)
        given.pop("query_mask", None)
        return given

    def alters_others(self):
        return not self.keeps_masks

    def unmasked(self, args, kwargs):
        """Return query, value and key: Keras' call works their masks in, and takes them off the tensors themselves."""
        given = {} if self.keeps_masks else self.arguments(args, kwargs)
        return [given.get(name) for name in ("query", "value", "key")]

    def shape(self, query, value, key=None, return_attention_scores=False):
        y = (*query[:-1], *(self._output_shape() or query[-1:]))
        if not return_attention_scores:
            return y
        axes = self.axes(len(query))
        others = [n for axis, n in enumerate(query[:-1]) if axis not in axes]
        return [y, (*others, self.num_heads, *(x[axis] for x in (query, value) for axis in axes))]

    def axes(self, rank):
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = (self.attention_axes,) if isinstance(self.attention_axes, int) else self.attention_axes
        return tuple(axis % rank for axis in axes)


@keras_layer
class GroupedQueryAttention(MultiHead):
    """Attention whose query heads share the heads of key and value in groups (Ainslie et al., 2023)."""

    head_dim: int
    num_query_heads: int
    num_key_value_heads: int

    def sub_layers(self):
        query = "in num_query_heads head_dim", (self.num_query_heads, self.head_dim)
        shared = "in num_key_value_heads head_dim", (self.num_key_value_heads, self.head_dim)
        found = {"_query_dense": self.projection("query", *query), "_key_dense": self.projection("key", *shared)}
        if self.use_gate:
            found["_gate_dense"] = self.projection("gate", *query, activation="sigmoid")
        found["_value_dense"] = self.projection("value", *shared)
        found["_output_dense"] = self.projection("attention_output", "num_query_heads head_dim out", (-1,), 2)
        return found

    def shape(self, query, value, key=None, return_attention_scores=False):
        scores = (query[0], self.num_query_heads, query[1], value[1])
        return [query, scores] if return_attention_scores else query

    def repeated(self, x):
        return np.repeat(x, self.num_query_heads // self.num_key_value_heads, axis=2)


@keras_layer
class GroupQueryAttention(GroupedQueryAttention):
    """GroupedQueryAttention under the name by which Keras exports it, and writes it into a config."""

    stored_as = "GroupedQueryAttention"
