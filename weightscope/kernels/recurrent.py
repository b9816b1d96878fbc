"""Recurrence: one step's arithmetic, repeated over the steps of (batch, steps, …).

The gates of a kernel lie side by side in its last axis, (in, gates · units). Here they come first, (gates, in, units),
so that ``i, f, c, o = …`` takes them apart and each one is contiguous. Two-byte floats are computed in float32.
"""

import math

import numpy as np

from weightscope.kernels.convolve import working_dtype

# Floats of projected input to hold at a time: enough rows for a good matrix product, few enough to stay in the cache.
PROJECTED = 1 << 20


def by_gate(weight, gates):
    """Return (gates, rows, units) of a kernel (rows, gates · units), or of a bias (gates · units,): one row."""
    weight = np.atleast_2d(weight)
    blocks = weight.reshape(weight.shape[0], gates, -1)
    return np.ascontiguousarray(blocks.swapaxes(0, 1), working_dtype(weight))


def projection(kernel, bias=None):
    """Return the function x (steps, batch, in) → x · kernel + bias, (gates, steps, batch, units).

    ``kernel`` (gates, in, units), ``bias`` (gates, 1, units): all the arithmetic that does not wait for the state
    before, as one product for many steps.
    """
    def project(x):
        y = np.matmul(x.reshape(-1, x.shape[-1]), kernel)
        if bias is not None:
            y += bias
        return y.reshape(len(kernel), *x.shape[:2], -1)
    return project


def scan(cell, x, states, mask=None, return_sequences=True, zero_output_for_mask=False):
    """Run ``cell`` over the steps of ``x``; return the last output, or all (batch, steps, …), and the last states.

    ``cell``: two functions, ``project(x)`` → (gates, steps, batch, …) for x (steps, batch, …) and ``step(projected,
    states)`` → output, states; it may overwrite ``projected``. ``states``: arrays (batch, …). ``mask`` (batch, steps),
    or with some of a state's axes too: where it is False, the states stay as they were, and the output is the one
    before, or 0 if ``zero_output_for_mask``. Source: ``rnn`` in keras/src/backend/tensorflow/rnn.py.
    """
    project, step = cell
    output = outputs = None
    for t, projected in _steps(project, x, math.prod(states[0].shape)):
        after, states_after = step(projected, states)
        if mask is None or mask[:, t].all():
            output, states = after, states_after
        else:
            before = np.zeros_like(after) if output is None or zero_output_for_mask else output
            output = _select(mask[:, t], after, before)
            states = [_select(mask[:, t], new, old) for new, old in zip(states_after, states, strict=True)]
        if return_sequences:
            if outputs is None:
                outputs = np.empty((len(x), x.shape[1], *output.shape[1:]), output.dtype)
            outputs[:, t] = output
    return (outputs if return_sequences else output), states


def _steps(project, x, units):
    """Yield each step's number and its projected input, projected for many steps at a time."""
    block = max(PROJECTED // max(4 * units, 1), 1)
    for start in range(0, x.shape[1], block):
        projected = project(np.ascontiguousarray(x[:, start:start + block].swapaxes(0, 1)))
        for t in range(projected.shape[1]):
            yield start + t, projected[:, t]


def _select(mask, new, old):
    return np.where(mask.reshape(*mask.shape, *(1,) * (new.ndim - mask.ndim)), new, old)
