"""Heaps of HDF5, where names and texts are kept, checked before libhdf5 walks them.

On damaged ones libhdf5, 1.14.6 and 2.0.0, was seen to run for ever, or to take more and more memory, in C, where no
timeout of Python reaches. The layouts are those of the HDF5 File Format Specification 3.0, sections III.D, "Local
Heaps", and III.E, "Global Heap".
"""

import struct
from collections.abc import Iterator
from io import RawIOBase

import numpy as np

from weightscope.errors import Unreadable

# Signature and version.
LOCAL, GLOBAL = b"HEAP\0", b"GCOL\x01"
CHUNK = 1 << 20
GLOBAL_OBJECT = struct.Struct("<HHIQ")
FREE_BLOCK = struct.Struct("<QQ")
NO_FREE_BLOCK = 1
MOST_STALE = 16
SMALLEST = 16  # bytes that an object takes in a heap, or a block of free space


class Heaps:
    """The heaps in ``window``, an HDF5 file whose addresses count from ``base``, checked one after the other.

    ``largest_text`` is the size of the largest object in any global heap. Raises: ``Unreadable`` if a heap is
    damaged that something in the file points to.
    """

    def __init__(self, window: RawIOBase, base: int):
        self.window, self.base = window, base
        self.length = window.seek(0, 2)
        self.largest_text = 0
        # More steps than these go over the same ground again.
        self.steps_left = self.length // SMALLEST + 1
        damaged = 0
        for start, signature in positions(window, LOCAL, GLOBAL):
            fault = self._local_fault(start) if signature == LOCAL else self._global_fault(start)
            if fault is None:
                continue
            damaged += 1
            # What a file left behind in its free space, or what looks like a heap by chance, is no harm.
            pointers = positions(window, struct.pack("<Q", max(start - base, 0)))
            if damaged > MOST_STALE or next(pointers, None) is not None:
                raise Unreadable(f"its heap at byte {start:,} is damaged ({fault}); get or save the file again")

    def _local_fault(self, start: int) -> str | None:
        """What is wrong with the free list of the local heap at ``start``, or None."""
        size, free, address = self._unpacked("<QQQ", start + 8)
        segment = self.base + address
        if segment + size > self.length:
            return f"it claims {size:,} bytes"
        for _ in range(size // SMALLEST + 1):
            if free == NO_FREE_BLOCK:
                return None
            if free + FREE_BLOCK.size > size:
                return f"its free space begins at {free:,} of {size:,} bytes"
            if not self._step():
                break
            free, _ = self._unpacked(FREE_BLOCK.format, segment + free)
        return "its free space goes round in a circle"

    def _global_fault(self, start: int) -> str | None:
        """What is wrong with the objects of the global heap collection at ``start``, or None."""
        (size,) = self._unpacked("<Q", start + 8)
        end, position = start + size, start + 16
        if size < 16 or end > self.length:
            return f"it claims {size:,} bytes"
        while position + GLOBAL_OBJECT.size <= end:
            index, _, _, size = self._unpacked(GLOBAL_OBJECT.format, position)
            # Object 0 is the free space; its size counts its own header, and is not padded.
            step = size if index == 0 else GLOBAL_OBJECT.size + (size + 7) // 8 * 8
            if step < GLOBAL_OBJECT.size or position + step > end or not self._step():
                return f"object {index} claims {size:,} bytes"
            self.largest_text = max(self.largest_text, size)
            position += step
        return None

    def _step(self) -> bool:
        self.steps_left -= 1
        return self.steps_left >= 0

    def _unpacked(self, form: str, position: int) -> tuple[int, ...]:
        """The numbers at ``position``; behind the end of the file there are zeros."""
        size = struct.calcsize(form)
        self.window.seek(position)
        return struct.unpack(form, self.window.read(size).ljust(size, b"\0"))


def positions(window: RawIOBase, *needles: bytes) -> Iterator[tuple[int, bytes]]:
    """Where ``needles``, all of one length of three bytes or more, occur in ``window``, at any alignment."""
    overlap = len(needles[0]) - 1
    buffer = np.zeros((overlap + CHUNK + 1) // 2 * 2, np.uint8)
    view = buffer.data
    start = -overlap
    while True:
        window.seek(start + overlap)
        got = window.readinto(view[overlap : overlap + CHUNK])
        if not got:
            return
        for needle in needles:
            for place in _places(buffer, overlap + got, needle):
                if start + place >= 0:  # before the first chunk there is nothing to overlap with
                    yield start + place, needle
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
