"""The arithmetic of windows that slide over the spatial axes of (batch, *space, channels).

``space`` is one to three axes; sizes, strides and dilations are tuples with one integer for each. Padding is Keras'
word: "valid" adds nothing; "same" adds zeros until there are ceil(length / stride) windows, the odd one at the end
(https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2); "causal" adds all of them before. Theano made
the same number of windows begin elsewhere: "half" is Keras' "same" for its convolutions, "theano" for its poolings,
and "theano_counted" where a mean counts what was added (keras/backend/theano_backend.py of Keras 1 and 2).
"""

import numpy as np

# How many steps Theano adds before an axis, for a window that covers so many.
BEFORE = {
    "half": lambda covered: covered // 2,
    "theano": lambda covered: covered - 2 if covered > 2 and covered % 2 else covered - 1,
}
BEFORE["theano_counted"] = BEFORE["theano"]


def reach(size, dilation=1):
    """How many steps a window of ``size`` taps covers, ``dilation`` apart."""
    return (size - 1) * dilation + 1


def output_length(length, size, stride, padding, dilation=1):
    """The number of windows along one axis of ``length`` steps; ``None`` (unknown) stays ``None``.

    Raises ``ValueError`` where no window fits, for a word that is no padding, and for a number below 1.
    """
    if min(size, stride, dilation) < 1:
        raise ValueError(f"sizes, strides and dilations start at 1, found {size}, {stride} and {dilation}")
    if length is None:
        return None
    if padding in ("same", "causal", *BEFORE):
        return -(-length // stride)
    if padding != "valid":
        raise ValueError(f"padding is 'valid', 'same' or 'causal', not {padding!r}")
    if reach(size, dilation) > length:
        raise ValueError(f"a window over {reach(size, dilation)} steps does not fit into {length}")
    return (length - reach(size, dilation)) // stride + 1


def output_lengths(lengths, sizes, strides, padding, dilations=(1, 1, 1)):
    """``output_length`` of each spatial axis, as a tuple."""
    axes = zip(lengths, sizes, strides, dilations, strict=False)
    return tuple(output_length(length, size, stride, padding, dilation) for length, size, stride, dilation in axes)


def margins(length, size, stride, padding, dilation=1):
    """The steps to add (before, after) one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach(size, dilation) - 1, 0
    windows = output_length(length, size, stride, padding, dilation)
    total = (windows - 1) * stride + reach(size, dilation) - length
    if padding in BEFORE:
        before = BEFORE[padding](reach(size, dilation))
        return before, max(total - before, 0)
    total = max(total, 0)
    return total // 2, total - total // 2


def pad(x, sizes, strides, padding, dilations=(1, 1, 1)):
    """``x`` with the zeros that ``padding`` asks for around its spatial axes; ``x`` itself where it asks for none."""
    axes = zip(x.shape[1:-1], sizes, strides, dilations, strict=False)
    return enlarge(x, [margins(length, size, stride, padding, dilation) for length, size, stride, dilation in axes])


def enlarge(x, around, value=0):
    """``x`` (batch, *space, channels) with (before, after) steps of ``value`` around each spatial axis."""
    if not any(map(any, around)):
        return x
    lengths = [before + length + after for (before, after), length in zip(around, x.shape[1:-1], strict=True)]
    larger = np.full((x.shape[0], *lengths, x.shape[-1]), value, x.dtype)
    inner = [slice(before, before + length) for (before, _), length in zip(around, x.shape[1:-1], strict=True)]
    larger[(slice(None), *inner)] = x
    return larger


def sliding(x, sizes, strides, dilations):
    """Every window of ``x`` (batch, *space, channels) as a read-only view (batch, *windows, *sizes, channels)."""
    lengths = output_lengths(x.shape[1:-1], sizes, strides, "valid", dilations)
    batch, *steps, channel = x.strides
    between = [step * stride for step, stride in zip(steps, strides, strict=True)]
    within = [step * dilation for step, dilation in zip(steps, dilations, strict=True)]
    return np.lib.stride_tricks.as_strided(
        x, (x.shape[0], *lengths, *sizes, x.shape[-1]), (batch, *between, *within, channel), writeable=False
    )


def tap(x, offsets, lengths, strides):
    """The view of ``x`` that one tap of the window meets: ``lengths`` steps from ``offsets`` on, ``strides`` apart."""
    axes = zip(offsets, lengths, strides, strict=True)
    return x[(slice(None), *(slice(first, first + (n - 1) * stride + 1, stride) for first, n, stride in axes))]
