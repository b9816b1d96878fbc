"""Convolutions that share no kernel, which Keras 3 lacks. Source: keras/layers/locally_connected of Keras 2.15."""

import math
from functools import reduce

import numpy as np

from weightscope.kernels.windows import output_lengths, sliding
from weightscope.layers.convolutional import SPACE
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import Activation, Weight, keras_layer


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
