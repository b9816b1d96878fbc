"""``keras.ops.numpy``, along axes: sums, extremes, means, running sums, quantiles, and where the extremes are.

Dtypes and oddities are those of ``keras/src/backend/tensorflow/numpy.py``.
"""

import numpy as np

from weightscope.layers.operations.dtypes import FLOATX, cast, is_whole, result_type, tensor, together, widened
from weightscope.layers.operations.elementwise import nan_to_num
from weightscope.layers.operations.table import operations_of, shape_of

operation = operations_of("numpy")


def axes_of(axis):
    """Return an axis argument as NumPy takes it: None, an integer or a tuple."""
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def reduced(x, *_, axis=None, keepdims=False, **__):
    """The shape rule of what makes one value of all along ``axis``."""
    shape = shape_of(x)
    chosen = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    chosen = {a % len(shape) for a in chosen}
    return tuple(1 if a in chosen else n for a, n in enumerate(shape) if keepdims or a not in chosen)


reduction = lambda function: operation(function, shape=reduced)  # noqa: E731


@reduction
def all_(x, axis=None, keepdims=False):
    """y = whether all values along axis are true"""
    return np.all(cast(tensor(x), "bool"), axis=axes_of(axis), keepdims=keepdims)


@reduction
def any_(x, axis=None, keepdims=False):
    """y = whether any value along axis is true"""
    return np.any(cast(tensor(x), "bool"), axis=axes_of(axis), keepdims=keepdims)


@reduction
def sum_(x, axis=None, keepdims=False):
    """y = Σ x along axis"""
    x = widened(x)
    return np.sum(x, axis=axes_of(axis), keepdims=keepdims, dtype=x.dtype)


@reduction
def prod(x, axis=None, keepdims=False, dtype=None):
    """y = Π x along axis"""
    x = widened(x) if dtype is None else x  # with a dtype given, Keras casts nothing at all
    return np.prod(x, axis=axes_of(axis), keepdims=keepdims, dtype=x.dtype)


@reduction
def max_(x, axis=None, keepdims=False, initial=None):
    """y = max(x) along axis, and no less than initial"""
    y = np.max(x, axis=axes_of(axis), keepdims=keepdims)
    return y if initial is None else np.maximum(y, x.dtype.type(initial))


@reduction
def min_(x, axis=None, keepdims=False, initial=None):
    """y = min(x) along axis, and no more than initial"""
    y = np.min(x, axis=axes_of(axis), keepdims=keepdims)
    return y if initial is None else np.minimum(y, x.dtype.type(initial))


operation(max_, shape=reduced, name="amax")
operation(min_, shape=reduced, name="amin")


@reduction
def ptp(x, axis=None, keepdims=False):
    """y = max(x) − min(x) along axis"""
    return max_(x, axis, keepdims) - min_(x, axis, keepdims)


@reduction
def mean(x, axis=None, keepdims=False):
    """y = Σ x / n along axis"""
    wide = result_type(x, "float32")
    y = np.mean(cast(x, wide), axis=axes_of(axis), keepdims=keepdims)
    return np.asarray(y, wide if is_whole(x) else x.dtype)


@reduction
def var(x, axis=None, keepdims=False):
    """y = Σ (x − mean(x))² / n along axis"""
    y = np.var(cast(x, result_type(x, "float32")), axis=axes_of(axis), keepdims=keepdims)
    return np.asarray(y, result_type(x, float))


@reduction
def std(x, axis=None, keepdims=False):
    """y = √(Σ (x − mean(x))² / n) along axis"""
    x = cast(x, FLOATX) if is_whole(x) else x
    return np.asarray(np.std(cast(x, result_type(x, "float32")), axis=axes_of(axis), keepdims=keepdims), x.dtype)


@operation(shape=lambda x, weights=None, axis=None: reduced(x, axis=axis))
def average(x, weights=None, axis=None):
    """y = Σ weights · x / Σ weights along axis"""
    if weights is None:
        return np.mean(cast(x, result_type(x, float)), axis=axes_of(axis))
    x, weights = together(x, weights, also=(float,))
    if axis is None or x.ndim == weights.ndim:
        return np.sum(x * weights, axis=axes_of(axis)) / np.sum(weights, axis=axes_of(axis))
    return np.tensordot(x, weights, ([axis], [0])) / np.sum(weights)


@operation(shape=lambda x, axis=None: reduced(x, axis=axis))
def count_nonzero(x, axis=None):
    """y = how many values along axis are not 0"""
    return np.asarray(np.count_nonzero(x, axis=axes_of(axis)), "int32")


# Where the extremes are.


def _signed_zeros(x):
    # As in Keras, −0 comes before 0.
    x = cast(x, result_type(x, "float32")) if x.dtype.kind == "f" else x
    return np.where((x == 0) & np.signbit(x), -np.finfo(x.dtype).tiny, x) if x.dtype.kind == "f" else x


def _index(find, x, axis, keepdims):
    return np.asarray(find(_signed_zeros(x), axis=axis, keepdims=keepdims), "int32")


@reduction
def argmax(x, axis=None, keepdims=False):
    """y = the place of the first maximum along axis, NaNs passed over"""
    return _index(np.argmax, known(x, -np.inf), axis, keepdims)


@reduction
def argmin(x, axis=None, keepdims=False):
    """y = the place of the first minimum along axis, NaNs passed over"""
    return _index(np.argmin, known(x, np.inf), axis, keepdims)


