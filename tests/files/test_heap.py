import io

import numpy as np
import pytest

from weightscope.files import heap
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
