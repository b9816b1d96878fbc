"""``keras.ops.numpy``: arrays made from a few numbers, and tables of what an array holds."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.dtypes import FLOATX, cast, known, result_type, tensor, together
from weightscope.layers.operations.table import broadcast_shapes, operations_of, same, shape_of

operation = operations_of("numpy")


@operation(shape=same)
def array(x, dtype=None):
    """y = x"""
    return tensor(x, dtype)


@operation(shape=lambda x, dtype=None: shape_of(x))
def zeros_like(x, dtype=None):
    """y = 0, in the shape of x"""
    return np.zeros(x.shape, known(dtype) if dtype else x.dtype)


operation(zeros_like, shape=lambda x, dtype=None: shape_of(x), name="empty_like")  # TensorFlow's are zeros


@operation(shape=lambda x, dtype=None: shape_of(x))
def ones_like(x, dtype=None):
    """y = 1, in the shape of x"""
    return np.ones(x.shape, known(dtype) if dtype else x.dtype)


@operation(shape=lambda x, fill_value, dtype=None: shape_of(x))
def full_like(x, fill_value, dtype=None):
    """y = fill_value, in the shape of x"""
    return np.broadcast_to(tensor(fill_value, result_type(dtype or x)), x.shape)


@operation(shape=lambda fill_value, shape, dtype=None: tuple(shape) if isinstance(shape, (list, tuple)) else (shape,))
def full(fill_value, shape, dtype=None):
    """y = fill_value, in shape"""
    return np.broadcast_to(tensor(fill_value, dtype or FLOATX), shape)


def _spaced_shape(start, stop, num=50, endpoint=True, dtype=None, axis=0, **_):
    shape = broadcast_shapes(shape_of(start), shape_of(stop))
    at = axis % (len(shape) + 1)
    return (*shape[:at], num, *shape[at:])


def _spaced(start, stop, num, endpoint, axis):
    start, stop = np.broadcast_arrays(start, stop)
    steps = np.arange(num, dtype=start.dtype).reshape(-1, *(1,) * start.ndim)
    step = (stop - start) / start.dtype.type(max(num - 1 if endpoint else num, 1))
    y = start + steps * step
    if endpoint and num > 1:
        y[-1] = stop
    return np.moveaxis(y, 0, axis), step if num > 1 else np.full_like(start, np.nan)


def _linspace_shape(*args, retstep=False, **settings):
    shape = _spaced_shape(*args, **settings)
    return [shape, broadcast_shapes(*map(shape_of, args))] if retstep else shape


@operation(shape=_linspace_shape)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """y = num values, equally far apart, from start to stop"""
    dtype = known(dtype) if dtype else result_type(start, stop, float)
    y, step = _spaced(tensor(start, dtype), tensor(stop, dtype), num, endpoint, axis)
    y = cast(np.floor(y) if "int" in dtype else y, dtype)
    return (y, step) if retstep else y


@operation(shape=_spaced_shape)
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """y = base to the power of num values, equally far apart, from start to stop"""
    exponents = linspace(start, stop, num, endpoint, False, dtype, axis)
    return np.power(exponents.dtype.type(base), exponents)


@operation(shape=_spaced_shape)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """y = num values from start to stop, each as many times the one before"""
    dtype = known(dtype) if dtype else FLOATX
    ends = [cast(np.abs(tensor(end)), dtype) for end in (start, stop)]
    y = logspace(*(np.log(end) / np.log(end.dtype.type(10)) for end in ends), num, endpoint, 10, dtype, axis)
    return y * cast(np.sign(tensor(start)), y.dtype)


@operation
def vander(x, N=None, increasing=False):  # noqa: N803  (Keras' word)
    """y[i, j] = x[i] to the power of N − 1 − j, or of j"""
    wide = cast(x, result_type(x, "float32"))
    return cast(np.vander(wide, N, increasing), result_type(x))


# What an array holds.


def _bincount_shape(x, weights=None, minlength=0, sparse=False):
    return (*shape_of(x)[:-1], None)


@operation(shape=_bincount_shape)
def bincount(x, weights=None, minlength=0, sparse=False):
    """y[…, n] = how often x is n, or Σ of the weights where it is"""
    if sparse:
        raise NotReplayable("a sparse bincount is not replayed")
    dtype = "int32" if weights is None else result_type(x, tensor(weights))
    rows = cast(x, "int64").reshape(-1, x.shape[-1])
    weights = np.ones(rows.shape) if weights is None else np.broadcast_to(tensor(weights), x.shape).reshape(rows.shape)
    length = max(minlength, int(rows.max(initial=-1)) + 1)
    found = [np.bincount(row, weight, length) for row, weight in zip(rows, weights)]
    return np.asarray(found).astype(dtype).reshape(*x.shape[:-1], length)


@operation(shape=lambda x, bins=10, range=None: [(bins,), (bins + 1,)])
def histogram(x, bins=10, range=None):
    """y = how many values of x lie in each of bins equal intervals, and their edges"""
    low, high = (x.min(), x.max()) if range is None else map(x.dtype.type, range)
    x = x[(x >= low) & (x <= high)]
    edges = _spaced(np.asarray(low), np.asarray(high), bins + 1, True, 0)[0].astype(x.dtype)
    return np.bincount(np.searchsorted(edges[1:-1], x, "right"), minlength=bins).astype(x.dtype), edges


@operation(shape=lambda x1, x2, **_: shape_of(x1))
def is_in(x1, x2, assume_unique=False, invert=False):
    """y = whether x1 is one of x2"""
    return np.isin(*together(x1, x2), invert=invert)


def _unique_shape(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None,
                  fill_value=None):  # fmt: skip
    shape = shape_of(x)
    y = (size,) if axis is None else tuple(size if a == axis % len(shape) else n for a, n in enumerate(shape))
    whole = shape if axis is None else (shape[axis],)
    found = [y, *(shape for shape, asked in (((size,), return_index), (whole, return_inverse), ((size,), return_counts))
                  if asked)]
    return found if len(found) > 1 else y


@operation(shape=_unique_shape)
def unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None,
           fill_value=None):  # fmt: skip
    """y = the values of x, or its slices along axis, each once; and where they are, and how many"""
    y, first, inverse, counts = np.unique(x, True, True, True, axis)
    order = np.arange(len(first)) if sorted else np.argsort(first)
    inverse = np.argsort(order)[np.ravel(inverse)].astype("int32")
    y = _of_size(np.take(y, order, axis or 0), size, axis or 0, 0 if fill_value is None else fill_value)
    # Keras fills the places with 1, not with the first place (backend/tensorflow/numpy.py).
    first, counts = (_of_size(a[order].astype("int32"), size, 0, fill) for a, fill in ((first, 1), (counts, 0)))
    inverse = inverse.reshape(x.shape) if axis is None else inverse
    wanted = ((first, return_index), (inverse, return_inverse), (counts, return_counts))
    found = [y, *(value for value, asked in wanted if asked)]
    return found if len(found) > 1 else y


def _of_size(x, size, axis, fill):
    if size is None:
        return x
    x = np.take(x, range(min(size, x.shape[axis])), axis)
    return np.pad(x, [(0, size - n if a == axis else 0) for a, n in enumerate(x.shape)], constant_values=fill)
