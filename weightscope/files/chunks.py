"""Arrays that HDF5 keeps in chunks, unpacked here: libhdf5's own filters do not survive all damage.

What a chunk says of itself is compared with its array before its bytes are asked for.
"""

import zlib
from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np
from h5py import h5d, h5z

from weightscope.errors import Unreadable
from weightscope.files import budget
from weightscope.files.untrusted import MOST_EXPANSION

# Deflate, shuffled bytes and checksums: what tools that repack weights use. Keras itself writes no chunks.
KNOWN = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
CHECKSUM_BYTES = 4
COPIES = 3  # of a chunk, while its bytes are put in order


def values(dataset: h5d.DatasetID, path: str, dtype: np.dtype) -> np.ndarray:
    """All values of a chunked ``dataset``, whose bytes are of ``dtype``. Raises: what `pieces` raises."""
    array = np.empty(tuple(dataset.shape), dtype)
    for corner, piece in pieces(dataset, path, dtype):
        array[tuple(slice(start, start + size) for start, size in zip(corner, piece.shape, strict=True))] = piece
    return array


def pieces(dataset: h5d.DatasetID, path: str, dtype: np.dtype, is_bounded: bool = False
           ) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Unpack one chunk after the other: where it begins, and its values, whose bytes are of ``dtype``.

    Raises: ``Unreadable`` for other filters, for chunks that are missing, of another length than their shape takes, or
    larger than ``MOST_EXPANSION`` times what is stored; ``Unsafe`` for chunks that take more memory than is allowed, if
    that ``is_bounded``.
    """
    properties = dataset.get_create_plist()
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    # One deflate inside another could grow a million times.
    if set(filters) - set(KNOWN) or len(filters) != len(set(filters)):
        raise Unreadable(f"array {path!r} is packed by HDF5 filters {filters}, which weightscope does not run")
    chunk = tuple(properties.get_chunk())
    nbytes = prod(chunk) * dtype.itemsize
    if nbytes > MOST_EXPANSION * dataset.get_storage_size():
        raise Unreadable(f"array {path!r} claims chunks of {nbytes:,} bytes, more than are stored in all")
    if is_bounded:
        budget.check(COPIES * nbytes, f"a chunk of array {path!r}")
    shape = tuple(dataset.shape)
    for corner in product(*(range(0, extent, step) for extent, step in zip(shape, chunk, strict=True))):
        stored, skipped = _stored(dataset, path, corner, None if filters else nbytes)
        used = [number for at, number in enumerate(filters) if not skipped >> at & 1]
        raw = _unpacked(stored, used, nbytes, dtype.itemsize)
        if len(raw) != nbytes:
            raise Unreadable(f"array {path!r} is damaged at {corner}; get or save the file again")
        there = tuple(slice(0, min(step, extent - at)) for at, step, extent in zip(corner, chunk, shape, strict=True))
        yield corner, np.frombuffer(raw, dtype).reshape(chunk)[there]


def _stored(dataset: h5d.DatasetID, path: str, corner: tuple[int, ...], nbytes: int | None) -> tuple[bytes, int]:
    """The bytes of one chunk as they are in the file, and the mask of the filters that were not used for it.

    ``nbytes`` is their number where it is known.
    """
    info = dataset.get_chunk_info_by_coord(corner)
    if info.byte_offset is None or info.size > dataset.get_storage_size() or nbytes not in (None, info.size):
        raise Unreadable(f"array {path!r} has no values at {corner}; get or save the file again")
    skipped, stored = dataset.read_direct_chunk(corner)
    return bytes(stored), skipped


def _unpacked(data: bytes, filters: list[int], nbytes: int, itemsize: int) -> bytes:
    """``data`` with its filters undone, the last one first, as they were applied in this order."""
    for number in reversed(filters):
        if number == h5z.FILTER_FLETCHER32:
            data = _checked(data)
        elif number == h5z.FILTER_DEFLATE:
            data = zlib.decompressobj().decompress(data, nbytes + CHECKSUM_BYTES)
        elif itemsize > 1:
            whole = len(data) // itemsize * itemsize
            data = np.frombuffer(data[:whole], np.uint8).reshape(itemsize, -1).T.tobytes() + data[whole:]
    return data


def _checked(data: bytes) -> bytes:
    """``data`` without the Fletcher checksum behind it, compared: HDF5 sums 16-bit words of highest byte first.

    Two sums modulo 65535, of the words and of the running sums, as in Fletcher, IEEE Trans. Comm. 30 (1982).
    """
    body, written = data[:-CHECKSUM_BYTES], int.from_bytes(data[-CHECKSUM_BYTES:], "little")
    words = np.frombuffer(body + b"\0" * (len(body) % 2), ">u2").astype(np.uint64)
    first = int(words.sum())
    second = int((words * (np.arange(len(words), 0, -1, dtype=np.uint64) % 65535)).sum())
    low, high = (total % 65535 for total in (first, second))
    if (written & 0xFFFF) % 65535 != low or (written >> 16) % 65535 != high:
        raise Unreadable("an array is damaged: its checksum is another; get or save the file again")
    return body
