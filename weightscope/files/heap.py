"""Global heaps of HDF5, where texts of variable length are kept, checked before libhdf5 walks them.

libhdf5 (1.14.6 and 2.0.0) adds up the sizes in a heap without asking whether the sum moves: one size changed to 0 or to
just below 2⁶⁴ makes it loop for ever, in C, where no timeout of Python reaches. The layout is that of the HDF5
File Format Specification 3.0, section III.E, "Global Heap".
"""

import struct
from collections.abc import Iterator
from io import RawIOBase

import numpy as np

from weightscope.errors import Unreadable

# The three reserved bytes behind the version are not searched for: libhdf5 does not look at them either.
SIGNATURE = b"GCOL\x01"
CHUNK = 1 << 20
OBJECT = struct.Struct("<HHIQ")
MOST_STALE = 16


def check_heaps(window: RawIOBase, base: int) -> int:
    """Check every heap collection in ``window``, an HDF5 file whose addresses count from ``base``.

    Returns the size of the largest object in any of them. Raises: ``Unreadable`` if one is damaged that
    something in the file points to.
    """
    length = window.seek(0, 2)
    budget = length // OBJECT.size + 1
    largest, damaged = 0, 0
    for start in positions(window, SIGNATURE):
        sizes: list[int] = []
        fault = _fault(window, start, length, sizes, budget)
        budget -= len(sizes)
        largest = max([largest, *sizes])
        if fault is None:
            continue
        damaged += 1
        # What a file left behind in its free space, or five bytes that look like a heap by chance, is no harm.
        if damaged > MOST_STALE or next(positions(window, struct.pack("<Q", start - base)), None) is not None:
            raise Unreadable(f"its text heap at byte {start:,} is damaged ({fault}); get or save the file again")
    return largest


def positions(window: RawIOBase, needle: bytes) -> Iterator[int]:
    """Where ``needle``, of three bytes or more, occurs in ``window``, at any alignment, in order."""
    overlap = len(needle) - 1
    buffer = np.zeros((overlap + CHUNK + 1) // 2 * 2, np.uint8)
    view = buffer.data
    start = -overlap
    while True:
        window.seek(start + overlap)
        got = window.readinto(view[overlap : overlap + CHUNK])
        if not got:
            return
        for place in _places(buffer, overlap + got, needle):
            if start + place >= 0:  # before the first chunk there is nothing to overlap with
                yield start + place
        buffer[:overlap] = buffer[got : got + overlap].copy()
        start += got


def _places(buffer: np.ndarray, end: int, needle: bytes) -> list[int]:
    """Where ``needle`` lies in ``buffer[:end]``. Comparing pairs of bytes is twice as fast as bytes.find."""
    pairs = buffer.view(np.uint16)
    even, odd = np.frombuffer(needle[:2] + needle[1:3], np.uint16)
    places = np.concatenate([np.flatnonzero(pairs == even) * 2, np.flatnonzero(pairs == odd) * 2 - 1])
    places = places[(places >= 0) & (places <= end - len(needle))]
    for at, byte in enumerate(needle):
        places = places[buffer[places + at] == byte]
    return sorted(places.tolist())


def _fault(window: RawIOBase, start: int, length: int, sizes: list[int], budget: int) -> str | None:
    """What is wrong with the collection at ``start``, or None; the sizes of its objects go to ``sizes``."""
    if start + 16 > length:
        return "it is cut off"
    window.seek(start + 8)
    (size,) = struct.unpack("<Q", window.read(8))
    end = start + size
    if size < 16 or end > length:
        return f"it claims {size:,} bytes"
    position = start + 16
    while position + OBJECT.size <= end:
        if len(sizes) >= budget:
            return "it overlaps with others"
        window.seek(position)
        index, _, _, size = OBJECT.unpack(window.read(OBJECT.size))
        # Object 0 is the free space; its size counts its own header, and is not padded.
        step = size if index == 0 else OBJECT.size + (size + 7) // 8 * 8
        if step < OBJECT.size or position + step > end:
            return f"object {index} claims {size:,} bytes"
        sizes.append(size)
        position += step
    return None
