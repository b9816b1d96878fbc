"""Keras 3's layers in the words of its newest version: one small rule for each change of what a setting means.

A rule reads files that were saved before the version it stands with. It chooses a class or a setting of ours, so that
the layer computes what the Keras that saved it computed. A file of a newer version than any is left as it is. Source:
``keras/src/layers`` and ``keras/src/backend/tensorflow`` of each version.
"""

import re

LAYOUT = "keras3"
_ATTENTION = {"MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"}


def reader(keras_version):
    """Return what reads a serialised layer of this version: ``layer(found, backend, notes)``; None without a rule."""
    version = tuple(map(int, re.findall(r"\d+", str(keras_version))[:3]))
    rules = [rule for before, rule in _CHANGES if version < before]

    def layer(found, backend, notes):
        module = found.get("module")
        own = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
        for rule in rules if own and isinstance(found["config"], dict) else ():
            found = rule(found, found["class_name"], version, notes)
        return found

    return layer if rules else None


def _of_ours(found, **settings):
    return {**found, "layout": LAYOUT, "config": {**found["config"], **settings}}


def _masked_rows(found, class_name, version, notes):
    """Before 3.10 the softmax of a row that is masked as a whole was not set to zeros."""
    if class_name == "Softmax":
        notes["Softmax gives shares of 1, not zeros, where all of a row is masked"] = True
        return _of_ours(found)
    if class_name not in _ATTENTION:
        return found
    if version < (3, 7) or found["config"].get("dropout") or _asks_scores(found):
        notes[f"{class_name} gives a query whose keys are all masked the mean of the values, not zeros"] = True
    return _of_ours(found)


def _asks_scores(found):
    nodes = found.get("inbound_nodes")
    return any(isinstance(node, dict) and isinstance(node.get("kwargs"), dict)
               and node["kwargs"].get("return_attention_scores") for node in (nodes if isinstance(nodes, list) else ()))


def _random_crop(found, class_name, version, notes):
    """Before 3.8 RandomCrop brought images to its size in predict, too."""
    if class_name != "RandomCrop":
        return found
    notes["RandomCrop cuts and resizes in predict, too, to its height and width"] = True
    return _of_ours(found, from_corner=version >= (3, 6))


def _discretization(found, class_name, version, notes):
    """Before 3.12 the dtype of Discretization was that of its result, int64, and not of what goes in to it.

    Called, it took floats as they are; a graph of TensorFlow, so ``predict`` there, cut them to whole numbers first.
    """
    config = found["config"]
    if class_name != "Discretization" or config.get("output_mode", "int") != "int":
        return found
    result = config.get("dtype") or "int64"
    result = result if isinstance(result, str) else (result.get("config") or {}).get("name", "int64")
    notes[f"Discretization gives {result}, of floats as they are (a graph of TensorFlow cuts them off first)"] = True
    return _of_ours(found, result_dtype=result, dtype="float32")


def _one_hot(found, class_name, version, notes):
    """Before 3.4 an axis of 1 was kept by one-hot codes."""
    if class_name not in ("CategoryEncoding", "Discretization") or found["config"].get("output_mode") != "one_hot":
        return found
    notes[f"{class_name} makes (n, 1, categories) of (n, 1) numbers"] = True
    return _of_ours(found, keeps_axis=True)


def _take(found, class_name, version, notes):
    """Before 3.3 ops.take was tf.experimental.numpy.take, which clips indices."""
    if class_name != "Take" or found.get("module") not in (None, "keras.src.ops.numpy"):
        return found
    notes["ops.take takes the first slice for a negative index, the last one for one that is too large"] = True
    return {**found, "config": {**found["config"], "mode": "clip"}}


_CHANGES = (
    ((3, 3), _take), ((3, 4), _one_hot), ((3, 8), _random_crop), ((3, 10), _masked_rows), ((3, 12), _discretization),
)
