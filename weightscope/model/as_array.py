"""What makes an object that holds an array an array to NumPy, and to Python's operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, overload

import numpy as np

if TYPE_CHECKING:
    from weightscope.model.arrays import Array, ArrayLike, DTypeLike, NDArray


class AsArray:
    """The half of a Weight that is an array: ``np.asarray(w)``, ``x @ w``, ``w.T``, ``w + 1``, ``w[0]``, ``w == 0``.

    What operators and indices give is NumPy's, an array or a number. Two of them are otherwise than for most objects:
    ``==`` compares numbers, each by itself, and so ``w in [...]`` and ``list.index`` are of no use, as for arrays; and
    ``bool(w)`` is an error but for a single number. A key in a mapping or a set it may be all the same: its hash is
    that of the object, not of its numbers. Nothing here changes it: ``w += 1`` is an error.
    """

    if TYPE_CHECKING:
        @property
        def array(self) -> Array: ...

        @property
        def shape(self) -> tuple[int, ...] | None: ...

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the array for ``np.asarray`` and all of NumPy; ``dtype``, ``copy``: as ``np.asarray`` has them."""
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
        return number in self.array

    @overload
    def __getitem__(self, key: SupportsIndex | tuple[SupportsIndex, ...]) -> Any: ...  # a number, or an array

    @overload
    def __getitem__(self, key: Any) -> Array: ...

    def __getitem__(self, key: Any) -> Any:
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
