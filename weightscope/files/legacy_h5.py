"""Legacy HDF5: whole models and weights alone, as Keras 1, 2 and 3 save them with the ending .h5 or .hdf5.

The weights are ordered by attributes: ``layer_names`` lists the groups of the layers, ``weight_names`` in each of
them lists its arrays. The layout is read as in keras/src/legacy/saving/legacy_h5_format.py.
"""

from weightscope.errors import Unreadable
from weightscope.files.hdf5 import Tree
from weightscope.files.saved import Saved
from weightscope.files.source import Source
from weightscope.files.untrusted import parsed_json

WEIGHTS = "model_weights"
OPTIMIZER = "optimizer_weights"
OWN = "top_level_model_weights"


def recognises(source: Source) -> bool:
    """Whether it is HDF5 with a model's configuration, or with lists of layers and weights."""
    tree = source.tree
    return tree is not None and (tree.has("", "model_config") or _weights_group(tree) is not None)


def read(source: Source) -> Saved:
    """What the file holds. Raises: ``Unreadable`` if its lists name groups that are not there, or a thing twice."""
    tree = source.tree
    assert tree is not None
    group = _weights_group(tree)
    listed = {} if group is None else _order(tree, group)
    config, training = tree.text("", "model_config"), tree.text("", "training_config")
    return Saved(
        path=source.path,
        format="legacy h5 weights" if config is None and not group else "legacy h5 model",
        keras_version=_stated(tree, group, "keras_version"),
        backend=_stated(tree, group, "backend"),
        config=None if config is None else parsed_json(config, "model_config"),
        arrays=tree.arrays,
        order={layer: [path for path in paths if path in tree.arrays] for layer, paths in listed.items()},
        missing={layer: absent for layer, paths in listed.items()
                 if (absent := [path for path in paths if path not in tree.arrays])},
        optimizer=frozenset(path for path in tree.arrays if path.startswith(f"{OPTIMIZER}/")),
        training_config=None if training is None else parsed_json(training, "training_config"),
        others=tree.others,
        _close=source.close,
    )


def _weights_group(tree: Tree) -> str | None:
    """The group with ``layer_names``: that of a whole model, or the root ("") of weights alone; None without."""
    candidates = [WEIGHTS, ""] if WEIGHTS in tree.groups else [""]
    for group in candidates:
        if tree.has(group, "layer_names") or tree.has(group, "layer_names0"):
            return group
    return None


def _stated(tree: Tree, group: str | None, name: str) -> str | None:
    """An attribute of the root or, where that has none, of the weights' group."""
    stated = tree.text("", name)
    return tree.text(group, name) if stated is None and group else stated


def _order(tree: Tree, group: str) -> dict[str, list[str]]:
    """For each layer the paths that its ``weight_names`` lists, in this order, whatever is there."""
    order: dict[str, list[str]] = {}
    for layer in tree.texts(group, "layer_names") or []:
        if layer in order:
            raise Unreadable(f"layer_names lists {layer!r} twice; save the model again with unique layer names")
        order[layer] = _paths(tree, group, layer)
    if OWN not in order and _path(group, OWN) in tree.groups:
        own = _paths(tree, group, OWN)
        order.update({OWN: own} if own else {})
    return order


def _paths(tree: Tree, group: str, layer: str) -> list[str]:
    paths = []
    for name in tree.texts(_path(group, layer), "weight_names") or []:
        path = _path(group, layer, name)
        paths.append(path)
    if len(set(paths)) < len(paths):
        raise Unreadable(f"layer {layer!r} lists an array twice; save the model again")
    return paths


def _path(*names: str) -> str:
    """Names joined to one path; names may be paths themselves, and HDF5 takes no notice of doubled slashes."""
    return "/".join(part for name in names for part in name.split("/") if part)
