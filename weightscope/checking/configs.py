"""What a config may name: Keras' own classes, and its functions that only compute. All else is a finding.

Keras imports and calls what a config names. Its safe mode stops marshalled code alone, and how far it goes besides is
another matter in each version; so a config is looked at here, object by object, wherever it stands: in a layer's
settings, beside its inputs, in what it was compiled with. Source: ``deserialize_keras_object`` in
``keras/src/saving/serialization_lib.py``.
"""

import builtins
import re
import sys

from weightscope.checking import graphs
from weightscope.checking.catalogue import NEEDS_CODE, Finding
from weightscope.checking.functions import computes, plainly_named
from weightscope.model.constants import CONSTANTS, TENSOR, holds_code
from weightscope.model.excused import EXCUSED, FOREIGN

# Packages whose classes Keras finds by itself, and the parts of Keras whose classes do only what a model needs.
KERAS = ("keras", "tf_keras", "keras_core", "tensorflow")
PACKAGES = ("keras_hub", "keras_cv", "keras_nlp")
_HOMES = {"layers", "engine", "models", "ops", "initializers", "regularizers", "constraints", "activations", "random",
          "dtype_policies", "mixed_precision", "quantizers", "utils", "losses", "metrics", "optimizers"}
_UTILITIES = ("FeatureSpace", "Feature", "Cross")  # all of keras.utils that a model may hold
_REGISTERED = {"optimizers", "applications", "models"}  # parts of tf_keras whose classes are registered as users' are
_CLASS = re.compile(r"_?[A-Z]\w*")
_READS_FILES = re.compile(r"Tokenizer|Preprocessor|Converter")  # of the packages: they open what their settings name
_LEADS_OUT = re.compile(r"^[/\\]|(^|[/\\])\.\.([/\\]|$)")
# Layers around something that is not in the file, and nodes of tf_keras that call whatever they name.
RUNNING_OTHERS = {name for name, (_, kind, _) in EXCUSED.items() if kind == FOREIGN} | {
    "KerasLayer", "ClassMethod", "InstanceMethod", "InstanceProperty"}
COMPILED = "compile_config"
_HOLDING_LAYERS = {"layers", "cells", "layer", "cell", "forward_layer", "backward_layer"}
_LAMBDA_FUNCTIONS = ("function", "mask", "output_shape")


class Trust:
    """What a user trusts: ``own``, whether his code answers for what is not Keras'; ``functions``, by their names.

    A name has its module or has none.
    """

    def __init__(self, own=False, functions=()):
        self.own, self.functions = own, functions


def of_config(config, source="", trust=None):
    """Yield the findings in a model's config; ``source``: where it stands in the file.

    What the model itself was compiled with, which nobody here asks Keras for, may name what it likes but Python's own;
    models inside it are compiled as they are loaded.
    """
    trust = trust or Trust()
    if not isinstance(config, dict):
        return
    inner = {key: value for key, value in config.items() if key != COMPILED}
    theirs = Trust(True, trust.functions)
    yield from _walk(inner, _Place(source), "", lambda value, place: _of_object(value, place, trust),
                     lambda value, place: _of_object(value, place, theirs))
    yield from of_compiled(config.get(COMPILED), _Place(source, COMPILED))


def of_compiled(compiled, source):
    """Yield the findings in what a model was compiled with; ``source``: where that stands in the file."""
    place = source if isinstance(source, _Place) else _Place(source)
    yield from _walk(compiled, place, "the model ", lambda value, _: _of_training(value))


class _Place:
    """A place in a JSON document: written only where something was found there."""

    __slots__ = ("above", "key")

    def __init__(self, above, key=None):
        self.above, self.key = above, key

    @property
    def is_root(self):
        """Whether what stands here is the model itself."""
        return self.key is None

    @property
    def holds_layers(self):
        """Whether what stands here is a layer: the whole, or in a setting that takes layers."""
        key = self.above.key if isinstance(self.key, int) and isinstance(self.above, _Place) else self.key
        return key is None or key in _HOLDING_LAYERS

    def __str__(self):
        keys, place = [], self
        while isinstance(place, _Place):
            keys.append(place.key)
            place = place.above
        text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in reversed(keys) if key is not None)
        return " ".join(filter(None, (place, text.lstrip("."))))


