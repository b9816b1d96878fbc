"""TensorFlow's functions by the names that tf.keras files give them, on arrays.

``@function("math.add")`` enters one; its arguments have TensorFlow's names, and its docstring is the formula. Two
arrays of a binary function have one dtype in TensorFlow, and a number takes that of the array beside it.
"""

import numpy as np

FUNCTIONS = {}
_OLD = "compat.v1."


def function(*names):
    """Decorator: enter a function under TensorFlow's names for it."""
    def enter(found):
        FUNCTIONS.update(dict.fromkeys(names, found))
        return found
    return enter


def function_of(name):
    """Return the function of a name in a file, ``compat.v1.`` or not; None for one that weightscope does not know."""
    return FUNCTIONS.get(name.removeprefix(_OLD)) if isinstance(name, str) else None


def enter(names, found, formula):
    """Enter a function under several names, blanks between them, with its formula."""
    found.__doc__ = formula
    function(*names.split())(found)


def pair(x, y):
    """Return both as arrays of one dtype: that of the array, where the other is a number or a list."""
    if not isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return np.asarray(x, y.dtype), y
    x = np.asarray(x)
    return x, y if isinstance(y, np.ndarray) else np.asarray(y, x.dtype)


def as_axes(axis):
    """Return TensorFlow's axis, a number, a list or None, as NumPy takes it."""
    return tuple(np.atleast_1d(axis).tolist()) if axis is not None else None
