"""Arrays between processes and in recorded files, without pickles: text as ``U``, bfloat16 as float32 with its name."""

import numpy as np

from weightscope.kernels.short_floats import BFLOAT16


def write_arrays(path, arrays):
    """Write arrays one after the other, and return the names of their dtypes."""
    arrays = [np.asarray(array) for array in arrays]
    with open(path, "wb") as file:
        for array in arrays:
            np.save(file, storable(array))
    return [array.dtype.name for array in arrays]


def read_arrays(path, dtypes):
    """Return the arrays that ``write_arrays`` wrote, given what it returned."""
    with open(path, "rb") as file:
        return [restored(np.load(file, allow_pickle=False), dtype) for dtype in dtypes]


def storable(array):
    """Return an array that needs no pickle: text as ``U``; bfloat16 as float32, which holds each of its values."""
    if array.dtype.kind == "O":
        array = array.astype("S") if all(isinstance(x, bytes) for x in array.flat) else array.astype("U")
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def restored(array, dtype):
    """Return what was read again in the dtype it had; ``dtype`` is its name."""
    return array.view(BFLOAT16) if dtype == "bfloat16" else array