def _walk(value, place, owner, found_in, in_own=None):
    """Yield what ``found_in`` says of a config and of all objects in it, each with its place and with whose it is.

    ``in_own``: what is said of objects in a layer of somebody's own, whose code answers for them.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                yield from _walk(item, _Place(place, index), owner, found_in, in_own)
    elif isinstance(value, dict):
        owner = _owner(value, owner, place)
        found = found_in(value, place)
        if found:
            code, said, *name = found
            yield Finding(code, str(place), f"{owner}{said}", *name)
            found_in = in_own if code == NEEDS_CODE else found_in
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                below = _of_inner_training(found_in) if key == COMPILED and "class_name" in value else found_in
                yield from _walk(item, _Place(place, key), owner, below, in_own)


def _owner(value, owner, place):
    if place.is_root and "class_name" in value:
        return "the model "
    inner = value.get("config") if "class_name" in value else None
    name = inner.get("name") if isinstance(inner, dict) else None
    kind = value["class_name"] if isinstance(name, str) else None
    is_layer = isinstance(kind, str) and kind != "function" and "Policy" not in kind and not kind.startswith("__")
    return f"layer {name!r} " if is_layer else owner


def _of_inner_training(found_in):
    """Return what finds in the compile_config of a model inside another one what it would find anywhere else."""
    def found(value, place):
        plain = found_in(value, place)
        return plain and ("WS414", f"is a model in the model, and what it was compiled with {plain[1]}")

    return found


def _of_object(value, place, trust):
    """Return (code, what is said of it, a name) of an object of a config, or None where it is harmless."""
    kind = value.get("class_name")
    old = sorted(key for key, word in value.items() if key.endswith("_type") and word == "lambda")
    if old:
        return "WS401", f"holds Python code in its {old[0].removesuffix('_type')}"
    for key, word in plainly_named(value):
        plain = _of_function(word, None, trust)
        if plain:
            return plain[0], f"{plain[1]} as its {key}", plain[2]
    if not isinstance(kind, str) or kind in (TENSOR, *CONSTANTS):
        return None
    if kind == "__lambda__":
        return "WS401", "holds Python code"
    if kind.startswith("__"):
        return "WS407", f"asks for {kind}, which makes objects of any class"
    module, inner = value.get("module"), value.get("config")
    if kind == "function":
        return _of_function(inner, module, trust)
    if kind in RUNNING_OTHERS:
        return "WS406", f"asks for a {kind}, which runs what is not in the file"
    if not isinstance(inner, dict):
        return _of_class(value, place, trust)
    if isinstance(inner.get("name"), str) and _LEADS_OUT.search(inner["name"]):
        return "WS410", "has a name that leads to another folder"
    if reads_vocabulary(inner):
        return "WS408", f"takes its vocabulary from another file, {inner['vocabulary']!r}"
    return (_of_lambda(kind, inner, trust) or graphs.reaching_out(kind, inner)
            or _of_class(value, place, trust))


def reads_vocabulary(settings):
    """Tell whether settings ask for a vocabulary in another file."""
    return isinstance(settings, dict) and isinstance(settings.get("vocabulary"), str)


def _of_lambda(kind, settings, trust):
    """Return what is to be said of a function that a Lambda names by a plain word, as Keras 1 and 2 write it."""
    for key in _LAMBDA_FUNCTIONS if kind == "Lambda" else ():
        if isinstance(settings.get(key), str):
            return _of_function(settings[key], settings.get("module" if key == "function" else f"{key}_module"), trust)
    return None


def _of_function(name, module, trust):
    if not isinstance(name, str):
        return "WS402", "names no function where one is asked for", "NAME"
    named = name if module in (None, "builtins") else f"{module}.{name}"
    allowed = name in trust.functions or named in trust.functions or (trust.own and not _is_of_python(name, module))
    if allowed or computes(name, module):
        return None
    return "WS402", f"names the function {named}, which Keras would call", named


def _of_class(value, place, trust):
    kind, module = value["class_name"], value.get("module")
    if not (module is None or isinstance(module, str)):
        return "WS403", f"asks for {kind} of a module whose name is no text but {module!r:.60}"
    of_python = _is_of_python(kind, module)
    if trust.own and not of_python:
        return None
    words = [word for word in (module or "").split(".") if word not in ("src", "python", "keras_api", "_v2", "api")]
    of_keras = words[:1] != [""] and words[0] in KERAS and (
        len(words) == 1 or words[1] in _HOMES or words[1] == "keras")
    if of_python or not (of_keras or words[0] in ("", "builtins", *PACKAGES)):
        own_layer = not of_python and words[0] not in KERAS and place.holds_layers and _is_own_class(value, place)
        return NEEDS_CODE if own_layer else "WS403", f"asks for {kind} of the module {module}"
    if not _CLASS.fullmatch(kind.rpartition(">")[2]):
        return "WS403", f"asks for {kind!r}, which is the name of no class of Keras"
    if words[0] in PACKAGES and _READS_FILES.search(kind):
        return "WS406", f"asks for a {kind}, which opens what its settings name"
    if of_keras and "utils" in words[1:] and kind not in _UTILITIES:
        return "WS403", f"asks for {kind} of the module {module}, which is no part of a model"
    return _of_registered(kind, value.get("registered_name"), words) if of_keras else None


def _is_own_class(value, place):
    """Tell whether a class of somebody's own has the name of one; a model's own class, if registered, may have any."""
    return _CLASS.fullmatch(value["class_name"].rpartition(">")[2]) or (
        place.is_root and ">" in str(value.get("registered_name")))


def _of_registered(kind, registered, words):
    """Return what is to be said of a class of Keras that a config calls by somebody else's name, or None."""
    if registered is None or registered == "":
        registered = kind
    package, _, name = str(registered).rpartition(">")
    own = package in ("", "Custom" if _REGISTERED & set(words) else "") and ">" not in kind
    return None if own and name == kind else ("WS405", f"asks for {kind} under the name of {registered!r}")


def _of_training(value):
    """Return what is to be said of an object that a model was compiled with: code, Python's own, or somebody's."""
    if holds_code({key: item for key, item in value.items() if not isinstance(item, (dict, list))}):
        return "WS411", "was compiled with Python code"
    kind, module = value.get("class_name"), value.get("module")
    name = value.get("config") if kind == "function" else kind
    if not isinstance(kind, str) or not isinstance(name, str) or computes(name, module):
        return None
    if _is_of_python(name, module):
        return "WS412", f"was compiled with {module}.{name}, which belongs to Python and computes no loss"
    if isinstance(module, str) and module.split(".")[0] not in (*KERAS, *PACKAGES, "builtins"):
        return "WS413", f"was compiled with {module}.{name}"
    return None


def _is_of_python(name, module):
    if module in (None, "builtins"):
        return hasattr(builtins, name) and _is_risky(name)
    return str(module).split(".")[0] in sys.stdlib_module_names


def _is_risky(name):
    return name not in ("abs", "max", "min", "sum", "pow", "round", "all", "any")
