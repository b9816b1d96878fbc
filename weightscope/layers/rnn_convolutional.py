"""Keras' convolutional recurrent layers: an LSTM whose products are convolutions over images in time."""

import numpy as np

from weightscope.kernels.convolve import convolve, working_dtype
from weightscope.kernels.windows import output_lengths
from weightscope.layers.rnn import LSTMCell, Recurrent
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import Activation, Weight, keras_layer

AXES = {1: "steps", 2: "height width", 3: "depth height width"}


class ConvLSTM(Recurrent, Spatial):
    """The base over x (batch, steps, *space, channels); the states are (batch, *space, filters)."""

    formula = """
        i, f, c̃, o = blocks of x ∗ kernel + h ∗ recurrent_kernel + bias
        c ← recurrent_activation(f) · c + recurrent_activation(i) · activation(c̃)
        h ← recurrent_activation(o) · activation(c)"""
    ignored = LSTMCell.ignored
    remember = LSTMCell.remember
    gates = LSTMCell.gates
    recurrent_padding = "same"
    state_sizes = (None, None)
    filters: int
    kernel_size: PerAxis
    strides: PerAxis = 1
    padding: str = "valid"
    dilation_rate: PerAxis = 1
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    use_bias: bool = True

    def weight_specs(self):
        words = AXES[self.rank]
        yield Weight("kernel", f"{words} in i|f|c|o:filters", at="cell")
        yield Weight("recurrent_kernel", f"{words} filters i|f|c|o:filters", at="cell")
        if self.use_bias:
            yield Weight("bias", "i|f|c|o:filters", at="cell")

    def _state_shape(self, x):
        lengths = output_lengths(x[2:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (x[0], *lengths, self.filters)

    def shape(self, x):
        state = self._turned(self._state_shape((*x[:2], *x[3:], x[2]) if self.channels_first else x), 1)
        y = (x[0], x[1], *state[1:]) if self.return_sequences else state
        return [y, state, state] if self.return_state else y

    def _turned(self, shape, axis):
        return (*shape[:axis], shape[-1], *shape[axis:-1]) if self.channels_first else shape

    def apply(self, x, initial_state=None, **given):
        """Turn the channels of sequences and states last, run, and turn them back."""
        if not self.channels_first:
            return super(Spatial, self).apply(x=x, initial_state=initial_state, **given)
        states = initial_state if initial_state is None else [np.moveaxis(state, 1, -1) for state in initial_state]
        if given.get("mask") is not None and given["mask"].ndim > 2:  # it has no last axis
            given["mask"] = np.moveaxis(given["mask"][..., None], 2, -1)
        y = super(Spatial, self).apply(x=np.moveaxis(x, 2, -1), initial_state=states, **given)
        y, *states = y if self.return_state else (y,)
        y = np.moveaxis(y, -1, 2 if self.return_sequences else 1)
        return (y, *(np.moveaxis(state, -1, 1) for state in states)) if self.return_state else y

    def initial_states(self, x):
        return [np.zeros(self._state_shape(x.shape), x.dtype) for _ in self.state_sizes]

    def step_functions(self, kernel, recurrent_kernel, bias=None):
        """Return ``project``, the convolution of many steps at once, and ``step``."""
        ones = (1,) * self.rank
        recurrent_kernel = recurrent_kernel.astype(working_dtype(recurrent_kernel), copy=False)

        def project(x):
            y = convolve(x.reshape(-1, *x.shape[2:]), kernel.astype(x.dtype), self.strides, self.padding,
                         self.dilation_rate)
            if bias is not None:
                y += bias.astype(y.dtype)
            return _by_gate(y.reshape(*x.shape[:2], *y.shape[1:]))

        def step(x, states):
            h, c = states
            i, f, candidate, o = x + _by_gate(convolve(h, recurrent_kernel, ones, self.recurrent_padding, ones))
            return self.remember(i, f, candidate, o, c)
        return project, step


def _by_gate(x):
    """Return (4, …, filters) of (…, 4 · filters)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], 4, -1), -2, 0)


@keras_layer
class ConvLSTM1D(ConvLSTM):
    """An LSTM over sequences of sequences, convolved along the inner steps."""

    rank = 1


@keras_layer
class ConvLSTM2D(ConvLSTM):
    """An LSTM over sequences of images (Shi et al., 2015)."""

    rank = 2


@keras_layer
class ConvLSTM3D(ConvLSTM):
    """An LSTM over sequences of volumes."""

    rank = 3
