"""Arrays in files, ``.npy``, ``.npz``, ``.csv`` or ``.json``: mapped or read, never unpickled, and checked before."""

import math
import os
import zipfile
from tokenize import TokenError

import numpy as np
from numpy.lib import format as npy

from weightscope.errors import Unreadable, Unsafe
from weightscope.files.untrusted import reading
from weightscope.replaying.text_files import JSON, TABLE, of_json, of_table

MOST_BYTES = 1 << 34  # of one array in an .npz, which cannot be mapped
MOST_AXES = 32
# What NumPy answers a header with that is not its own: it takes it for Python, and gives up where Python does.
NO_HEADER = (ValueError, SyntaxError, TypeError, TokenError, EOFError, OverflowError, MemoryError, RecursionError)


def arrays_in(path):
    """Return ``{name: array}`` of a file: of an ``.npz`` or a mapping in a ``.json`` in its order, else under ``""``.

    Which of the first two a file is, its first bytes tell; text is known by its ending. An ``.npy`` is mapped
    (``mmap_mode="r"``). Raises Unreadable for files of another kind or broken ones, Unsafe for arrays of Python
    objects.
    """
    with reading(path):
        if not os.path.isfile(path):
            kind = "is a folder" if os.path.isdir(path) else "is a device or a pipe"
            raise Unreadable(f"{kind}, no file of an array" if os.path.exists(path) else "there is no such file")
        try:
            with open(path, "rb") as file:
                head = file.read(len(npy.MAGIC_PREFIX))
        except OSError as error:
            raise Unreadable(f"cannot be opened ({error.strerror}); check the path") from error
        if head == npy.MAGIC_PREFIX:
            return {"": _mapped(path)}
        if head.startswith(b"PK"):
            return _unzipped(path)
        if path.lower().endswith((TABLE, JSON)):
            return _written(path)
        if head.startswith(b"\x80"):
            raise Unsafe("is a pickle, which can run code; save the array with numpy.save")
        raise Unreadable("is empty" if not head else "is no .npy, .npz, .csv or .json; save the array with numpy.save")


def _written(path):
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise Unreadable("cannot be read as text, which is in UTF-8; save it so") from error
    return of_json(text) if path.lower().endswith(JSON) else {"": of_table(text)}


def _mapped(path):
    with open(path, "rb") as file:
        shape, dtype = _header(file, "")
        _check_size(shape, dtype, os.path.getsize(path) - file.tell(), "")
    if dtype.kind in "SU" or math.prod(shape) == 0:  # an empty array cannot be mapped
        return np.load(path, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _header(file, member):
    """Return (shape, dtype) of an ``.npy``; raise Unsafe for objects. ``member``: its name in an ``.npz``, else ""."""
    about = f"its array {member!r} " if member else ""
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except NO_HEADER as error:
        raise Unreadable(f"{about}starts with a header that is not NumPy's; save it again with numpy.save") from error
    if dtype.hasobject:
        raise Unsafe(f"{about}holds Python objects, whose pickles can run code; save numbers, with one shape for all")
    if len(shape) > MOST_AXES or any(size < 0 for size in shape) or math.prod(filter(None, shape)) > 1 << 60:
        raise Unreadable(f"{about}claims the shape {str(shape)[:60]}, which no array has; save it again")
    return shape, dtype


def _check_size(shape, dtype, held, member):
    """Raise Unreadable for an array that is longer than the ``held`` bytes behind its header."""
    size = math.prod(shape) * dtype.itemsize
    if size > held:
        raise Unreadable(f"{f'its array {member!r} ' if member else ''}is cut off: it claims {size:,} bytes of values,"
                         f" and has {held:,}; get or save it again")


def _unzipped(path):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise Unreadable(f"holds {member.filename!r}; an .npz holds .npy files only")
            with archive.open(member) as file:
                shape, dtype = _header(file, member.filename)
                held = min(MOST_BYTES, member.file_size - file.tell())
            _check_size(shape, dtype, held, member.filename)
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
