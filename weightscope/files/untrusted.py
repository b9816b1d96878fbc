"""What every reader of a file does with bytes it cannot trust: turn failures into errors, and bound what it takes."""

import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weightscope.errors import Unreadable, WeightscopeError

MOST_EXPANSION = 1100
"""How many bytes one stored byte may claim to become: deflate, the best packer that Keras files use, gets to 1,032."""

DEEPEST_JSON = 200
"""Levels of nesting. A nested model takes four of them, so that fifty models inside each other still fit."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # of an object of Python's, which tells a reader nothing

# h5py, zipfile and json answer bad bytes with these.
BROKEN = (
    OSError,
    EOFError,
    ValueError,  # UnicodeDecodeError and json.JSONDecodeError are ValueErrors
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,  # RecursionError and NotImplementedError are RuntimeErrors
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Give every failure inside the block the name of the file, and make one-line WeightscopeErrors of all of them.

    Raises: ``Unreadable`` for whatever h5py, zipfile and json raise at bad bytes; other WeightscopeErrors as they are.
    """
    with about(path):
        try:
            yield
        except BROKEN as error:
            said = _ADDRESS.sub("", str(error) or type(error).__name__).splitlines()[0]
            raise Unreadable(f"is damaged or incomplete ({said}); get or save the file again") from error


@contextmanager
def about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give every WeightscopeError inside the block the name of the file, unless it has that already."""
    try:
        yield
    except WeightscopeError as error:
        raise error.under(os.fspath(path)) from error


def decoded(raw: bytes) -> str:
    """The text of a name or an attribute; bytes that are not UTF-8 become ``\\xNN``, which every output can show."""
    return raw.decode("utf-8", "backslashreplace")


def parsed_json(text: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object in ``text``. ``what`` names it in messages.

    Raises: ``Unreadable`` if it is no JSON, no object, or nested deeper than ``DEEPEST_JSON``.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{what} is not valid JSON ({error}); save the model again") from error
    except RecursionError as error:
        raise Unreadable(f"{what} is nested too deeply to be a model's; weightscope does not read it") from error
    if not isinstance(value, dict):
        raise Unreadable(f"{what} holds a JSON {type(value).__name__} where Keras writes an object")
    level: list[Any] = [value]
    for _ in range(DEEPEST_JSON):
        level = [child for container in level for child in _children(container)]
        if not level:
            return value
    raise Unreadable(f"{what} is nested deeper than {DEEPEST_JSON} levels, which no model of Keras is")


def _children(container: dict[str, Any] | list[Any]) -> list[Any]:
    values = container.values() if isinstance(container, dict) else container
    return [value for value in values if isinstance(value, (dict, list))]
