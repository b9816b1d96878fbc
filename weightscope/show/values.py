"""The numbers in a weight: their statistics, and the numbers themselves as text."""

import itertools
import math
import sys

import numpy as np

from weightscope.show.wording import axes_of, sizes_text

SLICE = 1 << 20  # values held in float64 at a time
EDGE = 3  # how many values NumPy writes at each end of an axis
WRITTEN_OUT = 256  # up to so many values of one block are written in full


class Statistics:
    """What a weight's values are like: ``min``, ``max``, ``mean``, ``std`` of the finite ones, None without any.

    ``zeros``, ``nan``, ``infinite``: how many there are of each.
    """

    def __init__(self):
        self.min = self.max = self.mean = self.std = None
        self.zeros = self.nan = self.infinite = 0


@np.errstate(over="ignore", invalid="ignore")
def statistics(arrays):
    """Return the Statistics of the numbers in some arrays of any dtype, computed in float64 a slice at a time.

    ``std`` is that of the values themselves (divided by n), as ``numpy.std`` has it: squares of distances from the mean
    are added up as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm" (1979).
    """
    found, total, count, squares = Statistics(), 0.0, 0, 0.0
    for part in (part for array in arrays for part in _slices(array)):
        finite = part if _is_finite(part) else part[np.isfinite(part)] if part.dtype.kind == "f" else part[:0]
        if finite.size < part.size:
            found.nan += int(np.isnan(part).sum())
            found.infinite += int(np.isinf(part).sum())
        found.zeros += part.size - int(np.count_nonzero(part))
        if finite.size:
            low, high, here = float(finite.min()), float(finite.max()), float(finite.sum())
            found.min = low if found.min is None else min(found.min, low)
            found.max = high if found.max is None else max(found.max, high)
            squares += _squares(finite, here / finite.size)
            apart = here / finite.size - total / count if count else 0.0
            squares += apart * apart * count * finite.size / (count + finite.size)
            total, count = total + here, count + finite.size
    if count:
        found.mean, found.std = total / count, (squares / count) ** 0.5
    return found


def _squares(values, mean):
    apart = values - mean
    return float(np.dot(apart, apart))


def _is_finite(part):
    """Tell, without an array more, whether all are finite; of complex numbers, of which none is the largest: no."""
    return part.dtype.kind == "f" and math.isfinite(part.min()) and math.isfinite(part.max())


def _slices(array):
    flat = array.reshape(-1)
    for start in range(0, flat.size, SLICE):
        yield flat[start:start + SLICE].astype("complex128" if flat.dtype.kind == "c" else "float64")


def corners(weight):
    """Return the array of a Weight, of which only what ``array_text`` writes need be filled in.

    The rest of a large one is zeros that nobody looks at; they take no memory before somebody does.
    """
    stored, found = weight.stored, None
    if stored.size <= SLICE:
        return stored.read()
    blocks = [len(names) or 1 for _, _, names in axes_of(weight) or [("", 0, [])] * len(stored.shape)]
    all_is_written = math.prod(size // count for size, count in zip(stored.shape, blocks)) <= WRITTEN_OUT
    wanted = [np.arange(size) if all_is_written else _ends(size, count) for size, count in zip(stored.shape, blocks)]
    for start, piece in stored.pieces():
        if found is None:
            found = np.zeros(stored.shape, piece.dtype)
        inside = [at[(at >= low) & (at < low + size)] for at, low, size in zip(wanted, start, piece.shape)]
        found[np.ix_(*inside)] = piece[np.ix_(*(at - low for at, low in zip(inside, start)))]
    return found


def _ends(size, blocks):
    """Return the first and the last places along an axis of so many blocks, in each of them."""
    length = size // blocks
    ends = range(length) if length <= 2 * EDGE else [*range(EDGE), *range(length - EDGE, length)]
    return np.array([index * length + at for index in range(blocks) for at in ends], int)


def blocks_of_values(weight, array):
    """Yield ``(label, block)`` for an array: its named blocks, as ``[i] (3 in × 4 units)``, or the whole with ``""``.

    A GRU's bias (input|recurrent × z|r|h: units) comes in six blocks, from ``[input, z]`` to ``[recurrent, h]``.
    """
    axes = axes_of(weight)
    named = [(axis, word, blocks) for axis, (word, _, blocks) in enumerate(axes or []) if blocks]
    if not named:
        yield "", array
        return
    for chosen in itertools.product(*(range(len(blocks)) for _, _, blocks in named)):
        block, left = array, list(axes)
        for (axis, word, blocks), index in zip(named, chosen):
            size = array.shape[axis] // len(blocks)
            block = block[(*[slice(None)] * axis, slice(index * size, (index + 1) * size))]
            left[axis] = (word, size, [])
        slots = tuple(axis for axis, word, _ in named if not word)
        left = [entry for axis, entry in enumerate(left) if axis not in slots]
        names = ", ".join(blocks[index] for (_, _, blocks), index in zip(named, chosen))
        yield f"[{names}] {sizes_text(left)}", block.squeeze(slots)


def array_text(array, width):
    """Return an array as text: every value to its last digit if there are few, else the corners of it."""
    threshold = sys.maxsize if array.size <= WRITTEN_OUT else WRITTEN_OUT
    return np.array2string(array, threshold=threshold, max_line_width=width, floatmode="unique", separator=" ")