def _index_of_known(find, x, axis, keepdims, instead):
    if x.dtype.kind != "f":
        return _index(find, x, axis, keepdims)
    unknown = np.isnan(x)
    found = _index(find, np.where(unknown, x.dtype.type(instead), x), axis, keepdims)
    return np.where(np.all(unknown, axis=axis, keepdims=keepdims), np.int32(-1), found)


@reduction
def nanargmax(x, axis=None, keepdims=False):
    """y = the place of the first maximum along axis, NaNs left out; −1 where there are only NaNs"""
    return _index_of_known(np.argmax, x, axis, keepdims, -np.inf)


@reduction
def nanargmin(x, axis=None, keepdims=False):
    """y = the place of the first minimum along axis, NaNs left out; −1 where there are only NaNs"""
    return _index_of_known(np.argmin, x, axis, keepdims, np.inf)


# The same without NaNs.


def known(x, instead):
    """Return ``x`` with ``instead`` in the place of each NaN."""
    return np.where(np.isnan(x), x.dtype.type(instead), x) if x.dtype.kind == "f" else x


def _or_nan(y, x, axis, keepdims):
    return np.where(np.all(np.isnan(x), axis=axes_of(axis), keepdims=keepdims), y.dtype.type(np.nan), y)


@reduction
def nansum(x, axis=None, keepdims=False):
    """y = Σ x along axis, NaNs left out"""
    return sum_(known(x, 0), axis, keepdims)


@reduction
def nanprod(x, axis=None, keepdims=False):
    """y = Π x along axis, NaNs left out"""
    return prod(known(x, 1), axis, keepdims)


@reduction
def nanmax(x, axis=None, keepdims=False):
    """y = max(x) along axis, NaNs left out"""
    y = max_(known(x, -np.inf), axis, keepdims)
    return _or_nan(y, x, axis, keepdims) if x.dtype.kind == "f" else y


@reduction
def nanmin(x, axis=None, keepdims=False):
    """y = min(x) along axis, NaNs left out"""
    y = min_(known(x, np.inf), axis, keepdims)
    return _or_nan(y, x, axis, keepdims) if x.dtype.kind == "f" else y


@reduction
def nanmean(x, axis=None, keepdims=False):
    """y = Σ x / n along axis, NaNs left out"""
    if axis in ((), []):
        return x
    if x.dtype.kind != "f":
        return np.mean(cast(x, FLOATX), axis=axes_of(axis), keepdims=keepdims)
    count = np.sum(~np.isnan(x), axis=axes_of(axis), keepdims=keepdims)
    return nansum(x, axis, keepdims) / np.asarray(count, x.dtype)


@reduction
def nanvar(x, axis=None, keepdims=False):
    """y = Σ (x − mean(x))² / n along axis, NaNs left out"""
    x = cast(x, result_type(x, float))
    squares = np.where(np.isnan(x), x.dtype.type(0), np.square(x - nanmean(x, axis, True)))
    count = np.sum(~np.isnan(x), axis=axes_of(axis), keepdims=keepdims)
    return np.sum(squares, axis=axes_of(axis), keepdims=keepdims) / np.asarray(count, x.dtype)


@reduction
def nanstd(x, axis=None, keepdims=False):
    """y = √nanvar(x)"""
    return np.sqrt(nanvar(x, axis, keepdims))


# Running.


def _running_shape(x, axis=None, dtype=None):
    shape = shape_of(x)
    return shape if axis is not None else (None if None in shape else int(np.prod(shape)),)


def _running(function, x, axis, dtype):
    x = x if dtype is None else cast(x, dtype)
    x = cast(x, "int32") if x.dtype == bool else x
    return function(x, axis=axis, dtype=x.dtype)


@operation(shape=_running_shape)
def cumsum(x, axis=None, dtype=None):
    """y[i] = x[0] + … + x[i] along axis"""
    return _running(np.cumsum, x, axis, dtype)


@operation(shape=_running_shape)
def cumprod(x, axis=None, dtype=None):
    """y[i] = x[0] · … · x[i] along axis"""
    return _running(np.cumprod, x, axis, dtype)


@operation(shape=_running_shape)
def nancumsum(x, axis=None, dtype=None):
    """y[i] = x[0] + … + x[i] along axis, NaNs as 0"""
    return cumsum(nan_to_num(x), axis, dtype)


@operation(shape=_running_shape)
def nancumprod(x, axis=None, dtype=None):
    """y[i] = x[0] · … · x[i] along axis, NaNs as 1"""
    return cumprod(nan_to_num(x, nan=1.0), axis, dtype)


@operation
def diff(a, n=1, axis=-1):
    """y[i] = a[i + 1] − a[i] along axis, n times over"""
    return np.diff(a, n=min(n, a.shape[axis]), axis=axis)  # nothing is left after as many steps


@operation(shape=lambda y, x=None, dx=1.0, axis=-1: reduced(y, axis=axis))
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """the integral of y along axis by trapezoids, dx wide or as far apart as x says"""
    y = np.moveaxis(cast(y, result_type(y, float)), axis, -1)
    wide = y.dtype.type(dx) if x is None else np.diff(tensor(x, y.dtype))
    return np.sum(y.dtype.type(0.5) * (y[..., 1:] + y[..., :-1]) * wide, axis=-1)
