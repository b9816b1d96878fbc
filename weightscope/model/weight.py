"""One weight of a layer: an array of the file, with a word for each axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, overload

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.model.names import Shown, printable

if TYPE_CHECKING:
    from weightscope.model.arrays import Array, ArrayLike, DTypeLike, NDArray


def named(word):
    """Return ``(name, blocks)`` of an axis's word: ``units`` is ("units", []), ``i|f:units`` ("units", ["i", "f"]).

    The name is that of the size, of one block where there are several, "" where each slot has a name of its own.
    """
    blocks, colon, name = word.rpartition(":")
    slots = name.split("|") if "|" in name else []
    return (name, blocks.split("|")) if colon else ("" if slots else name, slots)


class AsArray:
    """The half of a Weight that is an array to NumPy and to Python's operators; what they give is NumPy's."""

    if TYPE_CHECKING:
        @property
        def array(self) -> Array: ...

        @property
        def shape(self) -> tuple[int, ...] | None: ...

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the array for ``np.asarray`` and all of NumPy; ``dtype``, ``copy``: as ``np.asarray`` has them.

        Raises ValueError where a copy is needed and ``copy`` is False.
        """
        array = self.array
        if dtype is not None and array.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError(f"no array of {np.dtype(dtype)} can be had of one of {array.dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape if self.shape is None else self.shape)

    @property
    def T(self) -> Array:  # noqa: N802  (NumPy's name)
        """The array with its axes in reverse order."""
        return self.array.T

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.array)

    def __contains__(self, number: object) -> bool:
        """Tell whether ``number`` is one of the values."""
        return number in self.array

    @overload
    def __getitem__(self, key: SupportsIndex | tuple[SupportsIndex, ...]) -> Any: ...  # a number, or an array

    @overload
    def __getitem__(self, key: Any) -> Array: ...

    def __getitem__(self, key: Any) -> Any:
        """Return what the array has at ``key``: a number, or an array."""
        return self.array[key]

    # An object of this class has the hash of an object, whatever == says.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]  # as NumPy's
        return self.array == other

    def __ne__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]
        return self.array != other

    def __lt__(self, other: ArrayLike) -> NDArray[np.bool_]:
        return np.less(self.array, other)

    def __le__(self, other: ArrayLike) -> NDArray[np.bool_]:
        return np.less_equal(self.array, other)

    def __gt__(self, other: ArrayLike) -> NDArray[np.bool_]:
        return np.greater(self.array, other)

    def __ge__(self, other: ArrayLike) -> NDArray[np.bool_]:
        return np.greater_equal(self.array, other)

    def __neg__(self) -> Array:
        return np.negative(self.array)

    def __pos__(self) -> Array:
        return np.positive(self.array)

    def __abs__(self) -> Array:
        return np.absolute(self.array)

    def __add__(self, other: ArrayLike) -> Array:
        return np.add(self.array, other)

    def __radd__(self, other: ArrayLike) -> Array:
        return np.add(other, self.array)

    def __sub__(self, other: ArrayLike) -> Array:
        return np.subtract(self.array, other)

    def __rsub__(self, other: ArrayLike) -> Array:
        return np.subtract(other, self.array)

    def __mul__(self, other: ArrayLike) -> Array:
        return np.multiply(self.array, other)

    def __rmul__(self, other: ArrayLike) -> Array:
        return np.multiply(other, self.array)

    def __matmul__(self, other: ArrayLike) -> Array:
        return np.matmul(self.array, other)

    def __rmatmul__(self, other: ArrayLike) -> Array:
        return np.matmul(other, self.array)

    def __truediv__(self, other: ArrayLike) -> Array:
        return np.true_divide(self.array, other)

    def __rtruediv__(self, other: ArrayLike) -> Array:
        return np.true_divide(other, self.array)

    def __floordiv__(self, other: ArrayLike) -> Array:
        return np.floor_divide(self.array, other)

    def __rfloordiv__(self, other: ArrayLike) -> Array:
        return np.floor_divide(other, self.array)

    def __mod__(self, other: ArrayLike) -> Array:
        return np.remainder(self.array, other)

    def __rmod__(self, other: ArrayLike) -> Array:
        return np.remainder(other, self.array)

    def __pow__(self, other: ArrayLike) -> Array:
        return np.power(self.array, other)

    def __rpow__(self, other: ArrayLike) -> Array:
        return np.power(other, self.array)

    def _in_place(self, _other: object) -> NoReturn:
        # Else Python would put what w + 1 gives in the place of the weight.
        raise TypeError("a Weight is what the file holds, and is not changed in place: np.array(w) is a copy to change")

    __iadd__ = __isub__ = __imul__ = __imatmul__ = __itruediv__ = __ifloordiv__ = __imod__ = __ipow__ = _in_place


