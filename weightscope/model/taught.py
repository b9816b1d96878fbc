"""What users teach weightscope: layer classes of their own, and NumPy functions in place of Lambda's code.

Classes of installed packages enter through the entry points of the group ``weightscope.layers``: each names a module,
whose import runs its ``@weightscope.keras_layer``. They are looked for once, when a class is met that nobody knows.
"""

from collections.abc import Callable
from typing import TypeVar

from weightscope.model.user_code import described

GROUP = "weightscope.layers"
Function = TypeVar("Function", bound=Callable)

_classes: dict[str, type] = {}
_functions: dict[str, Callable] = {}
_packages: dict = {"asked": False, "failed": []}


def add_class(layer_class, name):
    """Enter a class under a class name, or ``package>Class``; the last one of a name holds."""
    _classes[name] = layer_class


def keras_lambda(name: str) -> Callable[[Function], Function]:
    """Decorator: run this NumPy function in place of the code of the Lambda layer ``name``.

    The function takes what Keras hands to the Lambda's own: the inputs, arrays with the batch axis first, then the
    layer's ``arguments`` by name, and ``mask`` where it has such a parameter. It returns an array, or several.
    Raises TypeError where the name is missing.
    """
    if not isinstance(name, str):
        raise TypeError("write @weightscope.keras_lambda('name of the layer')")

    def enter(function: Function) -> Function:
        _functions[name] = function
        return function

    return enter


def find_class(class_name, registered_name=None):
    """Return the class taught for a config's class, or None: by registered name first, then by class name."""
    names = [name for name in (registered_name, class_name, class_name.rpartition(">")[2]) if name]
    found = next((name for name in names if name in _classes), None)
    if found is None and not _packages["asked"]:
        _ask_packages()
        found = next((name for name in names if name in _classes), None)
    return _classes.get(found)


def find_function(layer_name):
    """Return the function taught for a Lambda layer, or None."""
    return _functions.get(layer_name)


def everything():
    """Return ``({name: class}, {layer name: function})`` of all that was taught so far."""
    return dict(_classes), dict(_functions)


def failures():
    """Return a line for each installed package whose layers could not be imported."""
    return list(_packages["failed"])


def _ask_packages():
    from importlib.metadata import entry_points  # a slow import, for those only who meet an unknown class

    _packages["asked"] = True
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # whatever a package does, the model can still be looked at
            _packages["failed"].append(f"the layers of {entry.value} cannot be imported: {described(error)}")
