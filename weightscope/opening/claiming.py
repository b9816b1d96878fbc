"""What binding is made of: a weight takes its array off the list of those that are free."""

from collections import Counter

from weightscope.model.layer import Unknown, Weight


def take(weight, path, free):
    """Give a weight the array at ``path``, if that is free: ``free`` maps paths to arrays, and loses it."""
    stored = free.pop(path, None)
    if stored is not None:
        weight.stored = stored


def claim(layer, name, path, free):
    """Give an unknown layer the array at ``path`` as a weight of the given name, its axes without words."""
    weight = Weight(name, "")
    take(weight, path, free)
    layer.weights[name] = weight


def claim_raw(layer, paths, free, reason=""):
    """Give a layer the arrays of its group as the file names them, for want of a better word.

    ``reason``: why it cannot be replayed with them.
    """
    layer.weights, layer.parts = {}, {}
    leaves = [leaf_name(path) for path in paths]
    counts = Counter(leaves)
    for leaf, path in zip(leaves, paths):
        claim(layer, leaf if counts[leaf] == 1 else path, path, free)
    if not isinstance(layer, Unknown):
        layer.config = {**layer.config, "not_replayable": reason}


def leaf_name(path):
    """Return the last word of an array's path, without the ``:0`` of Keras 1 and 2."""
    return path.rsplit("/", 1)[-1].split(":")[0]
