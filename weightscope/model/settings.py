"""How a value in a layer's config becomes a setting: checked against its annotation, never trusted."""

import re

from weightscope.errors import Unreadable

MISSING = object()

# Settings that steer training, naming or building, and so never change what predict returns.
_WITHOUT_EFFECT = {
    "name", "trainable", "dtype", "batch_shape", "batch_input_shape", "autocast", "seed", "optional", "ragged",
    "build_input_shape", "input_dtype",
}
_WITHOUT_EFFECT_ENDINGS = ("_initializer", "_regularizer", "_constraint")

_NUMPY_DTYPES = {
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
    "string", "complex64", "complex128", "bfloat16",
}
_POLICIES = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


def settings_of(layer_class):
    """Return ``{name: (annotation, default)}`` of a layer class, base classes first; the default may be MISSING."""
    found = {}
    for base in reversed(layer_class.__mro__):
        for name, annotation in base.__dict__.get("__annotations__", {}).items():
            text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
            text = re.sub(r"[\w.]+\.(?=\w)", "", text)  # weightscope.Layer is a Layer
            found[name] = (text, getattr(layer_class, name, MISSING))
    return found


def has_no_effect(name):
    """Tell whether a setting of this name leaves the result of ``predict`` as it is, in every layer."""
    return name in _WITHOUT_EFFECT or name.endswith(_WITHOUT_EFFECT_ENDINGS)


def checked(layer, name, annotation, value):
    """Return ``value`` as the setting ``name``, or raise Unreadable where it cannot be one.

    Annotations: ``int``, ``float``, ``bool``, ``str``, ``tuple``, ``list``, ``dict``, each also with ``| None``;
    anything else is taken as it is. What Keras' constructors take for one is read as one: 1 for True, 2.0 for 2.
    """
    kinds = [kind.strip() for kind in annotation.split("|")]
    if value is None and "None" in kinds:
        return None
    for kind in kinds:
        if kind in _CHECKS:
            if _CHECKS[kind](value):
                return _as_tuple(value) if kind == "tuple" else value
        elif kind != "None":
            return value
    for kind in kinds:
        if kind in _TAKEN_FOR and _TAKEN_FOR[kind](value):
            return _MADE[kind](value)
    raise Unreadable(f"layer {layer!r}: setting {name!r} is {_short(value)}, expected {annotation}")


def whole(value):
    """Return ``value`` as a whole number where Keras takes it for one, as 2.0 and True; else as it is."""
    return int(value) if isinstance(value, bool) or _is_whole_float(value) else value


def _as_tuple(value):
    return tuple(_as_tuple(item) if isinstance(item, (list, tuple)) else item for item in value)


def _is_whole_float(value):
    return isinstance(value, float) and value.is_integer()


def _is_number_text(value):
    return isinstance(value, str) and re.fullmatch(r"\d+\.?\d*([eE][-+]?\d+)?", value) is not None


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


_CHECKS = {
    "int": _is_int,
    "float": lambda value: isinstance(value, float) or _is_int(value),
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "tuple": lambda value: isinstance(value, (list, tuple)),
    "list": lambda value: isinstance(value, list),
    "dict": lambda value: isinstance(value, dict),
}
# What Keras takes for a setting of a kind, and stores in a file as it was given: it asks only whether it is true, and
# lets Python count with it.
_TAKEN_FOR = {
    "int": lambda value: isinstance(value, bool) or _is_whole_float(value),
    "float": lambda value: isinstance(value, bool) or _is_number_text(value),
    "bool": lambda value: value is None or isinstance(value, (int, float)),
}
_MADE = {"int": int, "float": float, "bool": bool}


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def of_path(dtype, path):
    """Return the dtype policy that is meant for the layer at ``path``: of a map (Keras' DTypePolicyMap) the one there.

    ``dtype``: as a config gives it. A map holds policies by paths, or by parts of paths; it stays as it is, and so is
    no policy that is known, where several would do or a regular expression says which.
    """
    config = dtype.get("config") if isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicyMap" else None
    if not isinstance(config, dict):
        return dtype
    held = config.get("policy_map") if isinstance(config.get("policy_map"), dict) else {}
    fitting = [path] if path in held else [key for key in held if _is_plain(key) and key in path]
    if len(fitting) > 1 or not all(map(_is_plain, held)):
        return dtype
    return held[fitting[0]] if fitting else config.get("default_policy")


def _is_plain(key):
    return re.fullmatch(r"[\w/ -]*", key) is not None


def policy_name(dtype):
    """Return the name of a dtype policy as a config gives it: a string, None, or a serialised policy object."""
    if isinstance(dtype, dict):
        config = dtype.get("config") if isinstance(dtype.get("config"), dict) else {}
        if "mode" in config:  # Keras' QuantizedDTypePolicy; in a map without a default, the source is Keras' own one
            dtype = f"{config['mode']}_from_{config.get('source_name') or 'float32'}"
        else:
            dtype = config.get("name", str(dtype.get("class_name")))
    if dtype is None:
        return "float32"
    return dtype if isinstance(dtype, str) else _short(dtype)


def compute_dtype(policy):
    """Return the dtype a layer of this policy computes in, or None where weightscope does not know the policy."""
    source = policy.split("_from_")[-1] if quantization(policy) else policy
    dtype = _POLICIES.get(source, source)
    return dtype if dtype in _NUMPY_DTYPES else None


def quantization(policy):
    """Return how a policy quantizes weights, as in ``int4/128_from_float32``: ``int4/128``, or None for not at all."""
    mode, origin, _ = policy.partition("_from_")
    return mode if origin else None
