"""A layer's formula in this layer's own words, and the activations that stand in it."""

import inspect
import re

from weightscope.kernels.activations import activation as activation_named


class Activation:
    """An activation by its Keras name: callable on arrays; ``name`` is what a formula shows."""

    def __init__(self, name):
        self.name = "linear" if name is None else str(name)
        try:
            self._function = activation_named(name)
            self.known = True
        except KeyError:
            self.known = False

    def __call__(self, x):
        return self._function(x)

    def __repr__(self):
        return f"<Activation {self.name}>"


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
