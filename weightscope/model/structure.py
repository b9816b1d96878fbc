"""What is inside what: nested lists and mappings of tensors, as Keras flattens them, and layers in layers, by path.

A path is made of names with slashes between them: ``dense``, ``encoder/dense``, ``bidirectional/forward_layer``. An
owner of layers has them in ``inside()``, a mapping by name; in old files names have slashes in them, too.
"""

import re

from weightscope.errors import NoSuchLayer
from weightscope.model.names import did_you_mean, printable

MOST_NAMED = 5  # layers in an error that has no better hint


def flatten(structure):
    """Return the leaves of nested lists, tuples and mappings, mappings in sorted key order as in ``keras.tree``."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    return [structure]


def as_outputs(leaves):
    """Return the flat outputs of a call as a Trace has them: one by itself, several as a list."""
    return leaves[0] if len(leaves) == 1 else leaves


def map_structure(function, structure):
    """Return the same nesting with ``function`` applied to every leaf."""
    if isinstance(structure, dict):
        return {key: map_structure(function, item) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_structure(function, item) for item in structure])
    return function(structure)


def is_shape(value):
    """Tell a shape, a tuple of sizes and Nones, from a list of shapes."""
    return isinstance(value, tuple) and all(item is None or isinstance(item, int) for item in value)


def is_known(shape):
    """Tell whether a layer's shape rule gave a shape, or a structure of shapes and nothing else."""
    if is_shape(shape):
        return True
    items = shape.values() if isinstance(shape, dict) else shape
    return isinstance(shape, (dict, list, tuple)) and all(map(is_known, items))


def flatten_shapes(structure):
    """Return the shapes in a structure of them, in the order of ``flatten``."""
    if is_shape(structure):
        return [structure]
    if isinstance(structure, dict):
        return [shape for key in sorted(structure) for shape in flatten_shapes(structure[key])]
    if not isinstance(structure, (list, tuple)):
        raise TypeError(f"{str(structure)[:60]!r} is no shape")
    return [shape for item in structure for shape in flatten_shapes(item)]


def snake_case(name):
    """Return the group name that Keras gives a class (``keras/src/utils/naming.py``)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def at_path(owner, path):
    """Return the layer at a path inside another, or None."""
    names = owner.inside()
    if path in names:
        return names[path]
    for name, layer in names.items():
        if path.startswith(f"{name}/"):
            inner = at_path(layer, path[len(name) + 1:])
            if inner is not None:
                return inner
    return None


def with_paths(owner, prefix=""):
    """Yield ``(path, layer)`` of every layer inside another, owners first, each once."""
    seen = set()
    for name, layer in owner.inside().items():
        if layer not in seen:
            seen.add(layer)
            yield prefix + name, layer
            yield from with_paths(layer, f"{prefix}{name}/")


def no_such_layer(owner, name, known):
    """Return the error for a name that no layer has; ``known``: those that it might have meant, by what to call them.

    Its one line has those that look like it, or that are it in another place.
    """
    meant = [other for other, layer in known if name in (layer.name, other.rpartition("/")[2])]
    hint = f" Did you mean {' or '.join(map(printable, meant[:3]))}?" if meant else did_you_mean(
        name, [other for other, _ in known])
    return NoSuchLayer(f"{printable(owner.class_name)} {owner.name!r} has no layer {name!r}.{hint or _told(known)}")


def _told(known):
    names = [printable(name) for name, _ in known[:MOST_NAMED]]
    more = [f"{len(known) - MOST_NAMED:,} more"] if len(known) > MOST_NAMED else []
    return f" It has {', '.join([*names, *more])}." if names else ""
