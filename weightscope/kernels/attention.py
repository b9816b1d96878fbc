"""Attention: softmax(query · keyᵀ) · value, as batched matrix products.

Shapes: query (batch, T…, heads, dim), key (batch, S…, heads, dim), value (batch, S…, heads, value_dim), where T… and S…
are the axes that attend to each other; axes between them and the batch count as batch. Two-byte floats are computed in
float32 and rounded once.
"""

import math

import numpy as np

from weightscope.kernels.activations import softmax
from weightscope.kernels.convolve import working_dtype

SCORES = 1 << 21  # floats of scores to hold at a time, so that they stay in the cache


def dot_product_attention(query, key, value, axes, mask=None, zero_masked=False):
    """Return the attention output (batch, T…, heads, value_dim).

    ``axes``: those that attend. ``mask``: booleans that broadcast to (batch, heads, T…, S…), False where nothing may
    be looked at. A row without anything to look at looks at all alike, or at nothing if ``zero_masked``.
    """
    y = np.empty((*query.shape[:-1], value.shape[-1]), working_dtype(query))
    for part in _parts(query, key, axes):
        seen = mask if mask is None or mask.shape[0] == 1 else mask[part]
        weights = attention_scores(query[part], key[part], axes, seen, zero_masked)
        _combine(weights, value[part], axes, y[part])
    return y.astype(query.dtype, copy=False)


def attention_scores(query, key, axes, mask=None, zero_masked=False):
    """Return the weights (batch, heads, T…, S…): the softmax over S… of the masked products."""
    work = working_dtype(query)
    query, key = query.astype(work, copy=False), key.astype(work, copy=False)
    query_lengths, key_lengths = ([x.shape[axis] for axis in axes] for x in (query, key))
    scores = np.matmul(_rows(query, axes), _rows(key, axes).swapaxes(-1, -2))
    whole = (*scores.shape[:-2], *query_lengths, *key_lengths)
    seen = None if mask is None else np.broadcast_to(mask, whole).reshape(scores.shape)
    if seen is not None:
        np.copyto(scores, np.finfo(work).min * 0.7, where=~seen)
    scores = softmax(scores)
    if seen is not None and zero_masked:
        np.copyto(scores, 0, where=~seen)
    return scores.reshape(whole)


def combine(weights, value, axes):
    """Return the sums of ``value`` under ``weights`` (batch, heads, T…, S…): (batch, T…, heads, value_dim)."""
    rest = [n for axis, n in enumerate(value.shape[:-1]) if axis not in axes]
    lengths = weights.shape[len(rest):len(rest) + len(axes)]
    shape = list(value.shape)
    for axis, length in zip(axes, lengths, strict=True):
        shape[axis] = length
    y = np.empty(shape, working_dtype(weights))
    _combine(weights, value, axes, y)
    return y


def _combine(weights, value, axes, y):
    rows = _rows(value.astype(y.dtype, copy=False), axes)
    matrices = weights.astype(y.dtype, copy=False).reshape(*rows.shape[:-2], -1, rows.shape[-2])
    others = [axis for axis in range(y.ndim - 1) if axis not in axes]
    into = y.transpose(*others, *axes, y.ndim - 1)
    into[...] = np.matmul(matrices, rows).reshape(into.shape)


def _rows(x, axes):
    """Return x as matrices: (the other axes…, positions along ``axes``, dim)."""
    others = [axis for axis in range(x.ndim - 1) if axis not in axes]
    turned = x.transpose(*others, *axes, x.ndim - 1)
    return turned.reshape(*turned.shape[:len(others)], -1, x.shape[-1]) if len(axes) > 1 else turned


def _parts(query, key, axes):
    """Yield slices of the batch whose scores stay within ``SCORES``."""
    keys = math.prod(key.shape[axis] for axis in axes)
    per_sample = max(math.prod(query.shape[1:-1]) * keys, 1)
    size = max(SCORES // per_sample, 1)
    for start in range(0, len(query), size):
        yield slice(start, start + size)


def causal_mask(queries, keys):
    """Return booleans (1, queries, keys): each query sees the keys up to its own position."""
    return np.tri(queries, keys, dtype=bool)[None]


def sliding_window_mask(queries, keys, window):
    """Return booleans (1, queries, keys): each query sees the keys less than ``window`` positions away."""
    return np.abs(np.arange(queries)[:, None] - np.arange(keys))[None] < window


def additive_scores(query, key, weight):
    """Return Σ over dim of weight(query + key): (…, T, S) for query (…, T, dim) and key (…, S, dim).

    ``weight``: a function of an array (…, S, dim) that returns (…, S). One query at a time: all sums at once would
    take dim times the memory of the scores.
    """
    y = np.empty((*query.shape[:-1], key.shape[-2]), query.dtype)
    for t in range(query.shape[-2]):
        y[..., t, :] = weight(query[..., t:t + 1, :] + key)
    return y
