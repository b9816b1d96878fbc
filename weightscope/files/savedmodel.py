"""SavedModel folders: a checkpoint, and Keras 2's description of the model beside TensorFlow's graph of it.

The graph, which is a program, is not run: only the names of its operations are read. Sources:
tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto, tensorflow/core/framework/graph.proto, and
keras/protobuf/saved_metadata.proto of Keras 2.15.
"""

import os
from functools import partial

from weightscope.errors import Unreadable
from weightscope.files import protobuf, tensor_bundle
from weightscope.files.saved import Saved
from weightscope.files.source import Source
from weightscope.files.untrusted import parsed_json, reading

GRAPH, METADATA, INDEX = "saved_model.pb", "keras_metadata.pb", os.path.join("variables", "variables.index")


def recognises(folder: str) -> bool:
    """Whether a folder is a SavedModel."""
    return os.path.isfile(os.path.join(folder, GRAPH))


def read(folder: str) -> Saved:
    """What the folder holds. Raises: ``Unreadable``, ``Unsupported``."""
    saved = Saved(path=folder, format="SavedModel folder", operations=partial(_operations, folder))
    index = os.path.join(folder, INDEX)
    if os.path.isfile(index):
        source = Source(index)
        saved._close = source.close
        try:
            with reading(os.path.relpath(index, folder)):
                if not tensor_bundle.recognises(source):
                    raise Unreadable("is no index of a checkpoint; get or save the model again")
                tensor_bundle.fill(saved, source, index)
        except BaseException:
            source.close()
            raise
    _describe(saved, folder)
    if saved.config is None or saved.objects is None:
        saved.config, saved.order = None, tensor_bundle.groups(saved)
    return saved


def _describe(saved: Saved, folder: str):
    """Fill in what Keras says of the root of all objects: the model's configuration, and which Keras wrote it."""
    metadata = _root_metadata(folder)
    found = parsed_json(metadata, "the description of its root") if metadata.strip() else None
    if isinstance(found, dict):
        saved.config = _config(found)
        saved.keras_version, saved.backend = (
            found[key] if isinstance(found.get(key), str) else None for key in ("keras_version", "backend"))


def _config(found: dict):
    """The configuration of a model in the description of it; None without one."""
    inner = found["model_config"] if isinstance(found.get("model_config"), dict) else found
    if not isinstance(inner.get("class_name"), str) or not isinstance(inner.get("config"), (dict, list)):
        return None
    return _plain({"class_name": inner["class_name"], "config": inner["config"]})


def _root_metadata(folder: str) -> str:
    path = os.path.join(folder, METADATA)
    if os.path.isfile(path):
        nodes = protobuf.submessages(protobuf.fields(_bytes(path)), 1)
        roots = [node for node in nodes if protobuf.text(protobuf.first(node, 3)) == "root"]
        return protobuf.text(protobuf.first(roots[0], 5)) if roots else ""
    graphs = protobuf.submessages(protobuf.fields(_bytes(os.path.join(folder, GRAPH))), 2)
    for graph in graphs[:1]:
        objects = protobuf.fields(protobuf.first(graph, 7)).get(1, [])
        root = protobuf.fields(objects[0]) if objects and not isinstance(objects[0], int) else {}
        return protobuf.text(protobuf.first(protobuf.fields(protobuf.first(root, 4)), 3))
    return ""


def _operations(folder: str) -> dict[str, str]:
    with reading(folder):
        return operations(_bytes(os.path.join(folder, GRAPH)))


def operations(data: bytes | memoryview) -> dict[str, str]:
    """The operations in the graphs of a SavedModel and in the functions of each, with the first node of each."""
    found: dict[str, str] = {}
    for graph in protobuf.submessages(protobuf.fields(data), 2):
        definition = protobuf.fields(protobuf.first(graph, 2))
        library = protobuf.fields(protobuf.first(definition, 2))
        functions = protobuf.submessages(library, 1)
        for nodes in (protobuf.submessages(definition, 1), *(protobuf.submessages(one, 3) for one in functions)):
            for node in nodes:
                found.setdefault(protobuf.text(protobuf.first(node, 2)), protobuf.text(protobuf.first(node, 1)))
    return found


def _bytes(path: str) -> bytes:
    source = Source(path)
    try:
        return source.window().read()
    finally:
        source.close()


def _plain(value):
    """Lists for the tuples that this format, and no other, writes down as such."""
    if isinstance(value, dict):
        if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
            return [_plain(item) for item in value["items"]]
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
