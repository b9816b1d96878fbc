"""Recurrent layers as NVIDIA's library keeps them, and those that take the steps first. Source: Keras 2.15."""

import numpy as np

from weightscope.layers import rnn
from weightscope.model.layer import keras_layer


class CuDNN:
    """Arrays as NVIDIA's library keeps them: kernels transposed gate by gate, a bias for the input and the state each.

    Source: ``_convert_rnn_weights`` in keras/saving/legacy/hdf5_format.py.
    """

    def bias_axes(self, blocks):
        """Return the words for the bias' one axis."""
        gates = self.gates.split("|")
        return "|".join(f"{side}_{gate}" for side in ("input", "recurrent") for gate in gates) + ":units"

    def arrays(self):
        """Return kernel, recurrent_kernel and bias as Keras 3 keeps them."""
        found = super().arrays()
        gates = len(self.gates.split("|"))
        kernels = np.split(found["kernel"], gates, -1), np.split(found["recurrent_kernel"], gates, -1)
        kernel = np.concatenate([block.T.reshape(block.shape, order="F") for block in kernels[0]], -1)
        recurrent = np.concatenate([block.T for block in kernels[1]], -1)
        return {"kernel": kernel, "recurrent_kernel": recurrent, "bias": self.both(*np.split(found["bias"], 2))}


@keras_layer
class CuDNNLSTM(CuDNN, rnn.LSTM):
    """A memory c behind three gates: input i, forget f, output o; with the arrays of a graphics card's library."""

    def both(self, of_input, of_state):
        """Return one bias for the two that are added anyway."""
        return of_input + of_state


@keras_layer
class CuDNNGRU(CuDNN, rnn.GRU):
    """A memory h with two gates: update z, reset r; with the arrays of a graphics card's library."""

    def both(self, of_input, of_state):
        """Return the two biases as rows: the reset gate works between them."""
        return np.stack([of_input, of_state])


class TimeMajor:
    """Sequences as (steps, batch, in) instead of (batch, steps, in)."""

    layout = "time_major"
    keeps_samples_apart = False

    def shape(self, x):
        y = super().shape((x[1], x[0], *x[2:]))
        outputs = y if self.return_state else [y]
        if self.return_sequences:
            outputs = [(outputs[0][1], outputs[0][0], *outputs[0][2:]), *outputs[1:]]
        return outputs if self.return_state else outputs[0]

    def forward(self, x, initial_state=None, mask=None, **weights):
        mask = None if mask is None else mask.swapaxes(0, 1)
        y = super().forward(x.swapaxes(0, 1), initial_state, mask, **weights)
        if not self.return_sequences:
            return y
        return (y[0].swapaxes(0, 1), *y[1:]) if self.return_state else y.swapaxes(0, 1)


@keras_layer
class SimpleRNN(TimeMajor, rnn.SimpleRNN):
    """The plainest memory: the output is fed back at the next step."""


@keras_layer
class LSTM(TimeMajor, rnn.LSTM):
    """A memory c behind three gates: input i, forget f, output o."""


@keras_layer
class GRU(TimeMajor, rnn.GRU):
    """A memory h with two gates: update z, reset r."""


@keras_layer
class RNN(TimeMajor, rnn.RNN):
    """Any cell, walked over the steps of a sequence."""
