"""Tools to build odd HDF5, and to see what reading it takes."""

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
