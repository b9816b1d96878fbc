"""Arrays in files, ``.npy``, ``.npz``, ``.csv`` or ``.json``: mapped or read, never unpickled, and checked before."""

import math
import os
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from weightscope.errors import Unreadable, Unsafe
from weightscope.replaying.text_files import JSON, TABLE, of_json, of_table

MOST_BYTES = 1 << 34  # of one array in an .npz, which cannot be mapped


def arrays_in(path):
    """Return ``{name: array}`` of a file: of an ``.npz`` or a mapping in a ``.json`` in its order, else under ``""``.

    Which of the first two a file is, its first bytes tell; text is known by its ending. An ``.npy`` is mapped
    (``mmap_mode="r"``). Raises Unreadable for files of another kind or broken ones, Unsafe for arrays of Python
    objects.
    """
    try:
        if not os.path.isfile(path):
            kind = "is a folder" if os.path.isdir(path) else "is a device or a pipe"
            raise Unreadable(f"{path}: {kind if os.path.exists(path) else 'there is no such file'}")
        with open(path, "rb") as file:
            head = file.read(len(npy.MAGIC_PREFIX))
        if head == npy.MAGIC_PREFIX:
            return {"": _mapped(path)}
        if head.startswith(b"PK"):
            return _unzipped(path)
        if path.lower().endswith((TABLE, JSON)):
            return _written(path)
    except (OSError, EOFError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or "it ends too early"
        raise Unreadable(f"{path}: cannot be read: {reason[:200]}") from error
    if head.startswith(b"\x80"):
        raise Unsafe(f"{path}: is a pickle, which can run code; save the array with numpy.save")
    raise Unreadable(f"{path}: is no .npy, .npz, .csv or .json; save the array with numpy.save")


def _written(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return of_json(text) if path.lower().endswith(JSON) else {"": of_table(text)}
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from error


def _mapped(path):
    with open(path, "rb") as file:
        shape, dtype = _header(path, file)
    if dtype.kind in "SU" or math.prod(shape) == 0:  # an empty array cannot be mapped
        return np.load(path, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _header(path, file):
    """Return (shape, dtype) of an ``.npy``; raise Unsafe for objects."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise Unsafe(f"{path}: holds Python objects, whose pickles can run code; save numbers, with one shape for all")
    return shape, dtype


def _unzipped(path):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise Unreadable(f"{path}: holds {member.filename!r}; an .npz holds .npy files only")
            with archive.open(member) as file:
                shape, dtype = _header(path, file)
            size = math.prod(shape) * dtype.itemsize
            if size > min(MOST_BYTES, member.file_size):
                raise Unreadable(f"{path}: its array {member.filename!r} claims {size:,} bytes, has"
                                 f" {member.file_size:,}")
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
