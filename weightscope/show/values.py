"""The numbers in a weight: their statistics, and the numbers themselves as text."""

import itertools
import sys

import numpy as np

from weightscope.show.wording import axes_of, sizes_text

SLICE = 1 << 20  # values held in float64 at a time
WRITTEN_OUT = 256  # up to so many values of one block are written in full


class Statistics:
    """What a weight's values are like: ``min``, ``max``, ``mean``, ``std`` of the finite ones, None without any.

    ``zeros``, ``nan``, ``infinite``: how many there are of each.
    """

    def __init__(self):
        self.min = self.max = self.mean = self.std = None
        self.zeros = self.nan = self.infinite = 0


def statistics(array):
    """Return the Statistics of an array of numbers of any dtype, computed in float64 a slice at a time.

    ``std`` is that of the values themselves (divided by n), as ``numpy.std`` has it.
    """
    found, total, count = Statistics(), 0.0, 0
    for part in _slices(array):
        finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part[:0]  # no complex number is the largest
        found.nan += int(np.isnan(part).sum())
        found.zeros += int((part == 0).sum())
        found.infinite += int(np.isinf(part).sum())
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            found.min = low if found.min is None else min(found.min, low)
            found.max = high if found.max is None else max(found.max, high)
            total, count = total + float(finite.sum()), count + finite.size
    if count:
        found.mean = total / count
        squares = sum(float(np.square(part[np.isfinite(part)] - found.mean).sum()) for part in _slices(array))
        found.std = (squares / count) ** 0.5
    return found


def _slices(array):
    flat = array.reshape(-1)
    for start in range(0, flat.size, SLICE):
        yield flat[start:start + SLICE].astype("complex128" if flat.dtype.kind == "c" else "float64")


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
            block = block.take(range(index * size, (index + 1) * size), axis)
            left[axis] = (word, size, [])
        slots = tuple(axis for axis, word, _ in named if not word)
        left = [entry for axis, entry in enumerate(left) if axis not in slots]
        names = ", ".join(blocks[index] for (_, _, blocks), index in zip(named, chosen))
        yield f"[{names}] {sizes_text(left)}", block.squeeze(slots)


def array_text(array, width):
    """Return an array as text: every value to its last digit if there are few, else the corners of it."""
    threshold = sys.maxsize if array.size <= WRITTEN_OUT else WRITTEN_OUT
    return np.array2string(array, threshold=threshold, max_line_width=width, floatmode="unique", separator=" ")
