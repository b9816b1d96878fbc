"""An unpacked .keras: a folder of config.json, metadata.json, model.weights.h5 and assets, as Keras 3 loads it too."""

import os
from functools import partial

from weightscope.errors import Unreadable
from weightscope.files import shards, weights_h5
from weightscope.files.hdf5 import Tree
from weightscope.files.keras_archive import ASSETS, CONFIG, LONGEST_JSON, METADATA, MOST_MEMBERS, SHARD_MAP, WEIGHTS
from weightscope.files.saved import Saved
from weightscope.files.source import Source
from weightscope.files.untrusted import parsed_json, reading


def recognises(folder: str) -> bool:
    """Whether a folder is one."""
    return os.path.isfile(os.path.join(folder, CONFIG)) and any(
        os.path.isfile(os.path.join(folder, name)) for name in (WEIGHTS, SHARD_MAP))


def read(folder: str) -> Saved:
    """What the folder holds.

    Raises: ``Unreadable`` for a file in it that is missing, damaged or far too long, ``Unsafe`` for one that wants to
    read others.
    """
    source = Source(os.path.join(folder, CONFIG))
    try:
        saved = weights_h5.saved_of(source, _trees(source, folder), "keras folder")
        saved.path, saved.config, saved.oddities = folder, _json(source, CONFIG), source.oddities
        if os.path.isfile(os.path.join(folder, METADATA)):
            saved.metadata = _json(_opened(source, folder, METADATA), METADATA)
    except BaseException:
        source.close()
        raise
    version = saved.metadata.get("keras_version")
    saved.keras_version = version if isinstance(version, str) else None
    for name in _assets(folder):
        saved.assets[name] = partial(_asset, folder, name)
    return saved


def _opened(source: Source, folder: str, name: str) -> Source:
    """A file of the folder, open as long as ``source``."""
    found = Source(os.path.join(folder, name))
    source.opened.callback(found.close)
    return found


def _trees(source: Source, folder: str) -> list[Tree]:
    names = [WEIGHTS]
    if not os.path.isfile(os.path.join(folder, WEIGHTS)):
        names = shards.names(_bytes(_opened(source, folder, SHARD_MAP), SHARD_MAP), SHARD_MAP)
    found = [(name, _opened(source, folder, name)) for name in names]
    trees = [(name, part.tree) for name, part in found]
    source.oddities += [oddity.inside(name) for name, part in found for oddity in part.oddities]
    wrong = next((name for name, tree in trees if tree is None), None)
    if wrong is not None:
        raise Unreadable(f"its {wrong} is not HDF5; get or save it again")
    return [tree for _, tree in trees if tree is not None]


def _json(source: Source, name: str) -> dict:
    return parsed_json(_bytes(source, name), name)


def _bytes(source: Source, name: str) -> bytes:
    if source.length > LONGEST_JSON:
        raise Unreadable(f"its {name} has {source.length:,} bytes; no Keras model has so long a one")
    return source.window().read()


def _assets(folder: str) -> list[str]:
    """The paths of the files below ``assets``, links to folders left alone."""
    root = os.path.join(folder, ASSETS)
    found = [os.path.relpath(os.path.join(above, name), root).replace(os.sep, "/")
             for above, _, names in os.walk(root) for name in names]
    if len(found) > MOST_MEMBERS:
        raise Unreadable(f"is a folder of {len(found):,} assets; no Keras model has so many")
    return sorted(found)


def _asset(folder: str, name: str) -> bytes:
    with reading(folder):
        source = Source(os.path.join(folder, ASSETS, name))
        try:
            return source.window().read()
        finally:
            source.close()
