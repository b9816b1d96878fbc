"""Recorded values in another shape than the layer's: flat, or with the axes in another order, which the values tell."""

from itertools import permutations

import numpy as np

NEAR = 1e-2  # of the largest value: values so near are the same ones, in the right order
MOST_AXES = 5
_ORDERS = {(0, 2, 1): "channels first", (0, 3, 1, 2): "channels first", (0, 4, 1, 2, 3): "channels first",
           (1, 0, 2): "steps first"}


def fitted(theirs, ours):
    """Return a recorded array in the shape of ours, and words on how it was read, "" where nothing is to be said.

    An array with as many values is taken in the order of axes in which its values come nearest to ours, in their own
    order where none comes near; None takes the place of one with more or fewer values.
    """
    if theirs.shape == ours.shape:
        return theirs, ""
    told = f"recorded as {theirs.shape}"
    if theirs.size != ours.size or ours.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        return None, f"{told}, where the layer gives {ours.shape}: no order of axes makes one of the other"
    ways = [order for order in _orders(ours.ndim) if _has_shape(theirs, [ours.shape[axis] for axis in order])]
    found = {order: _in_order(theirs, ours.shape, order) for order in ways}
    best = min(found, key=lambda order: _distance(found[order], ours), default=None)
    plain = tuple(range(ours.ndim))
    if best is None or (plain in found and not _distance(found[best], ours) < NEAR):
        best = plain
    order = "" if best == plain else f", {_ORDERS.get(best, f'axes in the order {best}')}"
    says_nothing = theirs.ndim == 1 and best == plain  # numbers in a row have no shape to begin with
    return _in_order(theirs, ours.shape, best), "" if says_nothing else f"{told}{order}: read as {ours.shape}"


def _orders(axes):
    return permutations(range(axes)) if axes <= MOST_AXES else [tuple(range(axes))]


def _has_shape(theirs, shape):
    """Tell whether an array has a shape, axes of one value aside; a flat one, or one flat for each sample, has any."""
    flat = [n for n in theirs.shape if n != 1]
    asked = [n for n in shape if n != 1]
    return flat == asked or len(flat) <= 1 or (len(theirs.shape) == 2 and theirs.shape[0] == shape[0])


def _in_order(theirs, shape, order):
    turned = theirs.reshape([shape[axis] for axis in order])
    return turned.transpose(np.argsort(order))


def _distance(theirs, ours):
    """Return the largest difference, as a share of the largest value: infinity where one of them is not finite."""
    with np.errstate(all="ignore"):
        apart = np.abs(theirs.astype("float64") - ours).max(initial=0)
    largest = np.abs(ours).max(initial=0)
    found = float(apart / largest) if largest else float(apart)
    return found if np.isfinite(found) else np.inf
