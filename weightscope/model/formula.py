"""A layer's formula in this layer's own words, and the activations that stand in it."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING

from weightscope.kernels.activations import activation as activation_named

if TYPE_CHECKING:
    from weightscope.model.arrays import Array


class Activation:
    """An activation by its Keras name: callable on arrays; ``name`` is what a formula shows.

    ``name``: ``"relu"``, or None for ``"linear"``. ``known`` tells whether it is one of Keras'; calling any other
    raises AttributeError, and a layer with it refuses to run.
    """

    def __init__(self, name: str | None) -> None:
        self.name = "linear" if name is None else str(name)
        try:
            self._function = activation_named(name)
            self.known = True
        except KeyError:
            self.known = False

    @property
    def lacks(self) -> tuple[str, ...]:
        """The arguments without which it cannot be called, and which no config of Keras holds: ``threshold``'s."""
        return _asked_by(self._function) if self.known else ()

    def __call__(self, x: Array) -> Array:
        """Return the activation of every value of ``x``, an array of any shape with its channels last."""
        return self._function(x)

    def __repr__(self) -> str:
        return f"<Activation {self.name}>"


@cache
def _asked_by(function):
    found = list(inspect.signature(function).parameters.values())[1:]
    return tuple(parameter.name for parameter in found if parameter.default is parameter.empty)


def written(formula, activations, without_bias):
    """Return a formula with activations, ``{setting: Activation or Layer}``, in it, and maybe without its bias."""
    text = inspect.cleandoc(formula)
    for setting, activation in activations.items():
        text = _with_activation(text, setting, activation)
    return re.sub(r"\s*\+\s*bias\b", "", text) if without_bias else text


def _with_activation(text, setting, activation):
    if activation.name == "linear":
        return re.sub(rf"\b{setting}\(((?:[^()]|\([^()]*\))*)\)", r"\1", text)
    return re.sub(rf"\b{setting}\b", activation.name, text)