class Weight(AsArray, Shown):
    """One weight of a layer: its name, a word for each axis, and where the file keeps it. To NumPy it is its array.

    ``axes`` are words separated by blanks: ``"in units"``. ``i|f|c|o:units`` is one axis of four blocks of ``units``
    each; ``input|recurrent`` one axis of two named slots. ``at`` is the attribute under which Keras 3 nests the
    variable in the file. ``trainable`` is what Keras makes it before anybody freezes a layer. ``tracked`` is False for
    what a layer stores by itself: Keras neither counts it among the model's parameters nor writes it to an .h5 model.
    ``zeros`` is a function that returns the shape of the zeros which Keras makes where the file has no array.

    ``name`` is Keras' (``kernel``), ``stored`` the array in the file, None where it has none.

    ``np.asarray(w)``, ``x @ w``, ``w.T``, ``w + 1``, ``w[0]`` and ``w == 0`` are those of ``w.array``. So ``==`` goes
    number by number, as between arrays: ``if w`` and ``w in [v, …]`` are errors where there is more than one, and it is
    ``w is v`` that tells one weight from another. The hash is the object's, so mappings and sets may have weights for
    keys, each by itself. Nothing changes a Weight: ``w += 1`` is an error, ``np.array(w)`` a copy to change.
    """

    def __init__(self, name: str, axes: str, at: str = "", trainable: bool = True, tracked: bool = True,
                 zeros: Callable[[], tuple[int, ...] | None] | None = None) -> None:
        self.name, self.axes, self.at, self.trainable, self.tracked = name, axes, at, trainable, tracked
        self.zeros = zeros
        self.stored: Any = None
        self._array: Array | None = None

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
        """NumPy's name of the stored dtype, or "bfloat16", which ``array`` has as float32; None while unbound."""
        return None if self.stored is None else self.stored.dtype

    @property
    def array(self) -> Array:
        """The values: an array with the axes of ``axes``, read from the file at the first use and kept.

        bfloat16 comes as float32. Raises NotReplayable where the file has no such array, Unreadable where its bytes are
        damaged, and ValueError for a file that was closed.
        """
        if self._array is None:
            if self.stored is None and self.shape is not None:
                return np.zeros(self.shape, "float32")
            if self.stored is None:
                raise NotReplayable(f"weight {self.name!r} is not in the file")
            self._array = self.stored.read()
        return self._array

    def share(self, other: Weight) -> None:
        """Have the values that ``other``, a Weight of the same array, has read: somebody may have changed them."""
        self._array = other._array

    def axis_words(self) -> list[str] | None:
        """Return one word for each axis, or None where the words do not fit the stored rank."""
        words = self.axes.split()
        return words if self.shape is None or len(words) == len(self.shape) else None

    def size_along(self, word: str) -> int | None:
        """Return the size of the axis of this word, or of one of its blocks; None where there is none, or no array."""
        for axis, size in zip(self.axis_words() or (), self.shape or ()):
            name, blocks = named(axis)
            if name == word:
                return size // max(len(blocks), 1)
        return None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of this shape may be this weight."""
        return len(self.axes.split()) == len(shape)

    def __deepcopy__(self, _memo: object) -> Weight:
        return self  # a copy of a layer reads the same arrays

    def __repr__(self) -> str:
        shape = "not in the file" if self.shape is None else str(self.shape)
        facts = [self.name, f"({self.axes})" * bool(self.axes), shape, self.dtype]
        return printable(f"<Weight {' '.join(filter(None, facts))}>")

    if not TYPE_CHECKING:
        def __getattr__(self, name):
            hint = f": its array has, w.array.{name}" if hasattr(np.ndarray, name) and name[:1] != "_" else ""
            raise AttributeError(f"a Weight has no {name!r}{hint}")


class Copy(Weight):
    """A weight of a part that its wrapper stores once more; Keras counts it once, and uses the part's own.

    An .h5 has the part's alone, which then is this one too.
    """

    def __init__(self, original: Weight) -> None:
        super().__init__(original.name, original.axes, tracked=False)
        self._original = original

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes of the axes, or None while no array of a file belongs to this weight or the part's."""
        return self._original.shape if self.stored is None else super().shape

    @property
    def dtype(self) -> str | None:
        """NumPy's name of the stored dtype; None while unbound."""
        return self._original.dtype if self.stored is None else super().dtype

    @property
    def array(self) -> Array:
        """The values, as those of any weight."""
        return self._original.array if self.stored is None else super().array
