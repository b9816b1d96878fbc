"""Records of models, made without Keras: what a replay itself gives, as a file or as one file a layer."""

from functools import lru_cache
from pathlib import Path

import numpy as np


@lru_cache(maxsize=64)
def _values(model, given):
    import weightscope
    from weightscope.replaying import inputs

    opened = weightscope.load(model)
    arrays, _ = inputs.for_model(opened, [given])
    trace = weightscope.replay(opened, arrays)
    return {name: np.asarray(value) for name, value in trace.items() if isinstance(value, np.ndarray)}


@lru_cache(maxsize=256)
def _inputs(model):
    import weightscope
    from weightscope.errors import WeightscopeError
    from weightscope.replaying import inputs

    try:
        opened = weightscope.load(model)
        arrays, _ = inputs.for_model(opened, samples=2)
    except WeightscopeError:  # no model, but weights or some other file
        return {}
    arrays = arrays if isinstance(arrays, list) else [arrays]
    return {layer.name: array for layer, array in zip(opened.input_layers, arrays)}


def made_up(model, path):
    """Write inputs that a model takes, made up, to an ``.npz``; return its path."""
    np.savez(path, **{name.replace("/", "_"): array for name, array in _inputs(model).items()})
    return path


def record_of(model, given, folder, chance):
    """Write a record of a model into a folder, and the values of each layer as an ``.npy`` beside it; return its path.

    ``given``: the file with the input; ``chance``: a ``random.Random``, which says how it is kept: as an ``.npz``, an
    HDF5 file, an ``.npy`` or a ``.bin`` of the output.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    values = _values(str(model), str(given))
    for name, array in values.items():
        np.save(folder / f"{name.replace('/', '_')}.npy", array)
    how = chance.choice((".npz", ".npz", ".h5", ".npy", ".bin"))
    path = folder / f"record{how}"
    if how == ".npz":
        np.savez(path, **{f"layers/{name}": array for name, array in values.items()})
    elif how == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            for name, array in values.items():
                if not any(other.startswith(f"{name}/") for other in values):  # in HDF5, a group
                    file[f"activations/{name}"] = array
    elif how == ".npy":
        np.save(path, list(values.values())[-1])
    else:
        list(values.values())[-1].tofile(path)
    return path
