"""Keras 3 weights in several files: model.weights.json says which of them, model_00000.weights.h5 …, has what."""

import os

from weightscope.errors import Unreadable
from weightscope.files import weights_h5
from weightscope.files.saved import Saved
from weightscope.files.source import Source
from weightscope.files.untrusted import parsed_json

LONGEST_MAP = 64 << 20


def recognises(source: Source) -> bool:
    """Whether it is the map, a JSON object that has the two keys which Keras writes, one at the start."""
    head = b"".join(source.head.split())
    return head.startswith((b'{"metadata":{"total_size":', b'{"weight_map":'))


def read(source: Source) -> Saved:
    """What the shards beside the map hold together.

    Raises: ``Unreadable`` if the map is damaged, or a shard is missing, damaged, or said to be in another folder.
    """
    if source.length > LONGEST_MAP:
        raise Unreadable(f"is a map of weights of {source.length:,} bytes; none of Keras is so long")
    trees = []
    for name in names(source.window().read(), "the map of weights"):
        shard = Source(os.path.join(os.path.dirname(source.path), name))
        source.opened.callback(shard.close)
        if shard.tree is None:
            raise Unreadable(f"shard {name!r} is not HDF5; get or save it again")
        trees.append(shard.tree)
        source.oddities += [oddity.inside(name) for oddity in shard.oddities]
    return weights_h5.saved_of(source, trees, "keras weights h5")


def names(text: bytes, what: str) -> list[str]:
    """The names of the shards in a map, sorted. Raises: ``Unreadable`` unless they are names of plain files."""
    weight_map = parsed_json(text, what).get("weight_map")
    if not isinstance(weight_map, dict):
        raise Unreadable(f"{what} has no weight_map; save the weights again")
    found: set[str] = set()
    for value in weight_map.values():
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or not name.endswith(".weights.h5") or set(name) & set("/\\:\0"):
                raise Unreadable(f"{what} names {name!r}, which is no shard beside it")
            found.add(name)
    return sorted(found)
