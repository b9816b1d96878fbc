"""Activations: a function of one number, or of all numbers along an axis."""

import re

import numpy as np

from weightscope.explaining.steps import Apply, Factor, Move, Pick, Sum
from weightscope.explaining.told import NotExplained, Told, explains, steps_of
from weightscope.kernels.activations import ACTIVATIONS
from weightscope.layers.activations import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from weightscope.model.layer import Layer

OF_AN_AXIS = ("log_softmax", "sparsemax", "glu")
WRITTEN = {  # as a calculator has them
    "relu": "max({0}, 0)", "sigmoid": "1 / (1 + exp(−{0}))", "relu6": "min(max({0}, 0), 6)", "exponential": "exp({0})",
    "hard_tanh": "min(max({0}, −1), 1)", "hard_sigmoid": "min(max({0} + 3, 0), 6) / 6", "tanh": "tanh({0})",
    "hard_sigmoid_keras2": "min(max(0.2 · {0} + 0.5, 0), 1)", "softplus": "log(exp({0}) + 1)",
    "silu": "{0} / (1 + exp(−{0}))", "softsign": "{0} / (|{0}| + 1)", "tanh_shrink": "{0} − tanh({0})",
    "log_sigmoid": "−log(1 + exp(−{0}))", "gelu": "{0} · (1 + erf({0} / √2)) / 2",
}


@explains(Activation)
def activation_layer(told):
    if getattr(told.layer.activation, "name", None) == "linear":
        yield Move(told.y, told.place(told.names[0], told.at), told.value, told.x[told.at])
    yield from activated(told, told.layer.activation, told.x, told.names)


def activated(told, activation, z, names=("z", "y")):
    """Yield the steps from ``z``, the sample's numbers, to the output; none for ``linear``. ``names``: of both."""
    if isinstance(activation, Layer):
        yield from steps_of(Told(told.inside(activation), told.sample, told.at, names=names))
        return
    label = told.place(names[1], told.at)
    if activation.name == "softmax":
        yield from shares(told, z, told.at, (-1,), names)
    elif activation.name in OF_AN_AXIS:
        raise NotExplained(f"the arithmetic of {activation.name} is not written out yet")
    elif activation.name != "linear":
        yield applied(label, activation.name, told.place(names[0], told.at), z[told.at], told.value)


def applied(label, name, argument, number, value):
    """Return the step y = activation(z); ``name``: the activation's, ``argument``: z's label."""
    function = ACTIVATIONS[name]
    told = re.sub(r"^y = ", f"{name}(x) = ", (function.__doc__ or "").splitlines()[0].replace("``", "")).rstrip(".")
    return Apply(label, f"{name}({{0}})", [(argument, number)], value, lambda x: function(np.asarray([x]))[0],
                 WRITTEN.get(name) or told)


def shares(told, z, at, axes, names=("z", "y"), part=None):
    """Yield the steps of a softmax over ``axes`` of ``z``, an array of the sample, to its share ``at``.

    ``part``: ``(exp, total)`` as they were noted, for the sample; without it the last that were.
    """
    exp, total = part or (told.noted("exp"), told.noted("total"))
    axes = sorted(axis % z.ndim for axis in axes)
    line = tuple(slice(None) if axis in axes else index for axis, index in enumerate(at))
    places = [tuple(index) for index in np.ndindex(*(z.shape[axis] for axis in axes))]
    own = places.index(tuple(at[axis] for axis in axes))

    def label(term):
        found = list(at)
        for axis, index in zip(axes, places[term]):
            found[axis] = index
        return told.place(names[0], found)

    values, powers = z[line].reshape(-1), exp[line].reshape(-1)
    if np.isnan(powers).any():
        raise NotExplained("numbers that are not finite make all shares NaN or 0, as TensorFlow has it")
    some = told.place(names[0], ["k" if axis in axes else index for axis, index in enumerate(at)])
    yield Pick("m", f"the largest {some}", np.max(values), values, label)
    yield Sum("s", f"Σ exp({some} − m)", total[line].reshape(-1)[0],
              [Factor(powers, lambda term: f"exp({label(term)} − m)")])
    yield Apply(told.place(names[1], at), "exp({0} − {1}) / {2}",
                [(label(own), values[own]), ("m", np.max(values)), ("s", total[line].reshape(-1)[0])],
                told.value, lambda x, m, s: np.exp(np.float64(x) - np.float64(m)) / s)


@explains(Softmax)
def softmax_layer(told):
    if told.given.get("mask") is not None:
        raise NotExplained("the softmax of a masked input is not written out yet")
    axes = told.layer.axis if isinstance(told.layer.axis, (list, tuple)) else (told.layer.axis,)
    yield from shares(told, told.x, told.at, [axis - 1 if axis > 0 else axis for axis in axes], told.names)


@explains(ReLU, LeakyReLU, ELU)
def elementwise(told):
    """A function of each number by itself: the layer's own."""
    layer = told.layer
    yield Apply(told.y, f"{layer.class_name}({{0}})", [(told.place(told.names[0], told.at), told.x[told.at])],
                told.value, lambda x: layer.forward(np.asarray([x]))[0])


@explains(PReLU)
def prelu(told):
    alpha = told.layer.arrays()["alpha"]
    at = tuple(0 if size == 1 else index for size, index in zip(alpha.shape, told.at[-alpha.ndim:]))
    x, label = told.x[told.at], told.place(told.names[0], told.at)
    if x > 0:
        yield Apply(told.y, "{0}", [(label, x)], told.value, lambda x: x)
    else:
        yield Apply(told.y, "{0} · {1}", [(told.label("alpha", at), alpha[at]), (label, x)], told.value,
                    lambda a, x: a * x)
