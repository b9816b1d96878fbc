"""Keras 3's HDF5 layout: ``layers/dense/vars/0``. It is a file of its own (.weights.h5), or inside a .keras archive.

keras/src/saving/saving_lib.py writes it by walking the attributes of the model: a group is named after an attribute,
or inside a list after the class of the member, counted from the second on. There is no list of names or order.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from weightscope.errors import Unreadable
from weightscope.files.hdf5 import Tree
from weightscope.files.saved import Saved, Stored
from weightscope.files.source import Source
from weightscope.files.untrusted import reading

VARIABLES = "vars"
LAYERS = "layers"
OLD_LAYERS = "_layer_checkpoint_dependencies"
OPTIMIZERS = ("optimizer", "_optimizer")


def recognises(source: Source) -> bool:
    """Whether it is HDF5 with groups named "vars"."""
    return source.tree is not None and any(path.split("/")[-1] == VARIABLES for path in source.tree.groups)


def read(source: Source) -> Saved:
    """What the file holds; such a file has no configuration, and does not say which Keras wrote it."""
    assert source.tree is not None
    return saved_of(source, [source.tree], "keras weights h5")


def saved_of(source: Source, trees: list[Tree], kind: str) -> Saved:
    """What one file, or the shards of one, hold together. Raises: ``Unreadable`` if two arrays have one path."""
    arrays: dict[str, Stored] = {}
    others: dict[str, str] = {}
    for tree in trees:
        renamed = keras_3_paths([*tree.groups, *tree.arrays])
        for true_path, array in tree.arrays.items():
            path = renamed.get(true_path, true_path)
            if path in arrays:
                raise Unreadable(f"two arrays are named {path!r}; save the model again")
            arrays[path] = array if path == true_path else replace(array, path=path)
        others.update(tree.others)
    return Saved(
        path=source.path,
        format=kind,
        arrays=arrays,
        optimizer=frozenset(path for path in arrays if _is_optimizer(path.split("/"))),
        others=others,
        _names=partial(_names, source.path, trees),
        _close=source.close,
    )


def keras_3_paths(paths: Iterable[str]) -> dict[str, str]:
    """True path → the path that Keras 3 would have given it, for those where that is another one.

    Files saved on Windows join names with backslashes. Keras 2.12 and 2.13 walk a model's
    ``_layer_checkpoint_dependencies`` before its ``layers``: a dictionary with every layer once, and those that have
    weights a second time, which then counts for the name: dense, dense_2, dense_4. In order they are Keras 3's.
    """
    slashed = {path: path.replace("\\", "/") for path in paths}
    if any(OLD_LAYERS in path for path in slashed.values()):
        ranks = _ranks(slashed.values())
        slashed = {path: _counted_as_keras_3(new, ranks) for path, new in slashed.items()}
    return {path: new for path, new in slashed.items() if path != new}


def _ranks(paths: Iterable[str]) -> dict[str, str]:
    """Path of a group below ``_layer_checkpoint_dependencies`` → the name it would have, counted without gaps."""
    members: dict[tuple[str, str], dict[int, str]] = {}
    for path in paths:
        parts = path.split("/")
        for at in [at for at, part in enumerate(parts[:-1]) if part == OLD_LAYERS]:
            base, number = _base_and_number(parts[at + 1])
            members.setdefault(("/".join(parts[: at + 1]), base), {})[number] = parts[at + 1]
    ranks = {}
    for (parent, base), named in members.items():
        for rank, number in enumerate(sorted(named)):
            ranks[f"{parent}/{named[number]}"] = f"{base}_{rank}" if rank else base
    return ranks


def _base_and_number(name: str) -> tuple[str, int]:
    counted = re.fullmatch(r"(.*)_([1-9][0-9]{0,8})", name, re.DOTALL)
    return (counted[1], int(counted[2])) if counted else (name, 0)


def _counted_as_keras_3(path: str, ranks: dict[str, str]) -> str:
    parts = path.split("/")
    renamed = [ranks.get("/".join(parts[: at + 1]), part) if at and parts[at - 1] == OLD_LAYERS else part
               for at, part in enumerate(parts)]
    return "/".join(LAYERS if part == OLD_LAYERS else part for part in renamed)


def _is_optimizer(parts: list[str]) -> bool:
    """Below an attribute ``optimizer`` of the model, or of a model inside it; not a layer whose class has that name."""
    return any(part in OPTIMIZERS and parts[at - 1] != LAYERS for at, part in enumerate(parts[:-1]) if at) or (
        parts[0] in OPTIMIZERS
    )


def _names(file_name: str, trees: list[Tree]) -> dict[str, str]:
    names = {}
    with reading(file_name):
        for tree in trees:
            renamed = keras_3_paths([*tree.groups, *tree.arrays])
            for group in tree.groups:
                *parents, last = renamed.get(group, group).split("/")
                name = tree.text(group, "name") if last == VARIABLES else None
                if name is not None:
                    names["/".join(parents)] = name
    return names
