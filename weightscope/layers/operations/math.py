"""``keras.ops.math``: segments, the largest values, error functions, distances, and complex numbers by their parts."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.sorting import places_in_order
from weightscope.kernels.special import erf as erf_of
from weightscope.kernels.special import erf_double, erfc_beyond, gamma_below
from weightscope.layers.operations.dtypes import cast, result_type, tensor
from weightscope.layers.operations.reductions import axes_of, reduced
from weightscope.layers.operations.table import broadcast, operations_of, same, shape_of

operation = operations_of("math")


# Segments.


def _segment_shape(data, segment_ids, num_segments=None, sorted=False):
    return num_segments, *shape_of(data)[1:]


def _lowest(dtype):
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype):
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


def _segmented(data, segment_ids, num_segments, combine, empty):
    """Return ``combine`` of the rows of each segment; ``empty`` where there are none; ids below 0 are left out."""
    ids = segment_ids.astype("int64")
    if num_segments is None:
        num_segments = int(ids.max(initial=-1)) + 1
    kept = ids >= 0
    if np.any(ids[kept] >= num_segments):
        raise NotReplayable("a segment's number lies beyond num_segments")
    y = np.full((num_segments, *data.shape[1:]), empty, data.dtype)
    combine.at(y, ids[kept], data[kept])
    return y


@operation(shape=_segment_shape)
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = Σ of the rows of data whose segment is s"""
    if num_segments is None and not sorted:
        num_segments = len(np.unique(segment_ids))  # as Keras counts them, for sums alone
    return _segmented(data, segment_ids, num_segments, np.add, 0)


@operation(shape=_segment_shape)
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = Π of the rows of data whose segment is s"""
    return _segmented(data, segment_ids, num_segments, np.multiply, 1)


@operation(shape=_segment_shape)
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = max of the rows of data whose segment is s"""
    empty = 0 if sorted else _lowest(data.dtype)  # where there is no row, TensorFlow's two functions differ
    return _segment_extreme(data, segment_ids, num_segments, np.maximum, _lowest(data.dtype), empty)


@operation(shape=_segment_shape)
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = min of the rows of data whose segment is s"""
    empty = 0 if sorted else _highest(data.dtype)
    return _segment_extreme(data, segment_ids, num_segments, np.minimum, _highest(data.dtype), empty)


def _segment_extreme(data, segment_ids, num_segments, combine, start, empty):
    y = _segmented(data, segment_ids, num_segments, combine, start)
    y[~np.isin(np.arange(len(y)), segment_ids)] = empty
    return y


# The largest values.


@operation(shape=lambda x, k, sorted=True: [(*shape_of(x)[:-1], k)] * 2)
def top_k(x, k, sorted=True):
    """y = the k largest values along the last axis, and their places"""
    places = places_in_order(_descending(x), -1, k)[..., :k]
    return np.take_along_axis(x, places, axis=-1), places


def _descending(x):
    return np.invert(x) if x.dtype.kind in "biu" else -x


@operation(shape=lambda targets, predictions, k: shape_of(targets))
def in_top_k(targets, predictions, k):
    """y = whether the prediction for the target is among the k largest"""
    own = np.take_along_axis(predictions, targets.astype("int64")[:, None], axis=-1)
    return (np.sum(predictions > own, axis=-1) < k) & np.isfinite(predictions).all(axis=-1)


@operation(shape=reduced)
def logsumexp(x, axis=None, keepdims=False):
    """y = log Σ exp(x) along axis"""
    axis = axes_of(axis)
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, tuple(range(x.ndim)) if axis is None else axis)


# Functions of one array.


@operation(shape=same)
def rsqrt(x):
    """y = 1 / √x"""
    return x.dtype.type(1) / np.sqrt(x)


operation(erf_of, shape=same, name="erf")


def _erfc_double(x):
    # Beyond 1 the difference would lose its digits: there 1 − erf is computed as such.
    far = np.minimum(np.abs(x), 27.5)
    beyond = erfc_beyond(np.maximum(far, 1.25))
    return np.where(np.abs(x) < 1.25, 1 - erf_double(x), np.where(x > 0, beyond, 2 - beyond))


@operation(shape=same)
def erfc(x):
    """y = 1 − erf(x)"""
    return np.where(np.isnan(x), x, cast(_erfc_double(cast(x, "float64")), x.dtype))


@operation(shape=same)
def erfinv(x):
    """y = the number whose erf is x"""
    wide = np.abs(cast(x, "float64"))
    rest = np.log((1 - wide) * (1 + wide))
    # Winitzki's approximation, to two digits (https://en.wikipedia.org/wiki/Error_function#Numerical_approximations);
    # Newton's steps double them, but not at once where erf is flat.
    half = 2 / (np.pi * 0.147) + rest / 2
    y = np.sqrt(np.maximum(np.sqrt(np.maximum(half * half - rest / 0.147, 0)) - half, 0))
    for _ in range(9):
        step = ((1 - wide) - _erfc_double(y)) / (2 / np.sqrt(np.pi) * np.exp(-y * y))
        y = y - step
    y = np.where(wide == 1, np.inf, np.where(wide > 1, np.nan, y))
    return cast(np.copysign(y, x), x.dtype)


@operation(shape=lambda x: shape_of(x)[:-2])
def logdet(x):
    """y = log(det(x)) of positive definite matrices"""
    return 2 * np.sum(np.log(np.diagonal(np.linalg.cholesky(x), axis1=-2, axis2=-1)), axis=-1)


@operation
def cdist(x, y):
    """y[…, i, j] = the distance √Σ (x[i] − y[j])²"""
    x, y = tensor(x), tensor(y)
    return np.sqrt(np.sum(np.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


# Complex numbers.


@operation(shape=lambda x: shape_of(x)[:-1])
def view_as_complex(x):
    """y = x[…, 0] + i x[…, 1]"""
    return x[..., 0] + 1j * x[..., 1]


@operation(shape=lambda x: (*shape_of(x), 2))
def view_as_real(x):
    """y = the real and the imaginary part of x, side by side"""
    return np.stack([x.real, x.imag], axis=-1)


@operation(shape=broadcast)
def gammainc(x1, x2):
    """y = the share of the gamma function of x1 that lies below x2"""
    dtype = result_type(x1, x2, float)
    x1, x2 = (tensor(x, dtype).astype("float64") for x in (x1, x2))
    return cast(gamma_below(x1, x2), dtype)
