"""What a file that is no Keras model seems to be, and what to do about it."""

import os
import re
import struct
from typing import NamedTuple

from weightscope.errors import Unreadable, Unsupported, WeightscopeError
from weightscope.files import protobuf
from weightscope.files.source import Source

AGAIN = "name a .keras, .h5 or .weights.h5 file"


class Kind(NamedTuple):
    """What a file is: the ``code`` of the hazard that it is, what it ``seems`` to be, and what to do about that.

    ``of_models``: whether it is a format for models, or pretends to be one; ``supported``: whether another file of
    such a model might be read.
    """

    code: str
    seems: str
    remedy: str
    of_models: bool = True
    supported: bool = True

    @property
    def name(self) -> str:
        """What it seems to be, in few words."""
        return self.seems.removeprefix("is ").partition(",")[0]


def _other(seems: str, remedy: str = AGAIN) -> Kind:
    return Kind("WS462", seems, remedy, False)


def _model_of(program: str, remedy: str = "save the model with Keras as .keras") -> Kind:
    return Kind("WS462", f"is {program}", remedy, supported=False)


PICKLE = Kind("WS461", "is a Python pickle, which weightscope never opens", AGAIN)
PAGE = Kind("WS463", "is a web page", "download the file itself, not the page about it")
NOT_KERAS = Kind("WS462", "is HDF5, but holds neither a Keras model nor its weights", AGAIN, False)
NOTHING = Kind("WS464", "is of no kind that weightscope knows", AGAIN, False)
_GRAPH = _model_of("a graph of TensorFlow's, or a SavedModel without its folder",
                   "name the folder that holds saved_model.pb, or save the model with Keras as .keras")
_ONNX = _model_of("an ONNX model")
_PROTOBUF = _ONNX._replace(seems="seems to be a protobuf, as ONNX and SavedModel are")

# The start of the file → what it is and what to do; the first that fits counts.
STARTS = (
    (b"version https://git-lfs", Kind("WS463", "is a git-lfs pointer, not the file itself", "run `git lfs pull`")),
    (b"<!doctype html", PAGE),
    (b"<html", PAGE),
    (b"<?xml", _other("is XML")),
    (b"\x93numpy", _other("is a NumPy array")),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"gguf", _model_of("a GGUF model")),
    (b"\x1f\x8b", _other("is packed by gzip", "unpack it first")),
    (b"rar!", _other("is packed by RAR", "unpack it first")),
    (b"7z\xbc\xaf\x27\x1c", _other("is packed by 7-Zip", "unpack it first")),
    (b"{", _other("is JSON, perhaps a model's configuration, without weights")),
    (b"[", _other("is JSON, without weights")),
)
# Of PyTorch's, whose files were pickles in a row before they were zips.
_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_OF_OBJECTS = re.compile(rb"'\|?O'")
_OLD_PICKLE = re.compile(rb"[(\]}lcd]{0,3}[ci][A-Za-z_][\w.]*\n[A-Za-z_]\w*\n")
_PYTHON_IN_YAML = re.compile(rb"^[ \t]*(- )*([\w'\"]+:[ \t]*)?!!python/", re.MULTILINE)
_LONGEST_HEADER = 100 << 20
_MOST_FIELDS = 1000
_HEAD_OF_TEXT = 1 << 16


def error_for(source: Source) -> WeightscopeError:
    """The error that says what the file seems to be."""
    found = kind_of(source)
    return (Unreadable if found.supported else Unsupported)(f"{found.seems}; {found.remedy}")


def kind_of(source: Source) -> Kind:
    """What the file seems to be, which is none of the formats that are read."""
    if not source.length:
        return Kind("WS464", "is empty", "get or save the file again", False)
    if source.tree is not None:
        return NOT_KERAS
    if source.head.startswith(_TORCH):
        return PICKLE._replace(seems="is a PyTorch file, a pickle, which weightscope never opens")
    if source.head.startswith(b"\x93NUMPY") and _OF_OBJECTS.search(source.head):
        return PICKLE._replace(seems="is a NumPy array of Python objects, a pickle, which weightscope never opens")
    head = source.head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, found in STARTS:
        if head.startswith(start):
            return found
    return _by_place(source) or _by_fields(source) or NOTHING


def _by_place(source: Source) -> Kind | None:
    """What is told by bytes that are not the first, or not of one kind."""
    head = source.head
    text = source.window(0, min(_HEAD_OF_TEXT, source.length)).read()
    if b"class_name:" in text and _PYTHON_IN_YAML.search(text):
        return PICKLE._replace(seems="is YAML that asks for objects of Python, as a pickle does; weightscope never"
                                     " reads any")
    if head[4:8] == b"TFL3":
        return _model_of("a TensorFlow Lite model", "name the Keras model it was converted from")
    if head[257:262] == b"ustar":
        return _other("is a tar archive", "unpack it first")
    if not head.strip(b"\0"):
        return Kind("WS463", "starts with nothing but zeros, as an interrupted download does", "get the file again",
                    False)
    if head[8:10] == b'{"' and struct.unpack("<Q", head[:8])[0] <= min(_LONGEST_HEADER, source.length - 8):
        return _model_of("a safetensors file")
    if _OLD_PICKLE.match(head) and source.window(source.length - 2).read().rstrip().endswith(b"."):
        return PICKLE
    return None


def _by_fields(source: Source) -> Kind | None:
    """What a message of protobuf is, by the numbers of its fields: ONNX' ModelProto, a SavedModel, a GraphDef."""
    if source.head[:1] not in (b"\x08", b"\x0a"):
        return None
    numbers = _field_numbers(source)
    if source.head[:1] == b"\x0a":
        return _GRAPH if numbers and numbers <= {1, 2, 3, 4} and 1 in numbers and numbers != {1} else None
    if numbers and {7, 8} & numbers and numbers <= {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}:
        return _ONNX
    if numbers == {1, 2} and source.head[:3] == b"\x08\x01\x12":  # the first version, and so the only one so far
        return _GRAPH
    return _PROTOBUF


def _field_numbers(source: Source) -> set[int]:
    """The numbers of the first fields of a message, whose values are not read; empty for what is no message."""
    found: set[int] = set()
    position = 0
    for _ in range(_MOST_FIELDS):
        if position >= source.length:
            return found if position == source.length else set()
        data = source.window(position, min(20, source.length - position)).read()
        try:
            tag, at = protobuf.varint(data, 0)
            value, after = protobuf.varint(data, at) if tag & 7 in (0, 2) else (0, at)
        except Unreadable:
            return set()
        length = {0: after, 1: at + 8, 2: after + value, 5: at + 4}.get(tag & 7)
        if length is None:
            return set()
        found.add(tag >> 3)
        position += length
    return found


def kind_of_zip(names: list[str]) -> Kind:
    """What a zip seems to be that is no .keras, by the names of its members."""
    last = {name.rpartition("/")[2] for name in names}
    if {"data.pkl", "version"} <= last:
        return Kind("WS462", "is a PyTorch file", AGAIN)
    if names and all(name.endswith(".npy") for name in names):
        return _other("is a NumPy .npz, of arrays")
    return _other("is a zip without config.json, so no model saved by Keras")


def error_for_folder(path: str) -> WeightscopeError:
    """The error that says which folder of a model it is."""
    inside = set(os.listdir(path))
    if "saved_model.pbtxt" in inside:
        return Unsupported("is a SavedModel folder in text; load it with TensorFlow and save it with a saved_model.pb")
    if "checkpoint" in inside:
        return Unreadable("is a folder of checkpoints; name the .index file of one of them")
    return Unreadable(f"is a folder; {AGAIN}")
