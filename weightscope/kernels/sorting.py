"""Sorting as TensorFlow does it, NaNs included."""

import numpy as np

from weightscope.errors import NotReplayable

MOST_BY_INSERTION = 16  # values that C++'s std::sort sorts by insertion


def in_order(x, axis=-1):
    """Return ``x`` in ascending order along ``axis``, in one row for None; see ``places_in_order`` for NaNs."""
    if x.dtype.kind != "f" or not np.isnan(x).any():
        return np.sort(x, axis)
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    return np.take_along_axis(x, places_in_order(x, axis).astype("int64"), axis)


def places_in_order(x, axis=-1, wanted=None):
    """Return the places (int32) of the values of ``x`` in ascending order along ``axis``, in one row for None.

    Where a NaN is among few values, the order is that in which TensorFlow leaves them: compared with a NaN, the one
    that stands first goes first. ``wanted``: how many places are asked for, None for all. Raises NotReplayable where it
    is among more than 16 values, or only some are asked for: there, how C++ sorts would have to be known.
    """
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    places = np.argsort(x, axis, kind="stable").astype("int32")
    unknown = np.isnan(x).any(axis) if x.dtype.kind == "f" else np.False_
    if not unknown.any():
        return places
    length = x.shape[axis]
    if length > MOST_BY_INSERTION or (wanted or length) < length:
        raise NotReplayable("the order of values with a NaN among them follows from how C++ sorts")
    rows, places = np.moveaxis(x, axis, -1), np.moveaxis(places, axis, -1)
    for row in np.argwhere(unknown):
        places[tuple(row)] = _by_insertion(rows[tuple(row)].tolist())
    return np.moveaxis(places, -1, axis)


def _by_insertion(values):
    def before(one, other):
        return values[one] < values[other] or (not values[one] > values[other] and one < other)

    places = []
    for place in range(len(values)):
        at = len(places)
        if places and before(place, places[0]):
            at = 0  # as std::sort looks at the first before it goes backwards
        while at and before(place, places[at - 1]):
            at -= 1
        places.insert(at, place)
    return places
