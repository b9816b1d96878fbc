"""Constants that Keras writes between the tensors of a call: arrays, slices, an ellipsis, bytes.

Source: ``serialize_keras_object`` in ``keras/src/saving/serialization_lib.py``.
"""

import numpy as np

from weightscope.errors import NotReplayable, Unreadable

TENSOR = "__keras_tensor__"


def revived(value, tensor=None):
    """Return a value of a config with its constants made: arrays, slices, ``...`` and bytes, at any depth.

    ``tensor``: what to make of a tensor of the graph, from its config; without it tensors stay as they are. What is no
    constant but Python code becomes a NotReplayable in its place. Raises Unreadable for a constant that is none.
    """
    if isinstance(value, list):
        return [revived(item, tensor) for item in value]
    if not isinstance(value, dict):
        return value
    kind, inner = value.get("class_name"), value.get("config")
    if kind == TENSOR:
        return value if tensor is None else tensor(inner if isinstance(inner, dict) else {})
    if not (isinstance(kind, str) and kind.startswith("__") and kind.endswith("__")):
        return {key: revived(item, tensor) for key, item in value.items()}
    if kind == "__lambda__":
        return NotReplayable("it holds Python code, which is never run")
    try:
        return _MAKERS[kind](inner)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise Unreadable(f"a constant of the graph is no {kind}: {repr(inner)[:60]}") from error


def holds_code(value):
    """Tell whether a config, or anything in it, is Python code: a lambda as Keras 3 or as Keras 1 and 2 write it."""
    if isinstance(value, list):
        return any(map(holds_code, value))
    if not isinstance(value, dict):
        return False
    old = any(key.endswith("_type") and kind == "lambda" for key, kind in value.items())
    return old or value.get("class_name") == "__lambda__" or any(map(holds_code, value.values()))


def _array(inner):
    return np.array(inner["value"], dtype=inner["dtype"])


def _slice(inner):
    ends = [inner["start"], inner["stop"], inner["step"]]
    if not all(end is None or isinstance(end, int) for end in ends):
        raise TypeError("a slice has whole numbers")
    return slice(*ends)


_MAKERS = {
    "__numpy__": _array,
    "__tensor__": _array,
    "__slice__": _slice,
    "__ellipsis__": lambda inner: Ellipsis,
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
}
CONSTANTS = frozenset(_MAKERS)  # the words for them
