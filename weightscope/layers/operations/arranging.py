"""``keras.ops.numpy``: arrays reshaped, turned and joined."""

import numpy as np

from weightscope.layers.operations.dtypes import promoted, result_type, together
from weightscope.layers.operations.reductions import axes_of
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("numpy")


def product(sizes):
    """Return the product of sizes, None where one of them is unknown."""
    return None if None in sizes else int(np.prod(sizes, dtype=object))


# Shape alone.


def _reshaped(x, newshape):
    total = product(shape_of(x))
    known = product([size for size in newshape if size != -1])
    return tuple((None if total is None else total // known) if size == -1 else size for size in newshape)


@operation(shape=_reshaped)
def reshape(x, newshape):
    """y = x in newshape, the values in their order"""
    return np.reshape(x, newshape)


@operation(shape=lambda x: (product(shape_of(x)),))
def ravel(x):
    """y = x in one row"""
    return np.ravel(x)


def _expanded(x, axis):
    axes = [axis] if isinstance(axis, int) else axis
    rank, sizes = len(shape_of(x)) + len(axes), iter(shape_of(x))
    new = {a % rank for a in axes if -rank <= a < rank}
    if len(new) != len(axes):
        raise ValueError(f"axes {axes} are not {len(axes)} of {rank}")
    return tuple(1 if a in new else next(sizes, None) for a in range(rank))


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
def column_stack(xs):
    """y = the arrays beside each other along axis 1, one of a single axis as a column"""
    return np.concatenate([x[:, None] if x.ndim == 1 else x for x in promoted(*xs)], axis=1)


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
    shape = list(shape_of(x)) if axis is not None else [product(shape_of(x))]
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
