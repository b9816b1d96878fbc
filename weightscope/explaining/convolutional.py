"""Convolutions: the window of the input that an output sees, weighed by the kernel of its filter."""

from itertools import product

import numpy as np

from weightscope.explaining import windows
from weightscope.explaining.activations import activated
from weightscope.explaining.dense import is_linear
from weightscope.explaining.steps import Factor, Say, Sum
from weightscope.explaining.told import explains
from weightscope.layers.convolutional import Convolution, DepthwiseConvolution, SeparableConvolution
from weightscope.layers.convolutional_transpose import ConvolutionTranspose


@explains(Convolution)
def convolution(told):
    *window, unit = told.at
    kernel, axes = told.whole("kernel"), _axes(told)
    seen = kernel.shape[-2]
    first = unit // (kernel.shape[-1] // told.layer.groups) * seen
    yield from windows.words(axes, window)
    if told.layer.groups > 1:
        yield Say(f"filter {unit} is of group {first // seen} of {told.layer.groups}, which sees the channels {first}"
                  f" to {first + seen - 1} only: c counts from the first of them")
    taps = [((*at, first + c), (*t, c, unit)) for t, at in _taps(axes, window) for c in range(seen)]
    channel = f"{first} + c" if first else "c"
    yield from finished(told, taps, _means(told, axes, window, channel, f"c, {unit}"))


@explains(DepthwiseConvolution)
def depthwise(told):
    *window, unit = told.at
    kernel, axes = told.whole("kernel"), _axes(told)
    channel, which = divmod(unit, kernel.shape[-1])
    yield from windows.words(axes, window)
    yield Say(f"output channel {unit} sees channel {channel} alone: {unit} = {channel}·{kernel.shape[-1]} + {which}")
    taps = [((*at, channel), (*t, channel, which)) for t, at in _taps(axes, window)]
    yield from finished(told, taps, _means(told, axes, window, channel, f"{channel}, {which}"))


@explains(SeparableConvolution)
def separable(told):
    """The sum over the channels between, and of these the one that counts most."""
    *window, unit = told.at
    axes, ones = _axes(told), (0,) * len(told.layer.kernel_size)
    yield from windows.words(axes, window)
    between, mixing = told.noted("d")[tuple(window)], told.whole("pointwise_kernel")[(*ones, slice(None), unit)]
    number = int(np.argmax(np.abs(between * mixing)))
    multiplier = told.whole("depthwise_kernel").shape[-1]
    channel, which = divmod(number, multiplier)
    taps = [((*at, channel), (*t, channel, which)) for t, at in _taps(axes, window)]
    means = _means(told, axes, window, channel, f"{channel}, {which}", "depthwise_kernel")
    yield Say(f"first each channel by itself; of the {len(between)} numbers between, the one that counts most below:")
    yield Sum(told.place("d", (*window, number)), means, between[number],
              _factors(told, taps, "depthwise_kernel"))
    yield Say("then a mixture of the channels:")
    where = ", ".join(map(str, ones))
    factors = [Factor(between, lambda m: told.place("d", (*window, m))),
               Factor(mixing, lambda m: f"pointwise_kernel[{where}, {m}, {unit}]")]
    means = f"Σ {told.place('d', (*window, 'm'))} · pointwise_kernel[{where}, m, {unit}]"
    yield from _biased(told, means, factors)


@explains(ConvolutionTranspose)
def transposed(told):
    """The places of the input whose spread windows meet here."""
    *where, unit = told.at
    layer, kernel = told.layer, told.whole("kernel")
    before = [int(number) for number in told.whole("before")]
    meeting = [[(p, o + b - p * stride) for p in range(length)] for o, b, stride, length in zip(
        where, before, layer.strides, told.x.shape)]
    meeting = [[(p, apart // d) for p, apart in axis if 0 <= apart <= (size - 1) * d and apart % d == 0]
               for axis, size, d in zip(meeting, layer.kernel_size, layer.dilation_rate)]
    yield from _spread(told, meeting, before)
    taps = [((*(p for p, _ in meets), c), (*(t for _, t in meets), unit, c))
            for meets in product(*meeting) for c in range(kernel.shape[-1])]
    means = f"Σ {told.place('x', ('p', 'c'))} · kernel[t, {unit}, c] over the p and t that meet here"
    yield from finished(told, taps, means)


def _spread(told, meeting, before):
    layer, names = told.layer, windows.AXES[len(before)]
    yield Say(f"x[p] is spread over the outputs p·strides + t·dilation_rate, a step t of the kernel at each; strides"
              f" {layer.strides}, dilation_rate {layer.dilation_rate}", key="spread")
    if any(before):
        cut = ", ".join(map(str, before))
        yield Say(f"padding {layer.padding!r} cuts {cut} of them off before", key=f"cut {before}")
    told_of = [f"{name}: " + (" and ".join(f"p = {p} by t = {t}" for p, t in axis) or "none")
               for name, axis in zip(names, meeting)]
    yield Say(f"here meet, along the {'; along the '.join(told_of)}")


def _axes(told):
    layer = told.layer
    return windows.axes_of(told.x.shape[:-1], layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate)


def _taps(axes, window):
    """Yield ``(steps of the window, steps of the input)`` of all that are no padding."""
    for steps in product(*(axis.steps(number) for axis, number in zip(axes, window))):
        yield tuple(t for t, _ in steps), tuple(at for _, at in steps)


def _means(told, axes, window, channel, last, kernel="kernel"):
    letters = ", ".join(letter if axis.size > 1 else "0" for letter, axis in zip(windows.STEPS, axes))
    return f"Σ {told.place('x', (*windows.symbols(axes, window), channel))} · {kernel}[{letters}, {last}]"


def _factors(told, taps, kernel="kernel"):
    x, weights = told.x, told.whole(kernel)
    return [Factor([x[at] for at, _ in taps], lambda term: told.place("x", taps[term][0])),
            Factor([weights[at] for _, at in taps], lambda term: told.label(kernel, taps[term][1]))]


def finished(told, taps, means):
    """Yield the steps from the numbers under a kernel to the output; ``taps``: indices of x and kernel, by terms."""
    yield from _biased(told, means, _factors(told, taps))


def _biased(told, means, factors):
    activation, z, more = told.layer.activation, told.noted("z"), []
    if told.has("bias"):
        bias = told.whole("bias")
        index = told.at[-bias.ndim]  # of two axes where it goes astray, along the last axis of space
        more = [(f"bias[{index}]", bias.reshape(-1)[index])]
    name = told.place("y" if is_linear(activation) else "z", told.at)
    yield Sum(name, " + ".join([means, *(label for label, _ in more)]), z[told.at], factors, more)
    yield from activated(told, activation, z)
