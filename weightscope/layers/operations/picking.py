"""``keras.ops.numpy``: arrays cut, picked from and sorted."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.sorting import in_order, places_in_order
from weightscope.layers.operations.arranging import product
from weightscope.layers.operations.dtypes import cast, tensor
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("numpy")


# Cut.


@operation
def split(x, indices_or_sections, axis=0):
    """y = equal parts of x along axis, or parts that begin at the indices"""
    return np.split(x, indices_or_sections, axis)


@operation
def array_split(x, indices_or_sections, axis=0):
    """y = nearly equal parts of x along axis, the longer ones first"""
    return np.array_split(x, indices_or_sections, axis)


@operation
def hsplit(x, indices_or_sections):
    """y = parts of x along axis 1, or along the only one"""
    return np.split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@operation
def vsplit(x, indices_or_sections):
    """y = parts of x along axis 0"""
    return np.split(x, indices_or_sections, 0)


@operation
def dsplit(x, indices_or_sections):
    """y = parts of x along axis 2"""
    return np.split(x, indices_or_sections, 2)


@operation
def get_item(x, key):
    """y = x[key]"""
    return x[tuple(key) if isinstance(key, list) else key]


@operation
def diagonal(x, offset=0, axis1=0, axis2=1):
    """y = the diagonal of x in the plane of two axes"""
    return np.diagonal(x, offset, axis1, axis2)


@operation
def diag(x, k=0):
    """y = the diagonal k of a matrix, or the matrix that has x on it"""
    return np.diag(x, k)


@operation
def diagflat(x, k=0):
    """y = the matrix that has the values of x on diagonal k"""
    return np.diagflat(x, k)


# Picked.


@operation
def take(x, indices, axis=None, mode="raise"):
    """y = the slices of x along axis that the indices name"""
    return np.take(x, _whole(indices), axis, mode=mode)


@operation
def take_along_axis(x, indices, axis=None):
    """y = the values of x that the indices name, line by line along axis"""
    return np.take_along_axis(x, _whole(indices), axis)


def _whole(indices):
    return cast(tensor(indices), "int64")


@operation
def select(condlist, choicelist, default=0):
    """y = the choice that belongs to the first condition that holds, else default"""
    conditions, choices = [cast(tensor(c), "bool") for c in condlist], [tensor(c) for c in choicelist]
    dtype = np.result_type(*choices, default)  # NumPy's promotion, as in tf.experimental.numpy
    return np.select(conditions, choices, default).astype(dtype)


@operation(shape=lambda x: [(None,)] * len(shape_of(x)))
def nonzero(x):
    """y = for each axis the places of the values that are not 0"""
    return [found.astype("int32") for found in np.nonzero(x)]


@operation
def unravel_index(indices, shape):
    """y = for each axis of shape the place that the indices in one row stand for"""
    # Keras 3.15 counts from the wrong end where indices has more or less than one axis (backend/tensorflow/numpy.py).
    sizes = reversed(shape) if indices.ndim == 1 else shape
    places = []
    for length in sizes:
        places.append((indices % length).astype(indices.dtype))
        indices = indices // length
    return places[::-1]


# Sorted.


@operation(shape=lambda x, axis=-1: (product(shape_of(x)),) if axis is None else shape_of(x))
def sort(x, axis=-1):
    """y = x in ascending order along axis"""
    return in_order(x, axis)


@operation(shape=lambda x, axis=-1: (product(shape_of(x)),) if axis is None else shape_of(x))
def argsort(x, axis=-1):
    """y = the places of x's values in ascending order along axis"""
    return places_in_order(x, axis)


@operation(shape=same)
def argpartition(x, kth, axis=-1):
    """y = the places of the kth + 1 smallest values, then those of the others"""
    if x.ndim != 1:
        raise NotReplayable("argpartition of more than one axis is not replayed: Keras mixes the rows up")
    x = cast(x, "int32")  # as Keras does, whatever x is
    kth = min(max(kth, 0), len(x) - 1)
    smallest = np.argsort(x, kind="stable")[:kth + 1]
    others = x.copy()
    others[smallest] = 0  # Keras takes the others from what is left after this, largest first
    return np.concatenate([smallest, np.argsort(-others, kind="stable")[:len(x) - kth - 1]]).astype("int32")


@operation(shape=lambda sorted_sequence, values, side="left": shape_of(values))
def search_sorted(sorted_sequence, values, side="left"):
    """y = the places in sorted_sequence at which the values keep it sorted"""
    found = np.searchsorted(sorted_sequence, values, side).astype("int32")
    unknown = np.isnan(values) if values.dtype.kind == "f" else False  # a NaN is not greater, and not less, than any
    return np.where(unknown, np.int32(0 if side == "left" else len(sorted_sequence)), found)


@operation(shape=lambda x, bins: shape_of(x))
def digitize(x, bins):
    """y = the number of bins' edges that are not above x"""
    return np.searchsorted(np.asarray(bins, "float32"), x, "right").astype("int32")
