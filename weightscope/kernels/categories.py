"""Whole numbers as vectors: one-hot, multi-hot and counts."""

import numpy as np


def encode(indices, output_mode, depth, weights=None):
    """Return ``indices`` as Keras' ``output_mode`` says, in float64, or bool where every value is 0 or 1.

    "one_hot": a vector of ``depth`` for each index, a last axis of size 1 dropped before: (*indices, depth).
    "multi_hot", "count": one for each sample, over the axis behind the batch's: (batch, ..., depth), and (depth,) for
    indices of one axis only; ``weights``, of the shape of the indices, says what each counts. An index outside
    0 … ``depth`` - 1 counts nothing. Source: ``keras.src.utils.numerical_utils.encode_categorical_inputs``.
    Raises ValueError for another mode, and for a negative index that Keras' ``bincount`` refuses.
    """
    if output_mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        return indices[..., None] == np.arange(depth)
    if output_mode not in ("multi_hot", "count"):
        raise ValueError(f"output_mode is int, one_hot, multi_hot or count, not {output_mode!r}")
    if indices.ndim <= 2 and np.any(indices < 0):
        raise ValueError("an index is negative")
    axis = 1 if indices.ndim > 1 else 0
    counts = _counts(np.moveaxis(indices, axis, -1), depth, None if weights is None else np.moveaxis(weights, axis, -1))
    return counts > 0 if output_mode == "multi_hot" else counts


def encoded_shape(x, output_mode, depth):
    """Return the shape of what ``encode`` makes of indices of shape ``x``."""
    if output_mode == "one_hot":
        return *(x[:-1] if len(x) > 1 and x[-1] == 1 else x), depth
    return *x[:1 if len(x) > 1 else 0], *x[2:], depth


def _counts(indices, depth, weights):
    """Return how often each of ``depth`` numbers occurs along the last axis: (..., depth)."""
    rows = np.arange(np.prod(indices.shape[:-1], dtype=int))[:, None]
    flat = indices.reshape(len(rows), -1)
    known = (flat >= 0) & (flat < depth)
    cells = (rows * depth + np.where(known, flat, 0))[known]
    weights = None if weights is None else weights.reshape(flat.shape)[known]
    return np.bincount(cells, weights, minlength=len(rows) * depth).reshape(*indices.shape[:-1], depth)
