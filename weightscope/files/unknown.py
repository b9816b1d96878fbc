"""What a file that is no Keras model seems to be, and what to do about it."""

import os

from weightscope.errors import Unreadable, Unsupported, WeightscopeError
from weightscope.files.source import Source

AGAIN = "name a .keras, .h5 or .weights.h5 file"

# The start of the file → what it is and what to do; the first that fits counts.
STARTS = (
    (b"version https://git-lfs", "is a git-lfs pointer, not the file itself; run `git lfs pull`"),
    (b"<!doctype html", "is a web page; download the file itself, not the page about it"),
    (b"<html", "is a web page; download the file itself, not the page about it"),
    (b"<?xml", f"is XML; {AGAIN}"),
    (b"\x93numpy", f"is a NumPy array; {AGAIN}"),
    (b"\x80\x02", f"is a Python pickle, which weightscope never opens; {AGAIN}"),
    (b"\x80\x03", f"is a Python pickle, which weightscope never opens; {AGAIN}"),
    (b"\x80\x04", f"is a Python pickle, which weightscope never opens; {AGAIN}"),
    (b"\x80\x05", f"is a Python pickle, which weightscope never opens; {AGAIN}"),
    (b"\x1f\x8b", "is packed by gzip; unpack it first"),
    (b"rar!", "is packed by RAR; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is packed by 7-Zip; unpack it first"),
    (b"{", f"is JSON, perhaps a model's configuration, without weights; {AGAIN}"),
    (b"[", f"is JSON, without weights; {AGAIN}"),
)


def error_for(source: Source) -> WeightscopeError:
    """The error that says what the file seems to be."""
    if not source.length:
        return Unreadable("is empty; get or save the file again")
    if source.tree is not None:
        return Unreadable(f"is HDF5, but holds neither a Keras model nor its weights; {AGAIN}")
    head = source.head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, words in STARTS:
        if head.startswith(start):
            return Unreadable(words)
    if source.head[4:8] == b"TFL3":
        return Unsupported("is a TensorFlow Lite model; name the Keras model it was converted from")
    if source.head[257:262] == b"ustar":
        return Unreadable("is a tar archive; unpack it first")
    if not source.head.strip(b"\0"):
        return Unreadable("starts with nothing but zeros, as an interrupted download does; get the file again")
    # Field 1 of ONNX' ModelProto (a small varint) and of TensorFlow's SavedModel, field 1 too.
    if source.head[:1] == b"\x08":
        return Unsupported("seems to be a protobuf, as ONNX and SavedModel are; save the model with Keras as .keras")
    return Unreadable(f"is of no kind that weightscope knows; {AGAIN}")


def error_for_folder(path: str) -> WeightscopeError:
    """The error that says which folder of a model it is."""
    inside = set(os.listdir(path))
    if "saved_model.pbtxt" in inside:
        return Unsupported("is a SavedModel folder in text; load it with TensorFlow and save it with a saved_model.pb")
    if "checkpoint" in inside:
        return Unreadable("is a folder of checkpoints; name the .index file of one of them")
    return Unreadable(f"is a folder; {AGAIN}")
