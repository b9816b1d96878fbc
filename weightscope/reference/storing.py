"""Arrays between processes and in recorded files, without pickles: text as ``U``, bfloat16 as float32 with its name."""

import mmap

import numpy as np

from weightscope.kernels.short_floats import BFLOAT16, as_plain

ALIGNED = 64  # bytes: where an array may begin in a file, so that it can be used where it lies


def append_array(file, array):
    """Write an array behind what an open binary file holds, and return the facts by which ``mapped_arrays`` finds it.

    The facts, which JSON can hold: the name of its dtype, the dtype it is stored in, its shape, and where it begins.
    """
    array = np.asarray(array)
    stored = np.ascontiguousarray(storable(array))
    begin = -(-file.tell() // ALIGNED) * ALIGNED
    file.seek(begin)
    file.write(stored.reshape(-1).view(np.uint8))
    return [array.dtype.name, stored.dtype.str, array.shape, begin]


def mapped_arrays(path, facts):
    """Return the arrays that ``append_array`` wrote, read only, and read from the file when they are looked at.

    ``facts``: a list of what it returned.
    """
    with open(path, "rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.seek(0, 2) else b""
    return [restored(np.ndarray(shape, stored, held if np.prod(shape) else b"", begin if np.prod(shape) else 0), name)
            for name, stored, shape, begin in facts]


def storable(array):
    """Return an array that needs no pickle: text as ``U``; bfloat16 as float32, which holds each of its values."""
    if array.dtype.kind == "O":
        array = array.astype("S") if all(isinstance(x, bytes) for x in array.flat) else array.astype("U")
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    return array.astype("float32") if array.dtype.name == "bfloat16" else as_plain(array)


def restored(array, dtype):
    """Return what was read again in the dtype it had; ``dtype`` is its name."""
    return array.view(BFLOAT16) if dtype == "bfloat16" else array
