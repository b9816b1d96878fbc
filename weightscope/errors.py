"""The errors a user can meet, and the exit status each becomes.

    WeightscopeError
    ├── Unreadable         2   a file or an input that cannot be read
    ├── NoSuchLayer        2   a name that no layer of a model, or no value of a trace, has
    ├── NothingChecked     3   nothing, or not enough, was there to check
    ├── Unsafe             4   a file that wants to run code or reach outside itself
    ├── Unsupported        5   a valid file that weightscope cannot do this with
    │   └── NotReplayable  5   one layer that cannot be replayed in NumPy
    ├── ReferenceFailed    6   Keras could not load or run the model
    └── NoTwin             6   Keras could not run the model in float64

A message says what is wrong, where, and what to do about it, in one line.
"""

from __future__ import annotations

from copy import copy


class WeightscopeError(Exception):
    """What every error of weightscope is; ``exit_code`` is the status of the command that meets it."""

    exit_code = 70

    def under(self, path: str) -> WeightscopeError:
        """Return the same error, its message beginning with the path of a file, if it does not do so already."""
        if str(self).startswith(f"{path}: "):
            return self
        found = copy(self)
        found.args = (f"{path}: {self}",)
        return found


class Unreadable(WeightscopeError):
    """A file or an input that cannot be read: broken, truncated, of another kind, of the wrong shape."""

    exit_code = 2


class NoSuchLayer(WeightscopeError, KeyError, ValueError):
    """A name that no layer of a model has, or no value of a trace; the message has those that look like it.

    A KeyError, as for any ``model[name]``, and a ValueError, as Keras' ``get_layer`` raises.
    """

    exit_code = 2
    __str__ = Exception.__str__  # that of a KeyError is in quotes


class NothingChecked(WeightscopeError):
    """A check that had nothing, or not enough, to look at; it is never a pass."""

    exit_code = 3


class Unsafe(WeightscopeError):
    """A file that asks to run code, to read other files, or to take far more memory than it has bytes.

    ``code``: of the hazard in ``docs/security.md``, with which the message begins; "" where it has none.
    """

    exit_code = 4
    code = ""

    def __init__(self, message: str, code: str = ""):
        super().__init__(f"{code} {message}" if code else message)
        if code:
            self.code = code


class Unsupported(WeightscopeError):
    """A valid file or request that weightscope cannot serve."""

    exit_code = 5


class NotReplayable(Unsupported):
    """A layer that cannot be replayed in NumPy; the message names the layer and the reason."""


class ReferenceFailed(WeightscopeError):
    """The reference (Keras) is not installed, or could not load or run the model; ``words``: all that it said."""

    exit_code = 6

    def __init__(self, message: str, words: str = ""):
        super().__init__(message)
        self.words = words


class NoTwin(WeightscopeError):
    """The reference could not run the model in float64; ``verify`` goes on without, and gives the reason."""

    exit_code = 6
