"""Bytes changed at random: whatever a file holds, reading it ends, in a result or in a WeightscopeError of one line."""

import random
import subprocess
import sys
from pathlib import Path

import pytest


def mutated(data, seed):
    """``data`` cut off or with some bytes changed, mostly those that are not zero: sizes, addresses, names."""
    chance, changed = random.Random(seed), bytearray(data)
    if seed % 8 == 0:
        return bytes(changed[: chance.randrange(len(changed))])
    used = [at for at, byte in enumerate(changed) if byte]
    for _ in range(chance.choice((1, 2, 8, 32))):
        at = chance.choice(used)
        if chance.random() < 0.5:
            changed[at] ^= 1 << chance.randrange(8)
        else:
            changed[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8), chance.randbytes(8), b"\0\0\0\0\0\0\0\x80"))
    return bytes(changed)


def outcome(path):
    from weightscope.errors import WeightscopeError
    from weightscope.files.read import read

    try:
        with read(path) as saved:
            for array in saved.arrays.values():
                array.read()
            for asset in saved.assets.values():
                asset()
            assert isinstance(saved.names, dict)
    except WeightscopeError as error:
        assert len(str(error).splitlines()) == 1
        return type(error).__name__
    return "read"


def main(original, scratch, cases):
    data = Path(original).read_bytes()
    outcomes = set()
    for seed in range(int(cases)):
        print(seed, flush=True)  # the last line names the case that crashed or hung
        Path(scratch).write_bytes(mutated(data, seed))
        outcomes.add(outcome(scratch))
    print(" ".join(sorted(outcomes)))


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["h5", "keras", "weights", "legacy_weights"])
def test_changed_bytes(trained, tmp_path, kind):
    from how_many import how_many  # which is not beside this file when it is a process of its own

    assert outcome(getattr(trained, kind)) == "read"
    command = [sys.executable, __file__, getattr(trained, kind), str(tmp_path / "changed"), str(how_many(80, 2400))]
    with open(tmp_path / "log", "w+") as log:
        # A process of its own: libhdf5 could end or hang this one.
        status = subprocess.run(command, stdout=log, stderr=log, timeout=3000).returncode
        log.seek(0)
        lines = log.read().splitlines()
    assert status == 0, "\n".join(lines[-20:])
    assert "Unreadable" in lines[-1].split()


if __name__ == "__main__":
    main(*sys.argv[1:])
