"""Weights of Keras 0.x: ``layer_0/param_0``, ``layer_0/param_1``, … for each layer by its number, without any names.

A Graph kept all its arrays in one group, ``graph/param_0``, …, layer after layer. Source: ``save_weights`` in
keras/models.py of Keras 0.3.
"""

import re

from weightscope.files.saved import Saved
from weightscope.files.source import Source

LAYERS, PARAMETERS = "nb_layers", "nb_params"
GRAPH = "graph"


def recognises(source: Source) -> bool:
    """Whether it is HDF5 that says how many layers it has, and gives them no names, or is a Graph's."""
    tree = source.tree
    if tree is None:
        return False
    return tree.has("", LAYERS) or (GRAPH in tree.groups and tree.has(GRAPH, PARAMETERS))


def read(source: Source) -> Saved:
    """What the file holds; such a file has no configuration, and does not say which Keras wrote it."""
    assert source.tree is not None
    numbered: dict[str, dict[int, str]] = {}
    for path in source.tree.arrays:
        found = re.fullmatch(rf"(layer_\d{{1,9}}|{GRAPH})/param_(\d{{1,9}})", path)
        if found:
            numbered.setdefault(found[1], {})[int(found[2])] = path
    groups = sorted(numbered, key=lambda group: int(group.rpartition("_")[2]) if group != GRAPH else -1)
    return Saved(
        path=source.path,
        format="keras 0 weights",
        arrays=source.tree.arrays,
        order={group: [numbered[group][number] for number in sorted(numbered[group])] for group in groups},
        others=source.tree.others,
        _close=source.close,
    )
