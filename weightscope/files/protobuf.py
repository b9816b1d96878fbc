"""Protocol buffers on the wire: numbered fields, each a number or some bytes. What a field means, its readers know.

Source: https://protobuf.dev/programming-guides/encoding
"""

import struct
from collections import defaultdict
from typing import Any

from weightscope.errors import Unreadable

_MOST_VARINT_BYTES = 10


def varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """The number at ``position``, and the position behind it. Raises: ``Unreadable`` where there is none."""
    value = 0
    for index in range(_MOST_VARINT_BYTES):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise Unreadable("a number in it does not end; get or save the model again")


def fields(data: bytes | memoryview) -> dict[int, list]:
    """All fields of a message by their number: whole numbers as int, anything else as a view of its bytes.

    Raises: ``Unreadable`` for what is no message.
    """
    view, position = memoryview(data), 0
    found: dict[int, list[Any]] = defaultdict(list)
    while position < len(view):
        tag, position = varint(view, position)
        kind = tag & 7
        if kind == 0:
            value, position = varint(view, position)
            found[tag >> 3].append(value)
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, position = varint(view, position)
        if length is None or position + length > len(view):
            raise Unreadable("a field in it claims more than there is; get or save the model again")
        found[tag >> 3].append(view[position:position + length])
        position += length
    return found


def first(message: dict[int, list], number: int, default=b""):
    """The first value of a field, or ``default``. Raises: ``Unreadable`` for a value of another kind."""
    value = message[number][0] if message.get(number) else default
    if isinstance(value, int) != isinstance(default, int):
        raise Unreadable("a field in it is of another kind than TensorFlow writes; get or save the model again")
    return value


def submessages(message: dict[int, list], number: int) -> list[dict[int, list]]:
    """All messages in a repeated field. Raises: ``Unreadable`` for what is none."""
    values = message.get(number, [])
    if any(isinstance(value, int) for value in values):
        raise Unreadable("a field in it is of another kind than TensorFlow writes; get or save the model again")
    return [fields(value) for value in values]


def text(value: bytes | memoryview) -> str:
    """A name in a message."""
    return bytes(value).decode("utf-8", "backslashreplace")


def signed(value: int) -> int:
    """A 64-bit number of a message, which writes negative ones as very large ones."""
    return struct.unpack("<q", struct.pack("<Q", value & 2**64 - 1))[0]
