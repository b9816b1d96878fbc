import io
import struct

import numpy as np
import pytest
from files.hostile import model, patched, read_elsewhere

from weightscope.errors import Unreadable
from weightscope.files import heap
from weightscope.files.read import read
from weightscope.files.source import Window


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


HEAP = b"GCOL\x01\0\0\0"


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (24, 2**64 - 16),  # the first text: libhdf5 1.14.6 never returns
        (24, 2**64 - 8),
        (24, 2**63),
        (24, 5000),
        (8, 2**64 - 1),  # the collection itself
        (8, 8),
    ],
)
def test_heap_whose_sizes_would_loop(path, offset, size):
    with model(path):
        pass
    patched(path, HEAP, offset, size)
    said = read_elsewhere(path)
    assert said.startswith(f"{path}: its heap at byte") and "is damaged" in said


def test_free_space_that_goes_round_in_a_circle(path):
    """libhdf5 1.14.6 follows it for ever, and takes more memory at every turn: 5 GB in a minute."""
    with model(path) as group:
        for name in ("first", "second", "third"):
            group.create_group(name)
        del group["second"], group["first"]
    with open(path, "rb") as file:
        data = file.read()
    starts = [at for at in range(len(data)) if data.startswith(heap.LOCAL, at)]
    looped = 0
    for start in starts:
        size, free, segment = struct.unpack_from("<QQQ", data, start + 8)
        if free + 16 <= size:
            patched(path, data[segment : segment + 64], free, free)
            looped += 1
    assert looped
    assert "its free space goes round in a circle" in read_elsewhere(path)


@pytest.mark.parametrize("byte", [0, 40, 100, 300, 420])
def test_a_damaged_group_of_many_links(path, byte):
    """libhdf5 1.14.6 frees what it never allocated when it sorts the links of such a group."""
    with model(path, libver="latest") as group:
        for number in range(40):
            group.create_group(f"layer_{number}")
    with open(path, "r+b") as file:
        at = file.read().index(b"FHDB") + byte
        file.seek(at)
        old = file.read(1)
        file.seek(at)
        file.write(bytes([old[0] ^ 1]))
    assert read_elsewhere(path).startswith(f"{path}: is damaged or incomplete")


def test_free_space_of_size_zero(path):
    with model(path):
        pass
    with open(path, "rb") as file:
        data = file.read()
    at = data.index(HEAP) + 16
    while struct.unpack_from("<H", data, at)[0]:
        at += 16 + (struct.unpack_from("<Q", data, at + 8)[0] + 7) // 8 * 8
    patched(path, HEAP, at - data.index(HEAP) + 8, 0)
    with pytest.raises(Unreadable, match="object 0 claims 0 bytes"):
        read(path)


def test_what_only_looks_like_a_heap_is_no_harm(path):
    with model(path) as group:
        group["v"] = np.frombuffer(b"\xffGCOL\x01" + b"\xff" * 18, np.uint8)
    with read(path) as saved:
        assert saved.arrays["model_weights/v"].read()[1:5].tobytes() == b"GCOL"
