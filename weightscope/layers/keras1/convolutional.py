"""Convolutional layers with the kernels that Keras 1 and Theano kept for them, turned as Keras 3 keeps them.

``kernel_order`` is Keras 1's ``dim_ordering`` of a kernel: "tf" has space first, "th" has filters first.
Theano convolves where TensorFlow correlates: a kernel it learned lies reversed along space (``kernel_flipped``).
"""

import numpy as np

from weightscope.layers import convolutional, convolutional_transpose
from weightscope.model.formula import written
from weightscope.model.layer import Weight, keras_layer


def as_keras3(kernel, order, flipped):
    """Return a kernel (*space, in, filters) for one of Keras 1's: (filters, in, *space) under "th"."""
    if order == "th":
        kernel = np.moveaxis(kernel, (0, 1), (-1, -2))
    return kernel[(slice(None, None, -1),) * (kernel.ndim - 2)] if flipped else kernel


def kernel_words(space, seen, order):
    """Return the words for the axes of a kernel in one of Keras 1's orders."""
    return f"filters {seen} {space}" if order == "th" else f"{space} {seen} filters"


class OldKernel:
    """The weights W and b of Keras 1, or Keras 2's kernel and bias learned under Theano (``kernel_order`` None)."""

    layout = "old"
    kernel_order: "str | None" = None
    kernel_flipped: bool = False

    def weight_specs(self):
        if self.kernel_order is None:
            yield from super().weight_specs()
            return
        yield self.kernel_spec()
        if self.use_bias:
            yield Weight("b", "filters")

    def written_formula(self):
        """Return the formula with the names that the file has for the weights."""
        text = written(self.formula, self.activations(), not self.use_bias)
        if self.kernel_order is not None:
            text = text.replace("kernel[t]", "W[t]").replace("+ bias", "+ b")
        return text + "\n(the kernel lies reversed along space)" * self.kernel_flipped

    def kernel_spec(self):
        """Return the Weight W."""
        return Weight("W", kernel_words(convolutional.SPACE[self.rank], "in", self.kernel_order))

    def arrays(self):
        """Return kernel and bias as Keras 3 keeps them."""
        found = super().arrays()
        kernel = found.pop("W" if "W" in found else "kernel")
        bias = {"bias": found.pop("b")} if "b" in found else {}
        return {**found, "kernel": self.turned(kernel), **bias}

    def turned(self, kernel):
        """Return the kernel with its axes in Keras 3's order."""
        return np.ascontiguousarray(as_keras3(kernel, self.kernel_order, self.kernel_flipped))


class FlatKernel(Weight):
    """Keras 1's kernel over a sequence, an image one step wide; before 1.1 with the filters first."""

    def __init__(self, layer):
        self._layer = layer
        super().__init__("W", "")

    @property
    def filters_first(self):
        """Whether the stored array is (filters, in, steps, 1)."""
        size, filters = self._layer.kernel_size[0], self._layer.filters
        shape = self.shape
        return shape is not None and (shape[:2] != (size, 1) or shape[3] != filters) and (
            shape[0] == filters and shape[2:] == (size, 1))

    @property
    def axes(self):
        """A word for each stored axis."""
        return "filters in steps 1" if self.filters_first else "steps 1 in filters"

    @axes.setter
    def axes(self, words):
        if words:
            raise ValueError("the words of this weight's axes follow from its shape")

    def fits(self, shape):
        """Any array of four axes may be this weight."""
        return len(shape) == 4


@keras_layer
class Conv1D(OldKernel, convolutional.Conv1D):
    """A kernel slides along a sequence; Keras 1 keeps it as one over an image one step wide."""

    def kernel_spec(self):
        return FlatKernel(self)

    def turned(self, kernel):
        if kernel.ndim == 4:
            first = self.weights["W"].filters_first
            kernel = kernel.transpose(2, 3, 1, 0)[:, 0] if first else kernel[:, 0]
        return as_keras3(kernel, None, self.kernel_flipped)


@keras_layer
class Conv2D(OldKernel, convolutional.Conv2D):
    """A kernel slides over an image; every filter sees all channels of a small rectangle."""


@keras_layer
class Conv3D(OldKernel, convolutional.Conv3D):
    """A kernel slides through a volume; every filter sees all channels of a small box."""


@keras_layer
class Conv2DTranspose(OldKernel, convolutional_transpose.Conv2DTranspose):
    """Spreads every pixel over a small rectangle, to the size that ``output_shape`` says."""

    output_shape: "tuple | None" = None

    def space_shape(self, x):
        if self.output_shape is None:
            return super().space_shape(x)
        return x[0], *self._lengths(), self.filters

    def _lengths(self):
        return self.output_shape[2:] if self.channels_first else self.output_shape[1:-1]

    def turned(self, kernel):
        if self.kernel_order is None:
            return as_keras3(kernel, None, self.kernel_flipped)
        return super().turned(kernel).swapaxes(-1, -2)

    def forward(self, x, kernel, bias=None):
        if self.output_shape is not None:
            self.output_padding = tuple(self._spare(*axis) for axis in zip(
                self._lengths(), x.shape[1:-1], self.kernel_size, self.strides, strict=True))
        return super().forward(x, kernel, bias)

    def _spare(self, length, steps, size, stride):
        # What transpose_length would have to be given to come to this length.
        return length - (steps - 1) * stride - (size if self.padding == "valid" else size % 2)


@keras_layer
class SeparableConv2D(convolutional.SeparableConv2D):
    """First each channel of an image by itself, then a mixture of the channels at every pixel."""

    layout = "old"
    kernel_order: str = "tf"

    def weight_specs(self):
        space = convolutional.SPACE[2]
        yield Weight("depthwise_kernel", "depth_multiplier in height width" if self.kernel_order == "th"
                     else f"{space} in depth_multiplier")
        yield Weight("pointwise_kernel", kernel_words(space, "in·depth_multiplier", self.kernel_order))
        if self.use_bias:
            yield Weight("b", "filters")

    def arrays(self):
        """Return the kernels and the bias as Keras 3 keeps them."""
        found = super().arrays()
        bias = {"bias": found.pop("b")} if "b" in found else {}
        return {**{name: as_keras3(kernel, self.kernel_order, False) for name, kernel in found.items()}, **bias}
