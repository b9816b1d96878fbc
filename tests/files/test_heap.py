"""The guard in front of libhdf5: held with good files and small limits, and with bytes that no HDF5 file has."""

import io
import struct
from unittest import mock

import h5py
import numpy as np
import pytest
from files.hostile import model
from hypothesis import given, settings
from hypothesis import strategies as st

from weightscope.errors import Unreadable
from weightscope.files import heap
from weightscope.files.read import read
from weightscope.files.source import Window

HEADER = 32  # of a local heap


@pytest.mark.parametrize("needle", [b"GCOL\x01", b"\0\x08\0\0\0\0\0\0", b"abc"])
def test_positions_at_any_alignment_and_across_chunks(monkeypatch, needle):
    monkeypatch.setattr(heap, "CHUNK", 64)
    rng = np.random.default_rng(1)
    for trial in range(200):
        data = bytearray(rng.integers(0, 3, rng.integers(0, 400), np.uint8).tobytes())
        for at in rng.integers(0, max(len(data), 1), 6):
            data[at : at + len(needle)] = needle
        data = bytes(data[: len(data) - trial % 5])
        file = io.BytesIO(b"xx" + data + b"GCOL\x01abc")
        other = bytes(reversed(needle))
        found = list(heap.positions(Window(file, 2, len(data)), needle, other))
        for searched in (needle, other):
            expected = [at for at in range(len(data)) if data.startswith(searched, at)]
            assert [at for at, which in found if which == searched] == expected


def test_the_end_of_the_window_is_the_end():
    window = Window(io.BytesIO(b"0123456789"), 2, 5)
    assert window.read() == b"23456" and window.read() == b"" and window.seek(-2, io.SEEK_END) == 3
    assert window.read(9) == b"56"
    with pytest.raises(OSError, match="before the start"):
        window.seek(-1)
    window.longest_read = 3
    window.seek(0)
    with pytest.raises(OSError, match="5 bytes asked for"):
        window.read()


def test_a_file_that_shrinks_while_it_is_read():
    window = Window(io.BytesIO(b"0123456789"), 5, 10)
    with pytest.raises(OSError, match="became shorter"):
        window.read()


def several_groups(path):
    """Write a good file, whose root has blocks of free space and texts."""
    with model(path) as group:
        for name in ("first", "second", "third"):
            group.create_group(name)
        del group["second"], group["first"]


def test_a_good_file_passes(path):
    several_groups(path)
    read(path).close()
    with h5py.File(path) as file:
        assert list(file["model_weights"]) == ["third"]


@pytest.mark.parametrize(("smallest", "said"), [(1 << 40, "its free space goes round"), (200, "is damaged")])
def test_more_steps_than_a_file_has_room_for_are_not_taken(path, monkeypatch, smallest, said):
    """The file is good; it is the guard that is told of larger objects than it has."""
    several_groups(path)
    monkeypatch.setattr(heap, "SMALLEST", smallest)
    with pytest.raises(Unreadable, match=rf"^{path}: its heap at byte [\d,]+ .*{said}"):
        read(path)


@pytest.mark.parametrize("kind", [heap.LOCAL, heap.GLOBAL])
def test_a_heap_that_does_not_fit_into_what_is_there(path, kind):
    """The file is good; the guard is shown the beginning of it alone."""
    several_groups(path)
    with open(path, "rb") as file:
        data = file.read()
    start = max(at for at in range(len(data)) if data.startswith(kind, at))
    shown = data[: start + HEADER] + struct.pack("<Q", start)
    with pytest.raises(Unreadable, match=rf"its heap at byte {start:,} is damaged \(it claims [\d,]+ bytes\)"):
        heap.Heaps(Window(io.BytesIO(shown), 0, len(shown)), 0)
    heap.Heaps(Window(io.BytesIO(data), 0, len(data)), 0)


def fault_of(data):
    """What the guard says of bytes that begin with a heap, to which something points."""
    data = b"pointer:" + data
    data += struct.pack("<Q", len(b"pointer:"))
    with mock.patch.object(heap, "CHUNK", 512):  # a megabyte is made anew for each search
        try:
            heap.Heaps(Window(io.BytesIO(data), 0, len(data)), 0)
        except Unreadable as error:
            return str(error)
    return None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 80)), max_size=6), st.integers(0, 40))
def test_objects_lie_behind_each_other_or_are_refused(objects, cut):
    """Bytes, not a file: a row of objects, each with a number and a size, and less room for them than they take."""
    row, steps = b"", []
    for number, own in objects:
        steps.append(own if number == 0 else 16 + (own + 7) // 8 * 8)
        row += struct.pack("<HHIQ", number, 1, 0, own) + bytes(max(steps[-1] - 16, 0))
    room = max(16 + sum(steps) - cut, 0)
    starts = [16 + sum(steps[:at]) for at in range(len(steps))]
    good = room >= 16 and all(step >= 16 and start + step <= room
                              for start, step in zip(starts, steps) if start + 16 <= room)
    assert (fault_of(heap.GLOBAL + bytes(3) + struct.pack("<Q", room) + row) is None) == good


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=6), st.integers(0, 7))
def test_free_space_ends_or_is_refused(following, first):
    """Bytes, not a file: blocks of free space, each of which names another one; 7 is the last, 6 is outside."""

    def place(number):
        return heap.NO_FREE_BLOCK if number == 7 else number * 16

    segment = b"".join(struct.pack("<QQ", place(number), 16) for number in following)
    start = len(b"pointer:") + HEADER
    found = fault_of(heap.LOCAL + bytes(3) + struct.pack("<QQQ", len(segment), place(first), start) + segment)
    seen, here = set(), first
    while here < len(following) and here not in seen:
        seen.add(here)
        here = following[here]
    assert (found is None) == (here == 7), (first, following)


def test_many_links_of_one_group_come_by_name(path):
    with model(path, libver="latest") as group:
        for number in range(39, -1, -1):
            group.create_dataset(f"layer_{number:02}", data=np.ones(1))
    with read(path) as saved:
        assert list(saved.arrays) == [f"model_weights/layer_{number:02}" for number in range(40)]


def test_what_only_looks_like_a_heap_is_no_harm(path):
    with model(path) as group:
        group["v"] = np.frombuffer(b"\xffGCOL\x01" + b"\xff" * 18, np.uint8)
    with read(path) as saved:
        assert saved.arrays["model_weights/v"].read()[1:5].tobytes() == b"GCOL"
