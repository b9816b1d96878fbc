"""TensorFlow's checkpoints: an index of names, a sorted table as LevelDB writes it, and shards with the bytes.

Sources: tensorflow/core/util/tensor_bundle/tensor_bundle.h, tensorflow/core/protobuf/tensor_bundle.proto, and
https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

import os
import struct
from math import prod

import numpy as np

from weightscope.errors import Unreadable, Unsupported
from weightscope.files import protobuf
from weightscope.files.saved import Saved, Stored
from weightscope.files.source import Source

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
FOOTER, TRAILER = 48, 5
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
STRING = 7
DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64", 9: "int64",
          10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64"}
MOST_SHARDS = 10_000


def recognises(source: Source) -> bool:
    """Whether it ends as a table does."""
    return source.length >= FOOTER and source.window(source.length - len(MAGIC)).read() == MAGIC


def read(source: Source) -> Saved:
    """What a checkpoint holds whose index ``source`` is. Raises: ``Unreadable``, ``Unsupported``."""
    saved = Saved(path=source.path, format="tensorflow checkpoint", _close=source.close)
    fill(saved, source, source.path)
    saved.order = groups(saved)
    return saved


def fill(saved: Saved, index: Source, path: str) -> None:
    """Add the arrays of a checkpoint to ``saved``, and the graph of objects that they belong to, if it has one.

    ``index`` is the file at ``path``; the shards lie beside it.
    """
    entries = dict(_entries(index))
    header = protobuf.fields(entries.pop("", b""))
    shards = _Shards(index, path, protobuf.first(header, 1, 1))
    if protobuf.first(header, 2, 0):
        raise Unsupported("its numbers have their highest byte first")
    for name, entry in entries.items():
        message = protobuf.fields(entry)
        if name == GRAPH:
            saved.objects = _objects(shards.string(message))
        elif protobuf.first(message, 1, 0) not in DTYPES or message.get(7):
            saved.others[name] = "text" if protobuf.first(message, 1, 0) == STRING else "a tensor in slices"
        else:
            plain = name.removesuffix(SUFFIX)
            saved.arrays[plain] = shards.stored(plain, message)
    saved.optimizer = frozenset(name for name in saved.arrays if _of_training(name))


def groups(saved: Saved) -> dict[str, list[str]]:
    """What is kept together, for a checkpoint without a configuration: paths by all but their last word."""
    found: dict[str, list[str]] = {}
    for path in saved.arrays:
        if path not in saved.optimizer:
            found.setdefault(path.rpartition("/")[0] or path, []).append(path)
    return found


def _of_training(name: str) -> bool:
    return name.startswith(("optimizer/", "keras_api/", "save_counter")) or ".OPTIMIZER_SLOT/" in name


def _entries(index: Source):
    """Yield (key, value) of a sorted table."""
    window = index.window()
    window.seek(index.length - FOOTER)
    footer = window.read(FOOTER - len(MAGIC))
    _, position = protobuf.varint(footer, 0)  # the handle of the meta index: offset, size
    _, position = protobuf.varint(footer, position)
    for _, handle in _block(index, footer[position:]):
        yield from ((key.decode("utf-8", "backslashreplace"), value) for key, value in _block(index, handle))


def _block(index: Source, handle: bytes):
    """Yield (key, value) of the block that a handle names; a key leaves out what it begins with as the one before."""
    offset, position = protobuf.varint(handle, 0)
    size, _ = protobuf.varint(handle, position)
    data = index.window(offset, size + TRAILER).read()
    if data[size]:
        raise Unsupported("its index is packed, which weightscope does not read")
    restarts = struct.unpack_from("<I", data, size - 4)[0]
    end, position, key = size - 4 - 4 * restarts, 0, b""
    while position < end:
        shared, position = protobuf.varint(data, position)
        more, position = protobuf.varint(data, position)
        length, position = protobuf.varint(data, position)
        if shared > len(key) or position + more + length > end:
            raise Unreadable("its index is damaged; get or save the model again")
        key = key[:shared] + data[position:position + more]
        yield key, data[position + more:position + more + length]
        position += more + length


class _Shards:
    """The files with the bytes, opened as they are needed and closed with the index."""

    def __init__(self, index: Source, path: str, count: int):
        if not 0 < count <= MOST_SHARDS:
            raise Unreadable(f"its index claims {count:,} files of data")
        self._index, self._base, self._count = index, path.removesuffix(".index"), count
        self._open: dict[int, Source] = {}

    def window(self, message: dict[int, list]):
        """The bytes of one entry. Raises: ``Unreadable`` where the shard is missing or too short."""
        number = protobuf.first(message, 3, 0)
        if number >= self._count:
            raise Unreadable(f"its index names file {number} of {self._count}")
        if number not in self._open:
            name = f"{self._base}.data-{number:05d}-of-{self._count:05d}"
            if not os.path.isfile(name):
                raise Unreadable(f"{os.path.basename(name)} is missing beside its index")
            self._open[number] = Source(name)
            self._index.opened.callback(self._open[number].close)
        return self._open[number].window(protobuf.first(message, 4, 0), protobuf.first(message, 5, 0))

    def stored(self, path: str, message: dict[int, list]) -> Stored:
        """One array, not read yet. Raises: ``Unreadable`` where its bytes are not as many as its shape takes."""
        shape = tuple(protobuf.signed(protobuf.first(size, 1, 0))
                      for size in protobuf.submessages(protobuf.fields(protobuf.first(message, 2)), 2))
        dtype, window = DTYPES[protobuf.first(message, 1, 0)], self.window(message)
        kept = np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder("<")
        if min(shape, default=0) < 0 or prod(shape) * kept.itemsize != window.length:
            raise Unreadable(f"array {path!r} has {window.length:,} bytes, its shape {shape} takes others")

        def values() -> np.ndarray:
            window.seek(0)
            array = np.frombuffer(window.read(), kept).reshape(shape)
            if dtype == "bfloat16":
                return (array.astype("uint32") << 16).view("float32")
            return array.astype(kept.newbyteorder("="))

        return Stored(path, shape, dtype, prod(shape), window.length, values)

    def string(self, message: dict[int, list]) -> bytes:
        """The one text of an entry: its length, a checksum, and it."""
        data = self.window(message).read()
        length, position = protobuf.varint(data, 0)
        return data[position + 4:position + 4 + length]


def _objects(data: bytes) -> list[tuple[dict[str, int], str | None]]:
    """For each object of a TrackableObjectGraph its children by name, and the array that is its value."""
    found = []
    for node in protobuf.submessages(protobuf.fields(data), 1):
        children = {protobuf.text(protobuf.first(child, 2)): protobuf.first(child, 1, 0)
                    for child in protobuf.submessages(node, 1)}
        keys = [protobuf.text(protobuf.first(value, 3)) for value in protobuf.submessages(node, 2)]
        found.append((children, keys[0].removesuffix(SUFFIX) if keys else None))
    return found
