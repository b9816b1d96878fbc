"""One weight of a layer: an array of the file, with a word for each axis."""

import math
from typing import Any

import numpy as np

from weightscope.errors import NotReplayable


def named(word):
    """Return ``(name, blocks)`` of an axis's word: ``units`` is ("units", []), ``i|f:units`` ("units", ["i", "f"]).

    The name is that of the size, of one block where there are several, "" where each slot has a name of its own.
    """
    blocks, colon, name = word.rpartition(":")
    slots = name.split("|") if "|" in name else []
    return (name, blocks.split("|")) if colon else ("" if slots else name, slots)


class Weight:
    """One weight of a layer: its name, a word for each axis, and where the file keeps it.

    ``axes`` are words separated by blanks: ``"in units"``. ``i|f|c|o:units`` is one axis of four blocks of ``units``
    each; ``input|recurrent`` one axis of two named slots. ``at`` is the attribute under which Keras 3 nests the
    variable in the file. ``trainable`` is what Keras makes it before anybody freezes a layer. ``tracked`` is False for
    what a layer stores by itself: Keras neither counts it among the model's parameters nor writes it to an .h5 model.
    ``zeros`` is a function that returns the shape of the zeros which Keras makes where the file has no array.
    """

    def __init__(self, name: str, axes: str, at: str = "", trainable: bool = True, tracked: bool = True, zeros=None):
        self.name, self.axes, self.at, self.trainable, self.tracked = name, axes, at, trainable, tracked
        self.zeros = zeros
        self.stored: Any = None
        self._array: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes of the axes, or None while no array of a file belongs to this weight."""
        if self.stored is None:
            return self.zeros() if self.zeros else None
        return tuple(self.stored.shape)

    @property
    def size(self) -> int:
        """The number of values; 0 while there are none."""
        return 0 if self.shape is None else math.prod(self.shape)

    @property
    def dtype(self) -> str | None:
        """NumPy's name of the stored dtype, or None while unbound."""
        return None if self.stored is None else self.stored.dtype

    @property
    def array(self) -> np.ndarray:
        """The values, read from the file at the first use and kept."""
        if self._array is None:
            if self.stored is None and self.shape is not None:
                return np.zeros(self.shape, "float32")
            if self.stored is None:
                raise NotReplayable(f"weight {self.name!r} is not in the file")
            self._array = self.stored.read()
        return self._array

    def axis_words(self):
        """Return one word for each axis, or None where the words do not fit the stored rank."""
        words = self.axes.split()
        return words if self.shape is None or len(words) == len(self.shape) else None

    def size_along(self, word):
        """Return the size of the axis of this word, or of one of its blocks; None where there is none, or no array."""
        for axis, size in zip(self.axis_words() or (), self.shape or ()):
            name, blocks = named(axis)
            if name == word:
                return size // max(len(blocks), 1)
        return None

    def fits(self, shape):
        """Tell whether an array of this shape may be this weight."""
        return len(self.axes.split()) == len(shape)

    def __deepcopy__(self, _memo):
        return self  # a copy of a layer reads the same arrays

    def __repr__(self):
        return f"<Weight {self.name} ({self.axes}) {self.shape}>"


class Copy(Weight):
    """A weight of a part that its wrapper stores once more; Keras counts it once, and uses the part's own."""

    def __init__(self, original: Weight):
        super().__init__(original.name, original.axes, tracked=False)
