"""The tables behind ``layer_from``: which class answers for which name in a file."""

from weightscope.model import taught

_CLASSES = {}
_OPERATIONS = {}
# What the dialects say of a layer that is otherwise than Keras 3 has it: its arrays, or the order of its axes.
LAYOUTS = ("old", "time_major", "keras2", "keras3")
OPERATION = "operation"  # in the place of a layout: an operation whose module the file does not name
OPERATION_MODULES = ("keras.src.ops.", "keras.src.activations.", "keras.src.quantizers.")


def add_class(layer_class):
    """Make ``layer_from`` build this class of ours for Keras' class of its name, kept in the file in its ``layout``."""
    _CLASSES[layer_class.layout, layer_class.__name__] = layer_class


def add_operation(module, class_name, build):
    """Make ``layer_from`` call ``build(config, name=…)`` for an operation of ``keras.ops``; its class in lower case."""
    _OPERATIONS[module, class_name] = build


def known_operations():
    """Return ``(module, class name in lower case)`` of every operation that weightscope can build."""
    return set(_OPERATIONS)


def known_classes():
    """Return ``{class name: class}`` of every layer that weightscope can build, in Keras 3's layout."""
    return {name: layer_class for (layout, name), layer_class in _CLASSES.items() if not layout}


def operations_home(class_name):
    """Return the module of the operation of this name, those that most models use first; None for no operation."""
    homes = [module for module, name in _OPERATIONS if name == class_name.lower()]
    usual = [f"keras.src.ops.{name}" for name in ("numpy", "nn", "math", "core", "image", "linalg")]
    return next((module for module in usual if module in homes), next(iter(homes), None))


def class_of(config):
    """Return the class, or what builds the operation, for a serialised layer; None where nobody knows it."""
    module, registered = config.get("module"), config.get("registered_name")
    if isinstance(module, str) and module.startswith(OPERATION_MODULES):
        return _OPERATIONS.get((module, config["class_name"].lower()))  # their names are also names of layers
    own = registered in (None, "", config["class_name"]) if module is None else (
        isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras", "builtins"))
    layout = config.get("layout") if config.get("layout") in LAYOUTS else ""
    found = _CLASSES.get((layout, config["class_name"])) if own else None
    if module is None and own and not found and "trainable" not in config["config"]:
        # An .h5 names no modules: Keras itself cannot open one with operations. Every layer says if it is trainable.
        found = _OPERATIONS.get(("keras.src.ops.numpy", config["class_name"].lower()))
    return found or taught.find_class(config["class_name"], registered if isinstance(registered, str) else None)
