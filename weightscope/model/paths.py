"""Layers inside layers, by path: ``dense``, ``encoder/dense``, ``bidirectional/forward_layer``, ``shared#2``.

An owner has ``inside()``, a mapping of names to layers. A name may have slashes in it, in old files and in lists of
layers, so a path is read name by name, and not cut at its slashes.
"""

from weightscope.errors import NoSuchLayer
from weightscope.show.names import did_you_mean, printable

NAMED = 5  # layers in an error that has no better hint


def found(owner, path):
    """Return the layer at a path inside another, or None."""
    names = owner.inside()
    if path in names:
        return names[path]
    for name, layer in names.items():
        if path.startswith(f"{name}/"):
            inner = found(layer, path[len(name) + 1:])
            if inner is not None:
                return inner
    return None


def walk(owner, prefix=""):
    """Yield ``(path, layer)`` of every layer inside another, owners first, each once."""
    seen = set()
    for name, layer in owner.inside().items():
        if layer not in seen:
            seen.add(layer)
            yield prefix + name, layer
            yield from walk(layer, f"{prefix}{name}/")


def missing(owner, name, known):
    """Return the error for a name that no layer has; ``known``: those that it might have meant, by what to call them.

    Its one line has those that look like it, or that are it in another place.
    """
    meant = [other for other, layer in known if name in (layer.name, other.rpartition("/")[2])]
    hint = f" Did you mean {' or '.join(map(printable, meant))}?" if meant else did_you_mean(
        name, [other for other, _ in known])
    return NoSuchLayer(f"{printable(owner.class_name)} {owner.name!r} has no layer {name!r}.{hint or _told(known)}")


def _told(known):
    names = [printable(name) for name, _ in known[:NAMED]]
    more = [f"{len(known) - NAMED:,} more"] if len(known) > NAMED else []
    return f" It has {', '.join([*names, *more])}." if names else ""
