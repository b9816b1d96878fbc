"""Python files that the user names: run as they are, and whatever goes wrong in them told in one line."""

import os
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from weightscope.errors import Unreadable

_PREFIX = "weightscope_user_"  # so that a file named as a package does not take its place


def run_file(path):
    """Run the user's own Python file as a module, with its folder open to imports, and return the module.

    ``path``: a file that the user named, never one that a model names. Raises Unreadable for whatever goes wrong in it.
    """
    path = Path(path).resolve()
    name = _PREFIX + path.stem
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = spec_from_file_location(name, path)
    if spec is None:
        raise Unreadable(f"{path.name}: expected a Python file, its name ending in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise Unreadable(f"{path.name}: {described(error)}") from error
    return module


def is_of_user(thing):
    """Tell whether a class, or the class of an object, is none of weightscope's own."""
    kind = thing if isinstance(thing, type) else type(thing)
    return kind.__module__.partition(".")[0] != "weightscope"


def home(kind):
    """Return the name of the module in which a user's class stands, as the user knows it."""
    return kind.__module__.removeprefix(_PREFIX)


def described(error):
    """Return an error of the user's code as ``TypeError: … (my_layers.py:12)``: the last line that is not ours."""
    if isinstance(error, SyntaxError):
        text, file, line = error.msg, error.filename, error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        ours, pythons = Path(__file__).parent.parent, Path(os.__file__).parent
        others = (str(ours), str(pythons), "<")  # and installed files
        frame = next((f for f in reversed(frames) if not f.filename.startswith(others)), frames[-1])
        text, file, line = str(error), frame.filename, frame.lineno
    text = " ".join(text.split())
    return f"{type(error).__name__}: {text[:200]} ({Path(file or '?').name}:{line})"
