"""One number for what a model is: its architecture and every weight, whatever the file they are kept in looks like."""

import hashlib
import json

import numpy as np

# Written by Keras, and no part of what the model computes: addresses of objects, and how it was trained.
_LEFT_OUT = {"shared_object_id", "compile_config"}


def content_hash(saved):
    """Return the SHA-256 of a file's config, arrays and assets, as hexadecimal text.

    A model saved twice in one format has one hash, though the bytes of the files differ; one changed weight, or
    setting, gives another. The state of optimizers and of random generators does not count.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(_kept(saved.config), sort_keys=True).encode())
    for path in sorted(saved.arrays):
        if path not in saved.optimizer and not path.startswith("metrics/") and "seed_generator" not in path:
            array = np.ascontiguousarray(saved.arrays[path].read())
            digest.update(f"\n{path} {array.shape} {array.dtype.newbyteorder('<').str}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    for name in sorted(saved.assets):
        digest.update(f"\n{name}\n".encode() + saved.assets[name]())
    return digest.hexdigest()


def _kept(value):
    if isinstance(value, dict):
        return {key: _kept(item) for key, item in value.items() if key not in _LEFT_OUT}
    return [_kept(item) for item in value] if isinstance(value, list) else value
