"""What a config may name before Keras is given it: Keras' own classes, and its functions that only compute.

Keras imports and calls what a config names. Its safe mode stops marshalled code alone, and how far it goes besides is
another matter in each version; so what is handed to it is looked at here, object by object, wherever it stands: in a
layer's settings, beside its inputs, in what it was compiled with. Source: ``deserialize_keras_object`` in
``keras/src/saving/serialization_lib.py``.
"""

import builtins
import re
import sys

from weightscope.kernels.activations import ACTIVATIONS
from weightscope.layers.families import bring_all
from weightscope.model.constants import CONSTANTS, TENSOR, holds_code
from weightscope.model.excused import EXCUSED, FOREIGN
from weightscope.model.registry import known_operations

# Packages whose classes Keras finds by itself, and the parts of Keras whose classes do only what a model needs.
KERAS = ("keras", "tf_keras", "keras_core", "tensorflow")
PACKAGES = ("keras_hub", "keras_cv", "keras_nlp")
_HOMES = {"layers", "engine", "models", "ops", "initializers", "regularizers", "constraints", "activations", "random",
          "dtype_policies", "mixed_precision", "quantizers", "utils", "losses", "metrics", "optimizers"}
_CLASS = re.compile(r"_?[A-Z]\w*")
_FUNCTION = re.compile(r"[a-z]\w*")
# Layers around something that is not in the file, and nodes of tf_keras that call whatever they name.
RUNNING_OTHERS = {name for name, (_, kind, _) in EXCUSED.items() if kind == FOREIGN} | {
    "KerasLayer", "ClassMethod", "InstanceMethod", "InstanceProperty"}
COMPILED = "compile_config"


def unnameable(config, own=False, allowed=()):
    """Return why a config is not handed to Keras, a text that says what it names and where, or None.

    ``own``: whether the user's own code answers for classes and functions that are not Keras'; ``allowed``: names of
    functions that the user allows, with their module or without. What a model was compiled with, which nobody here
    asks for, may name what it likes but Python's own functions.
    """
    return next(_found(config, "", lambda value: _reason(value, own, allowed)), None)


def compiled_with(config):
    """Return why what a model was compiled with holds code, or names what belongs to Python itself; or None."""
    return next(_found(config, "", _of_python), None)


def _found(value, place, reason_of):
    """Yield the reasons of a config and of all that is in it, each with its place."""
    if isinstance(value, list):
        for item in value:
            yield from _found(item, place, reason_of)
    elif isinstance(value, dict):
        place = _place(value, place)
        reason = reason_of(value)
        if reason:
            yield f"{place}{reason}"
        for key, item in value.items():
            yield from _found(item, place, _of_python if key == COMPILED else reason_of)


def _place(value, place):
    inner = value.get("config") if "class_name" in value else None
    name = inner.get("name") if isinstance(inner, dict) else None
    is_layer = isinstance(name, str) and isinstance(value["class_name"], str) and _CLASS.match(value["class_name"])
    return f"layer {name!r} " if is_layer and "Policy" not in value["class_name"] else place


def _reason(value, own, allowed):
    kind = value.get("class_name")
    if not isinstance(kind, str) or kind in (TENSOR, *CONSTANTS):
        return None
    if kind.startswith("__"):
        return "holds Python code" if kind == "__lambda__" else f"asks for {kind}, which makes objects of any class"
    module, inner = value.get("module"), value.get("config")
    if kind == "function":
        return _of_function(inner, module, own, allowed)
    if kind in RUNNING_OTHERS:
        return f"asks for a {kind}, which runs what is not in the file"
    if reads_vocabulary(inner):
        return f"takes its vocabulary from another file, {inner['vocabulary']!r}"
    return _of_class(kind, module, value.get("registered_name"), own)


def reads_vocabulary(settings):
    """Tell whether settings ask for a vocabulary in another file."""
    return isinstance(settings, dict) and isinstance(settings.get("vocabulary"), str)


def _of_function(name, module, own, allowed):
    if not isinstance(name, str):
        return "names no function where one is asked for"
    named = name if module in (None, "builtins") else f"{module}.{name}"
    if name in allowed or named in allowed or (own and not _is_of_python(name, module)) or _computes(name, module):
        return None
    return f"names the function {named}, which Keras would call: --allow-function {named} if you trust it"


def _computes(name, module):
    """Tell whether a function is one of Keras' that only compute: an activation, or one of ``keras.ops``."""
    if module is not None and not isinstance(module, str):
        return False
    words = (module or "builtins").replace(".src", "").split(".")
    if words in (["builtins"], ["keras"]) or words[:2] == ["keras", "activations"]:
        return name in ACTIVATIONS or (words == ["builtins"] and _is_operation(name))
    return words[:2] == ["keras", "ops"] and _is_operation(name)


def _is_operation(name):
    if not _FUNCTION.fullmatch(name):
        return False
    bring_all()
    return any(name.replace("_", "") == known for _, known in known_operations())


def _of_class(kind, module, registered, own):
    words = [word for word in str(module or "").split(".") if word not in ("src", "python", "keras_api", "_v2", "api")]
    at_home = words[:1] == [""] or words[0] in (*PACKAGES, "builtins") or (
        words[0] in KERAS and (len(words) == 1 or words[1] in _HOMES or words[1] == "keras"))
    if own and not _is_of_python(kind, module):
        return None
    if not at_home:
        return f"asks for {kind} of the module {module}"
    if not _CLASS.fullmatch(kind.rpartition(">")[2]):
        return f"asks for {kind!r}, which is the name of no class of Keras"
    if words[0] in KERAS and isinstance(registered, str) and registered and registered.rpartition(">")[2] != kind:
        return f"asks for {kind} under the name of {registered!r}"
    return None


def _of_python(value):
    """Return why an object of a config is code, or is Python's own: a function of its library, or built into it."""
    if holds_code({key: item for key, item in value.items() if not isinstance(item, (dict, list))}):
        return "was compiled with Python code"
    kind, module = value.get("class_name"), value.get("module")
    name = value.get("config") if kind == "function" else kind
    if isinstance(kind, str) and isinstance(name, str) and _is_of_python(name, module) and not _computes(name, module):
        return f"was compiled with {module}.{name}, which belongs to Python and computes no loss"
    return None


def _is_of_python(name, module):
    if module in (None, "builtins"):
        return hasattr(builtins, name) and _is_risky(name)
    return str(module).split(".")[0] in sys.stdlib_module_names


def _is_risky(name):
    return name not in ("abs", "max", "min", "sum", "pow", "round", "all", "any")
