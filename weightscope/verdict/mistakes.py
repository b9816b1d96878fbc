"""A catalogue of known mistakes in computing a layer, to be made on purpose.

Every entry takes one layer, or one part of a layer, and yields ``(words, change)``: ``change`` makes the mistake, in
place, on a copy of it. The words are true of a side that makes it.
"""

import itertools

import numpy as np

from weightscope.kernels.activations import activation, leaky_relu
from weightscope.kernels.short_floats import to_bfloat16
from weightscope.model.structure import flatten, map_structure
from weightscope.model.weight import named

EPSILONS = (0.0, 1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
SLOPES = (0.0, 0.01, 0.1, 0.2, 0.3)
ACTIVATIONS = ("linear", "relu", "relu6", "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "tanh", "softplus",
               "softsign", "elu", "selu", "silu", "hard_silu", "gelu", "mish", "exponential", "softmax", "log_softmax")
ENTRIES = []


def entry(function):
    """Enter a function into the catalogue."""
    ENTRIES.append(function)
    return function


def mistakes(layer, others=()):
    """Yield ``(words, change)`` of every mistake that may be made with a layer; ``others``: whose weights it may take.

    ``change`` takes a copy of the layer, and what it is given: args, kwargs, masks and keyword masks of the call.
    """
    for index, part in enumerate(layer.with_parts()):
        where = f" in {part.name}" if index else ""
        for make in ENTRIES:
            for words, change in make(part):
                yield words + where, lambda whole, given, index=index, change=change: change(
                    part_of(whole, index))
    for other in others:
        yield f"the weights of layer {other.name!r}", lambda whole, given, other=other: _replaced(whole, other)
    yield "its mask ignored", _without_masks
    yield "the batch's own statistics, as in training", _trained


def part_of(layer, index):
    """Return the part of a layer that is at this place among ``with_parts``: it itself at 0."""
    return next(itertools.islice(layer.with_parts(), index, None))


def put(part, **changes):
    """Make the arrays of a part what ``changes``, functions by the weights' names, make of them."""
    own = part.arrays
    part.arrays = lambda: {name: changes.get(name, _same)(array) for name, array in own().items()}


def _same(array):
    return array


def _putting(**changes):
    return lambda part: put(part, **changes)


def _setting(**settings):
    def change(part):
        for name, value in settings.items():
            setattr(part, name, value)
    return change


def _shapes(part, rank=1):
    return {name: weight.shape for name, weight in part.weights.items() if weight.shape and len(weight.shape) >= rank}


@entry
def axes_swapped(part):
    """Swap the last two axes of a weight, where they are as long as each other."""
    for name, shape in _shapes(part, 2).items():
        if shape[-1] == shape[-2] > 1:
            words = "transposed" if len(shape) == 2 else "with its last two axes swapped"
            yield f"{name} {words}", _putting(**{name: lambda x: x.swapaxes(-1, -2)})


@entry
def read_in_another_order(part):
    """Read the bytes of a kernel as if they lay the other way round: OIHW for HWIO, units first for inputs first."""
    for name, shape in _shapes(part, 2).items():
        order = (len(shape) - 1, len(shape) - 2, *range(len(shape) - 2))
        turned = [shape[axis] for axis in order]
        yield f"{name} written with the outputs first, and read with the inputs first", _putting(**{
            name: lambda x, order=order: np.ascontiguousarray(x.transpose(order)).reshape(x.shape)})
        yield f"{name} written with the inputs first, and read with the outputs first", _putting(**{
            name: lambda x, order=order, turned=turned: x.reshape(turned).transpose(np.argsort(order))})


@entry
def flipped(part):
    """Turn a convolution's kernel round along space: a convolution for a correlation."""
    for name, shape in _shapes(part, 3).items():
        if hasattr(part, "kernel_size"):
            space = (slice(None, None, -1),) * (len(shape) - 2)
            yield f"{name} flipped along space", _putting(**{name: lambda x, space=space: x[space]})


@entry
def gates_permuted(part):
    """Take the blocks of the gates in another order."""
    blocks = {name: named(weight.axes.split()[-1])[1] for name, weight in part.weights.items() if ":" in weight.axes}
    names, gates = list(blocks), next(iter(blocks.values()), ())
    for order in list(itertools.permutations(range(len(gates))))[1:]:
        def permuted(x, order=order):
            return np.concatenate([np.split(x, len(order), axis=-1)[i] for i in order], axis=-1)

        yield f"the gates in the order {'|'.join(gates[i] for i in order)}", _putting(**dict.fromkeys(names, permuted))


@entry
def reset_after(part):
    """Apply a GRU's reset gate on the other side of the product."""
    if hasattr(part, "reset_after"):
        def change(part):
            part.reset_after = not part.reset_after
            put(part, bias=lambda x: x.sum(axis=0) if x.ndim == 2 else np.stack([x, 0 * x]))
        yield f"reset_after={not part.reset_after}", change


@entry
def weight_ignored(part):
    """Leave a bias or a scale out, or take it twice."""
    for name in part.weights:
        if name in ("bias", "beta", "moving_mean"):
            yield f"{name} ignored", _putting(**{name: np.zeros_like})
            yield f"{name} added twice", _putting(**{name: lambda x: 2 * x})
        elif name in ("gamma", "scale", "moving_variance"):
            yield f"{name} ignored", _putting(**{name: np.ones_like})


@entry
def precision_lost(part):
    """Round the weights to fewer bits."""
    names = list(part.weights)
    for words, rounded in (("float16", lambda x: x.astype("float16").astype(x.dtype)),
                           ("bfloat16", lambda x: to_bfloat16(x.astype("float32")).astype(x.dtype)),
                           ("int8, one scale for each weight", _int8),
                           ("int8, a scale for each output", lambda x: _int8(x, tuple(range(x.ndim - 1))))):
        yield f"weights rounded to {words}", _putting(**dict.fromkeys(names, rounded))
        yield from ((f"{name} rounded to {words}", _putting(**{name: rounded})) for name in names if len(names) > 1)


def _int8(x, axis=None):
    scale = np.abs(x).max(axis=axis, keepdims=True) / 127
    return np.rint(x / np.where(scale > 0, scale, 1)) * scale


@entry
def epsilon(part):
    """Take another epsilon, or put it elsewhere."""
    if "epsilon" not in part.settings():
        return
    yield from ((f"epsilon={value:g}", _setting(epsilon=value)) for value in EPSILONS if value != part.epsilon)
    if "moving_variance" in part.weights:
        e = part.epsilon
        for words, change in (("epsilon outside the square root", lambda v: (np.sqrt(v) + e) ** 2 - e),
                              ("the variance for its square root", lambda v: (v + e) ** 2 - e),
                              ("moving_variance taken for a standard deviation", lambda v: v**2),
                              ("moving_variance made a standard deviation", np.sqrt)):
            yield words, _putting(moving_variance=change)


@entry
def another_activation(part):
    """Take another activation, an older meaning of its name, or an approximation."""
    for setting, own in part.activations().items():
        for name in ACTIVATIONS:
            if name != getattr(own, "name", ""):
                yield f"{setting}={name}", _setting(**{setting: activation(name)})
        yield f"{setting}=gelu by its tanh approximation", _setting(**{
            setting: lambda x: activation("gelu")(x, approximate=True)})
        for slope in SLOPES[1:]:
            yield f"{setting}=leaky_relu with slope {slope}", _setting(**{
                setting: lambda x, slope=slope: leaky_relu(x, slope)})


@entry
def slope(part):
    """Take another slope below zero."""
    for setting in {"negative_slope", "alpha"} & set(part.settings()):
        yield from ((f"{setting}={value}", _setting(**{setting: value})) for value in (*SLOPES, 1.0)
                    if value != getattr(part, setting))


@entry
def axis(part):
    """Work along another axis."""
    if isinstance(getattr(part, "axis", None), int):
        yield from ((f"axis={value}", _setting(axis=value)) for value in (-1, 1, 2, 3) if value != part.axis)
    if isinstance(getattr(part, "axis", None), (list, tuple)):
        yield "axis=-1", _setting(axis=-1)
    for setting, own in part.activations().items():
        if getattr(own, "name", "") == "softmax":
            yield f"{setting}=softmax along the axis before", _setting(**{
                setting: lambda x: activation("softmax")(x, axis=-2)})


@entry
def windows(part):
    """Pad on the other side, count what was padded, read a Flatten in another order."""
    if getattr(part, "padding", None) in ("same", "causal"):
        yield "its padding on the other side", _mirrored
        yield "padding counted in the mean", _setting(padding="theano_counted")
    formats = {"channels_last": "channels_first", "channels_first": "channels_last"}
    if getattr(part, "data_format", None) in formats:
        yield f"data_format={formats[part.data_format]}", _setting(data_format=formats[part.data_format])


def _mirrored(part):
    run, space = part.run, (slice(None), *(slice(None, None, -1),) * part.rank)
    kernels = {name: lambda x: x[space[1:]] for name in part.weights if name != "bias"}
    put(part, **kernels)
    part.run = lambda args, *rest: (np.ascontiguousarray(run(map_structure(lambda x: x[space], args), *rest)[0][space]),
                                    None)


@entry
def direction(part):
    """Run through a sequence the other way."""
    if "go_backwards" in part.settings():
        yield f"go_backwards={not part.go_backwards}", _setting(go_backwards=not part.go_backwards)


@entry
def attention_scale(part):
    """Leave out the scale of attention's scores, or apply it twice."""
    name = next((name for name in ("query_dense", "_query_dense") if name in part.parts), None)
    if name:
        root = float(np.sqrt(part.parts[name].weights["kernel"].shape[-1]))
        for words, factor in (("its scores not scaled", root), ("its scores scaled twice", 1 / root)):
            yield words, lambda part, factor=factor: put(part.parts[name], **dict.fromkeys(
                part.parts[name].weights, lambda x: x * factor))


@entry
def inputs_changed(part):
    """Take the inputs in another order, tokens off by one, or values scaled as while training."""
    channels_first = [("its input channels first", lambda args: [np.moveaxis(args[0], -1, 1)])]
    own = {"Embedding": [("each token one too high", lambda args: [args[0] + 1]),
                         ("each token one too low", lambda args: [args[0] - 1])],
           "Flatten": channels_first, "Reshape": channels_first}
    rate = part.config.get("rate")
    if isinstance(rate, float) and 0 < rate < 1:
        yield f"values multiplied by 1 - rate = {1 - rate:g}", _with_inputs(lambda args: [args[0] * (1 - rate)])
        yield "values divided by 1 - rate", _with_inputs(lambda args: [args[0] / (1 - rate)])
    for words, change in own.get(part.class_name, ()):
        yield words, _with_inputs(change)
    if part.class_name in ("Subtract", "Concatenate", "Dot", "Attention"):
        yield "its inputs in reverse", _with_inputs(lambda args: [list(args[0])[::-1]])


def _with_inputs(change):
    def changed(part):
        run = part.run
        part.run = lambda args, *rest: run(change(args), *rest)
    return changed


def _replaced(whole, other):
    pairs = zip(whole.with_parts(), other.with_parts(), strict=True)
    for part, own in pairs:
        part.arrays = own.arrays


def _without_masks(whole, given):
    run = whole.run
    whole.run = lambda args, kwargs, *masks: run(
        args, {key: value for key, value in (kwargs or {}).items() if "mask" not in key})


def _trained(whole, given):
    if "moving_mean" not in whole.weights:
        raise ValueError("no statistics")
    x = flatten(given[0])[0]
    axes = tuple(axis for axis in range(x.ndim) if axis != whole.axis % x.ndim)
    put(whole, moving_mean=lambda _: x.mean(axes), moving_variance=lambda _: x.var(axes))
