"""Tools to build hostile HDF5, and to read it where it can do no harm."""

import resource
import struct
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager

import h5py


@contextmanager
def model(path, **how):
    """A small legacy model to spoil."""
    with h5py.File(path, "w", **how) as file:
        file.attrs["model_config"] = '{"class_name": "Sequential", "config": []}'
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = []
        yield group


@contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def patched(path, find, offset, value):
    """Overwrite 8 bytes at ``offset`` behind the first ``find``."""
    with open(path, "r+b") as file:
        at = file.read().index(find)
        file.seek(at + offset)
        file.write(struct.pack("<Q", value))


def read_elsewhere(path):
    """The message of `read`, run in a process of its own, for nothing stops libhdf5 once it loops."""
    code = f"""
from weightscope.errors import Unreadable
from weightscope.files.read import read
for _ in range(5):
    try:
        read({path!r}).close()
    except Unreadable as error:
        print(error)
"""
    limit = (2 << 30, 2 << 30)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )
    return done.stdout
