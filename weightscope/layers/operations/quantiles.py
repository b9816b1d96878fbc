"""``keras.ops.numpy``: quantiles, percentiles and medians."""

import numpy as np

from weightscope.layers.operations.dtypes import FLOATX, as_float, cast, result_type, tensor
from weightscope.layers.operations.reductions import axes_of, reduced
from weightscope.layers.operations.table import operations_of, shape_of

operation = operations_of("numpy")


def _shape(x, q, axis=None, method="linear", keepdims=False):
    return (*shape_of(q), *reduced(x, axis=axis, keepdims=keepdims))


def _between(ordered, q, method):
    """Return the quantiles ``q`` of the last axis of sorted values, on a new last axis for each of ``q``'s."""
    last = ordered.shape[-1] - 1
    exact = last * np.asarray(q, "float64")

    def at(places):
        return ordered[..., np.clip(places.astype(int), 0, last)]

    if method == "midpoint":
        return ordered.dtype.type(0.5) * (at(np.floor(exact)) + at(np.ceil(exact)))
    if method != "linear":
        return at({"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[method](exact))
    low = np.maximum(np.ceil(exact) - 1, 0)
    high = np.minimum(low + 1, last)
    share = np.asarray(high - exact, ordered.dtype)
    return at(high) * (1 - share) + at(low) * share


def quantiles(x, q, axis, method, keepdims):
    """Return quantiles (*q, *rest) of floats along ``axis``; NaN where there is one."""
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    others = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, (*others, *axes)).reshape([x.shape[a] for a in others] + [-1])
    found = _between(np.sort(rows, axis=-1), q, method)
    found = np.moveaxis(found, range(len(others), found.ndim), range(found.ndim - len(others)))
    found = np.where(np.isnan(rows).any(axis=-1), x.dtype.type(np.nan), found)
    return found.reshape(np.shape(q) + reduced(x.shape, axis=axes, keepdims=keepdims))


def known_quantiles(x, q, axis, method, keepdims):
    """Return quantiles like ``quantiles``, NaNs left out."""
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    others = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, (*others, *axes)).reshape([int(np.prod([x.shape[a] for a in others])), -1])
    found = [quantiles(row[~np.isnan(row)], q, None, method, False) if not np.isnan(row).all()
             else np.full(np.shape(q), np.nan, x.dtype) for row in rows]
    return np.stack(found, axis=-1).reshape(np.shape(q) + reduced(x.shape, axis=axes, keepdims=keepdims))


@operation(shape=_shape)
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """y = the values below which the shares q of x lie, along axis"""
    # Keras 3.15's Quantile keeps a method, and computes "linear" whatever it is (keras/src/ops/numpy.py).
    return quantiles(cast(x, result_type(x, float)), tensor(q), axis, "linear", keepdims)


@operation(shape=_shape)
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """y = the values below which q of a hundred of x lie, along axis"""
    return quantiles(cast(x, result_type(x, float)), tensor(q, FLOATX) / np.float32(100), axis, method, keepdims)


@operation(shape=_shape)
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """y = the values below which the shares q of x lie, along axis, NaNs left out"""
    return known_quantiles(as_float(x), tensor(q, FLOATX), axis, method, keepdims)


@operation(shape=_shape)
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """y = the values below which q of a hundred of x lie, along axis, NaNs left out"""
    return known_quantiles(as_float(x), tensor(q, FLOATX) / np.float32(100), axis, method, keepdims)


@operation(shape=reduced)
def median(x, axis=None, keepdims=False):
    """y = the value in the middle along axis"""
    return quantiles(cast(x, result_type(x, float)), np.float32(0.5), axis, "linear", keepdims)


@operation(shape=reduced)
def nanmedian(x, axis=None, keepdims=False):
    """y = the value in the middle along axis, NaNs left out"""
    return x if axis_is_empty(axis) else known_quantiles(as_float(x), np.float32(0.5), axis, "linear", keepdims)


def axis_is_empty(axis):
    """Tell whether an axis argument names no axis at all."""
    return axes_of(axis) == ()
