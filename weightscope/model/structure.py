"""Nested lists, tuples and mappings of tensors, in the order in which Keras flattens them, and Keras' object names."""

import re


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
