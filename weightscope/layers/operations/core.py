"""``keras.ops.core`` and ``keras.ops.einops``: casts, slices, scattered values, and rearranged axes."""

import re

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.dtypes import cast as cast_to
from weightscope.layers.operations.dtypes import known, tensor
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("core")


@operation(shape=same)
def cast(x, dtype):
    """y = x as dtype"""
    return cast_to(x, dtype)


@operation(shape=same)
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """y = x, as dtype if one is given"""
    return tensor(x, dtype)


def _limits(dtype):
    dtype = np.dtype(known(dtype))
    if dtype.kind == "b":
        return False, True
    found = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return found.min, found.max


@operation(shape=same)
def saturate_cast(x, dtype):
    """y = x as dtype, what is beyond its limits held at them"""
    low, high = (np.asarray(limit, x.dtype) for limit in _held(x.dtype.name, dtype))
    return cast_to(np.maximum(np.minimum(x, high), low), dtype)


def _held(given, wanted):
    """Return the limits of both dtypes as the given one can hold them (``_saturate_cast``, keras/src/ops/core.py)."""
    (low, high), (lowest, highest) = _limits(given), _limits(wanted)
    kind = np.dtype(given).type
    low, high = kind(max(low, lowest)), kind(min(high, highest))
    return np.nextafter(low, kind(0)) if low < lowest else low, np.nextafter(high, kind(0)) if high > highest else high


@operation(shape=same)
def stop_gradient(variable):
    """y = x"""
    return variable.copy()


@operation
def unstack(x, num=None, axis=0):
    """y = the slices of x along axis, one by one"""
    return [np.take(x, i, axis) for i in range(x.shape[axis])]


# Slices and scattered values.


def _starts(start_indices, rank):
    starts = [int(start) for start in np.ravel(start_indices)]
    if len(starts) != rank:
        raise NotReplayable(f"{len(starts)} starts do not fit {rank} axes")
    return starts


@operation(shape=lambda inputs, start_indices, shape: tuple(
    n if size == -1 else size for size, n in zip(shape, shape_of(inputs))))
def slice_(inputs, start_indices, shape):
    """y = the part of inputs that begins at start_indices and has shape"""
    starts = _starts(start_indices, inputs.ndim)
    ends = [None if size == -1 else start + size for start, size in zip(starts, shape)]
    y = inputs[tuple(map(slice, starts, ends))]
    if any(size not in (-1, n) for size, n in zip(shape, y.shape)):
        raise NotReplayable("a slice reaches beyond its array")
    return y


@operation(shape=same)
def slice_update(inputs, start_indices, updates):
    """y = inputs, with updates in the place that begins at start_indices"""
    starts = _starts(start_indices, inputs.ndim)
    # As XLA does, a start is moved back until the updates fit.
    starts = [min(max(start, 0), n - m) for start, n, m in zip(starts, inputs.shape, updates.shape)]
    y = inputs.copy()
    y[tuple(slice(start, start + m) for start, m in zip(starts, updates.shape))] = updates
    return y


_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _scattered(y, indices, updates, combine):
    places = tuple(np.moveaxis(tensor(indices), -1, 0))
    combine.at(y, places, tensor(updates, y.dtype))
    return y


@operation(shape=lambda indices, values, shape: tuple(shape))
def scatter(indices, values, shape):
    """y = 0, with the values added at the places that indices name"""
    return _scattered(np.zeros(shape, values.dtype), indices, values, np.add)


@operation(shape=same)
def scatter_update(inputs, indices, updates, reduction=None):
    """y = inputs, with updates put, added, multiplied or compared at the places that indices name"""
    y = inputs.copy()
    if reduction is not None:
        return _scattered(y, indices, updates, _COMBINE[reduction])
    y[tuple(np.moveaxis(tensor(indices), -1, 0))] = updates
    return y


# einops.


def _groups(side):
    return [group.strip("()").split() for group in re.findall(r"\([^)]*\)|\w+", side)]


def _sizes(shape, groups, lengths):
    sizes = dict(lengths)
    for group, n in zip(groups, shape, strict=True):
        known_sizes = [sizes[name] for name in group if name in sizes]
        for name in group:
            if name not in sizes:
                sizes[name] = None if n is None else n // int(np.prod(known_sizes, dtype=int))
    return sizes


def _rearranged(tensor, pattern, **axes_lengths):
    before, after = (_groups(side) for side in pattern.split("->"))
    sizes = _sizes(shape_of(tensor), before, axes_lengths)
    found = [[sizes[name] for name in group] for group in after]
    return tuple(None if None in group else int(np.prod(group, dtype=int)) for group in found)


@operations_of("einops")(shape=_rearranged)
def rearrange(tensor, pattern, **axes_lengths):
    """y = the axes of x split, turned and joined as the pattern says"""
    before, after = (_groups(side) for side in pattern.split("->"))
    sizes = _sizes(tensor.shape, before, axes_lengths)
    names = [name for group in before for name in group]
    split = tensor.reshape([sizes[name] for name in names])
    turned = split.transpose([names.index(name) for group in after for name in group])
    return turned.reshape(_rearranged(tensor.shape, pattern, **axes_lengths))
