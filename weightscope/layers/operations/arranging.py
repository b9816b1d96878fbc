"""``keras.ops.numpy``: arrays reshaped, turned, joined, cut, picked from and sorted."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.dtypes import cast, promoted, result_type, tensor, together
from weightscope.layers.operations.reductions import axes_of
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("numpy")


def _product(sizes):
    return None if None in sizes else int(np.prod(sizes, dtype=object))


# Shape alone.


def _reshaped(x, newshape):
    total = _product(shape_of(x))
    known = _product([size for size in newshape if size != -1])
    return tuple((None if total is None else total // known) if size == -1 else size for size in newshape)


@operation(shape=_reshaped)
def reshape(x, newshape):
    """y = x in newshape, the values in their order"""
    return np.reshape(x, newshape)


@operation(shape=lambda x: (_product(shape_of(x)),))
def ravel(x):
    """y = x in one row"""
    return np.ravel(x)


def _expanded(x, axis):
    axes = [axis] if isinstance(axis, int) else axis
    rank, sizes = len(shape_of(x)) + len(axes), iter(shape_of(x))
    new = {a % rank for a in axes}
    return tuple(1 if a in new else next(sizes) for a in range(rank))


@operation(shape=_expanded)
def expand_dims(x, axis):
    """y = x with an axis of size 1 at axis"""
    return np.reshape(x, _expanded(x.shape, axis))


def _squeezed(x, axis=None):
    shape = shape_of(x)
    gone = None if axis is None else {a % len(shape) for a in ([axis] if isinstance(axis, int) else axis)}
    return tuple(n for a, n in enumerate(shape) if (n != 1 if gone is None else a not in gone))


@operation(shape=_squeezed)
def squeeze(x, axis=None):
    """y = x without its axes of size 1"""
    return np.squeeze(x, axes_of(axis))


@operation(shape=lambda x, axes=None: tuple(shape_of(x)[a] for a in axes or range(len(shape_of(x)))[::-1]))
def transpose(x, axes=None):
    """y = x with its axes in the order of axes, or in reverse"""
    return np.transpose(x, axes or None)


@operation
def moveaxis(x, source, destination):
    """y = x with axis source moved to destination"""
    return np.moveaxis(x, source, destination)


@operation
def swapaxes(x, axis1, axis2):
    """y = x with two axes exchanged"""
    return np.swapaxes(x, axis1, axis2)


@operation(shape=lambda x, shape: tuple(shape))
def broadcast_to(x, shape):
    """y = x repeated to shape"""
    return np.broadcast_to(x, shape)


@operation
def view(x, dtype=None):
    """y = the bytes of x read as another dtype"""
    return x if dtype is None else np.ascontiguousarray(x).view(np.dtype(result_type(dtype)))


@operation(shape=lambda x: ())
def size(x):
    """y = the number of values"""
    return np.int32(x.size)


@operation(shape=lambda x: ())
def ndim(x):
    """y = the number of axes"""
    return np.int32(x.ndim)


# Turned.


@operation(shape=same)
def flip(x, axis=None):
    """y = x backwards along axis"""
    return np.flip(x, axes_of(axis))


@operation(shape=same)
def fliplr(x):
    """y = x backwards along axis 1"""
    return np.flip(x, 1)


@operation(shape=same)
def flipud(x):
    """y = x backwards along axis 0"""
    return np.flip(x, 0)


@operation(shape=same)
def roll(x, shift, axis=None):
    """y = x moved on by shift along axis, what leaves coming back at the other end"""
    return np.roll(x, shift, axes_of(axis))


@operation
def rot90(array, k=1, axes=(0, 1)):
    """y = array turned k times by 90 degrees in the plane of axes"""
    if k % 4 != 2:
        return np.rot90(array, k, axes)
    # Keras 3.15 reads the array that it has turned once as if it had not been (backend/tensorflow/numpy.py): where the
    # plane is no square, twice is not half a turn.
    planes = np.moveaxis(array, axes, (-2, -1))
    once = np.rot90(planes, 1, (-2, -1)).reshape(planes.shape)
    return np.moveaxis(np.rot90(once, 1, (-2, -1)).reshape(planes.shape), (-2, -1), axes)


@operation(shape=same)
def tril(x, k=0):
    """y = x, 0 above diagonal k"""
    return np.tril(x, k)


@operation(shape=same)
def triu(x, k=0):
    """y = x, 0 below diagonal k"""
    return np.triu(x, k)


# Joined.


def _joined(xs, axis=0):
    shapes = [shape_of(x) for x in xs]
    y, along = list(shapes[0]), [shape[axis] for shape in shapes]
    y = [next((shape[a] for shape in shapes if shape[a] is not None), None) for a in range(len(y))]
    y[axis] = None if None in along else sum(along)
    return tuple(y)


@operation(shape=_joined)
def concatenate(xs, axis=0):
    """y = the arrays behind each other along axis"""
    return np.concatenate(together(*xs), axis=axis)


@operation
def append(x1, x2, axis=None):
    """y = x1 and behind it x2, in one row or along axis"""
    x1, x2 = together(x1, x2)
    return np.append(x1, x2, axis)


def _stacked(x, axis=0):
    return _expanded(shape_of(x[0]), axis)[:axis % (len(shape_of(x[0])) + 1)] + (len(x),) + (
        shape_of(x[0])[axis % (len(shape_of(x[0])) + 1):])


@operation(shape=_stacked)
def stack(x, axis=0):
    """y = the arrays behind each other along a new axis"""
    return np.stack(promoted(*x), axis=axis)


@operation
def hstack(xs):
    """y = the arrays beside each other"""
    return np.hstack(promoted(*xs))


@operation
def vstack(xs):
    """y = the arrays behind each other along axis 0"""
    return np.concatenate(promoted(*xs), axis=0)


@operation
def dstack(xs):
    """y = the arrays behind each other along axis 2"""
    return np.dstack(together(*xs))


@operation
def meshgrid(*x, indexing="xy"):
    """y = for each x its values along an axis of its own, repeated along the others"""
    return np.meshgrid(*x, indexing=indexing)


def _tiled(x, repeats):
    repeats = [repeats] if isinstance(repeats, int) else list(repeats)
    rank = max(len(repeats), len(shape_of(x)))
    sizes = (1,) * (rank - len(shape_of(x))) + tuple(shape_of(x))
    times = [1] * (rank - len(repeats)) + repeats
    return tuple(None if n is None else n * time for n, time in zip(sizes, times))


@operation(shape=_tiled)
def tile(x, repeats):
    """y = copies of x beside each other, repeats of them along each axis"""
    return np.tile(x, repeats)


def _repeated(x, repeats, axis=None):
    shape = list(shape_of(x)) if axis is not None else [_product(shape_of(x))]
    axis = 0 if axis is None else axis
    length, repeats = shape[axis], np.ravel(repeats)
    times = repeats[0] * (length or 0) if repeats.size == 1 else repeats.sum()
    shape[axis] = None if length is None and repeats.size == 1 else int(times)
    return tuple(shape)


@operation(shape=_repeated)
def repeat(x, repeats, axis=None):
    """y = every value, or slice along axis, repeats times over"""
    return np.repeat(x, repeats, axis)


def _pad_pairs(pad_width, rank):
    pairs = [pad_width] if isinstance(pad_width, int) or isinstance(pad_width[0], int) else pad_width
    return np.broadcast_to([np.broadcast_to(pair, 2) for pair in pairs], (rank, 2)).tolist()


def _padded(x, constant_values=None, pad_width=0, mode="constant"):
    pairs = _pad_pairs(pad_width, len(shape_of(x)))
    return tuple(None if n is None else n + sum(pair) for n, pair in zip(shape_of(x), pairs))


@operation(shape=_padded)
def pad(x, constant_values=None, pad_width=0, mode="constant"):
    """y = x with pad_width more values around it: constant_values, or its own in a mirror"""
    if mode != "constant":
        return np.pad(x, _pad_pairs(pad_width, x.ndim), mode)
    value = x.dtype.type(0 if constant_values is None else constant_values)
    return np.pad(x, _pad_pairs(pad_width, x.ndim), constant_values=value)


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
def take(x, indices, axis=None):
    """y = the slices of x along axis that the indices name"""
    return np.take(x, _whole(indices), axis)


@operation
def take_along_axis(x, indices, axis=None):
    """y = the values of x that the indices name, line by line along axis"""
    return np.take_along_axis(x, _whole(indices), axis)


def _whole(indices):
    return cast(tensor(indices), "int64")


@operation
def select(condlist, choicelist, default=0):
    """y = the choice that belongs to the first condition that holds, else default"""
    dtype = np.result_type(*(tensor(choice) for choice in choicelist), default)  # NumPy's promotion, as in tf.numpy
    return np.select([cast(tensor(c), "bool") for c in condlist], [tensor(c) for c in choicelist], default).astype(dtype)


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


@operation(shape=lambda x, axis=-1: (_product(shape_of(x)),) if axis is None else shape_of(x))
def sort(x, axis=-1):
    """y = x in ascending order along axis"""
    return np.sort(x, axis)


@operation(shape=lambda x, axis=-1: (_product(shape_of(x)),) if axis is None else shape_of(x))
def argsort(x, axis=-1):
    """y = the places of x's values in ascending order along axis"""
    return np.argsort(x, axis, kind="stable").astype("int32")


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
    return np.searchsorted(sorted_sequence, values, side).astype("int32")


@operation(shape=lambda x, bins: shape_of(x))
def digitize(x, bins):
    """y = the number of bins' edges that are not above x"""
    return np.searchsorted(np.asarray(bins, "float32"), x, "right").astype("int32")
