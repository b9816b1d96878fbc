"""Layers that Keras 2 had and Keras 3 has no more. Source of the formulas: keras/layers of Keras 2.15."""

import math
from functools import reduce

import numpy as np

from weightscope.kernels.windows import output_lengths, sliding
from weightscope.layers import rnn
from weightscope.layers.convolutional import SPACE
from weightscope.layers.images_random import Augmentation
from weightscope.layers.normalization import BatchNormalization
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import Activation, Layer, Weight, keras_layer


@keras_layer
class ThresholdedReLU(Layer):
    """Values up to a threshold become zero."""

    formula = "y = x where x > theta, else 0"
    supports_masking = True
    theta: "float | int" = 1.0

    def forward(self, x):
        return x * (x > x.dtype.type(self.theta))


class LocallyConnected(Spatial):
    """The base of LocallyConnected1D and LocallyConnected2D: a convolution whose every window has a kernel of its own.

    ``implementation`` says how the kernels are kept: 1 a matrix for each window, 2 one matrix from all of the input to
    all of the output, whose entries outside the windows count as zero, 3 the entries of that matrix inside them.
    """

    formula = "y[p] = activation(Σ x[p·strides + t] · kernel[p, t] + bias[p]) for every position p"
    filters: int
    kernel_size: PerAxis
    strides: PerAxis = 1
    padding: str = "valid"
    activation: Activation = "linear"
    use_bias: bool = True
    implementation: int = 1

    def weight_specs(self):
        space = SPACE[self.rank]
        out = " ".join(f"out_{word}" for word in space.split())
        matrix = f"in {space} filters {out}" if self.channels_first else f"{space} in {out} filters"
        yield Weight("kernel", {1: "windows window·in filters", 2: matrix}.get(self.implementation, "connections"))
        if self.use_bias:
            yield Weight("bias", f"{out} filters")

    def space_shape(self, x):
        return x[0], *output_lengths(x[1:-1], self.kernel_size, self.strides, self.padding), self.filters

    def forward(self, x, kernel, bias=None):
        lengths = self.space_shape(x.shape)[1:-1]
        y = self._by_window(x, kernel) if self.implementation == 1 else self._by_matrix(x, kernel, lengths)
        y = y.reshape(len(x), *lengths, self.filters)
        if bias is not None and self.channels_first:  # bias_add of Keras 1 and 2 takes it as if it had filters first
            bias = np.moveaxis(bias.reshape(self.filters, *lengths), 0, -1)
        return self.activation(y if bias is None else y + bias)

    def _by_window(self, x, kernel):
        windows = sliding(x, self.kernel_size, self.strides, (1,) * self.rank)
        if self.channels_first:
            windows = np.moveaxis(windows, -1, 1 + self.rank)
        seen = windows.reshape(len(x), *kernel.shape[:2]).swapaxes(0, 1)
        return np.matmul(seen, kernel).swapaxes(0, 1)

    def _by_matrix(self, x, kernel, lengths):
        meets = self._meeting(x.shape, lengths)
        matrix = np.zeros(meets.shape, x.dtype)
        if self.implementation == 2:
            np.copyto(matrix, kernel.reshape(meets.shape[::-1]).T, where=meets)
        else:
            matrix[meets] = kernel
        if not self.channels_first:
            return x.reshape(len(x), -1) @ matrix.T
        y = np.moveaxis(x, -1, 1).reshape(len(x), -1) @ matrix.T
        return np.moveaxis(y.reshape(len(x), self.filters, *lengths), 1, -1)

    def _meeting(self, shape, lengths):
        """Return the matrix (out, in) that is true where a value of the input lies in the window of an output."""
        axes = zip(lengths, shape[1:-1], self.kernel_size, self.strides, strict=True)
        axes = [_windows(*axis, self.padding) for axis in axes]
        channels = np.ones((self.filters, shape[-1]), bool)
        blocks = reduce(np.kron, [channels, *axes] if self.channels_first else [*axes, channels])
        return blocks.reshape(math.prod(lengths) * self.filters, math.prod(shape[1:]))


def _windows(count, length, size, stride, padding):
    # Source: conv_connected_inputs in keras/utils/conv_utils.py, whose "same" always has size // 2 steps before.
    first = np.arange(count)[:, None] * stride - (size // 2 if padding == "same" else 0)
    return (np.arange(length) >= first) & (np.arange(length) < first + size)


@keras_layer
class LocallyConnected1D(LocallyConnected):
    """A convolution along a sequence that shares no kernel: each window has its own."""

    rank = 1


@keras_layer
class LocallyConnected2D(LocallyConnected):
    """A convolution over an image that shares no kernel: each window has its own."""

    rank = 2


@keras_layer
class SyncBatchNormalization(BatchNormalization):
    """Scales each channel by its mean and variance, which training took of all devices together."""


@keras_layer
class RandomFourierFeatures(Layer):
    """Cosines of random projections, whose products come close to a kernel function (Rahimi and Recht, 2007)."""

    formula = "y = cos(x · unscaled_kernel / kernel_scale + bias)"
    ignored = ("kernel_initializer", "scale")
    output_dim: int

    def saved_order(self):
        """Return the weights as a .keras file numbers them: the one that trains first."""
        return [self.weights[name] for name in ("kernel_scale", "unscaled_kernel", "bias")]

    def weight_specs(self):
        yield Weight("unscaled_kernel", "in output_dim", trainable=False)
        yield Weight("bias", "output_dim", trainable=False)
        yield Weight("kernel_scale", "1")

    def shape(self, x):
        return x[0], self.output_dim

    def forward(self, x, unscaled_kernel, bias, kernel_scale):
        return np.cos(x @ (unscaled_kernel * (1 / kernel_scale)) + bias)


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


@keras_layer
class RandomHeight(Augmentation):
    """While training, makes images taller or less tall."""

    ignored = (*Augmentation.ignored, "seed")

    def shape(self, x):
        return x[0], None, *x[2:]


@keras_layer
class RandomWidth(Augmentation):
    """While training, makes images wider or narrower."""

    ignored = (*Augmentation.ignored, "seed")

    def shape(self, x):
        return *x[:2], None, *x[3:]
