"""Keras' convolutional layers: a kernel slides over space and weighs what lies under it."""

from weightscope.kernels.adding import bias_axis
from weightscope.kernels.convolve import convolve, depthwise
from weightscope.kernels.noting import note
from weightscope.kernels.windows import output_lengths
from weightscope.layers.quantization import LowRank
from weightscope.layers.spatial import PerAxis, Spatial
from weightscope.model.layer import Activation, Weight, keras_layer

SPACE = {1: "steps", 2: "height width", 3: "depth height width"}  # the words of a kernel's first axes, by rank


class Windowed(Spatial):
    """What all convolutional layers share: the windows, the bias and the activation."""

    rounding = "products"
    kernel_size: PerAxis
    strides: PerAxis = 1
    padding: str = "valid"
    dilation_rate: PerAxis = 1
    activation: Activation = "linear"
    use_bias: bool = True
    adds_plainly: bool = False  # a dialect's word: Keras 2 adds a bias to the channels, wherever they are

    def windows(self, x):
        """Return how many windows lie along each axis of space of a shape."""
        return output_lengths(x[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def finish(self, y, bias):
        """Add the bias, if there is one, to a fresh array, and activate it."""
        if bias is not None:
            # With channels_first, an output as wide as it has filters gets its bias along the width.
            turned = (len(y), y.shape[-1], *y.shape[1:-1])
            led = self.channels_first and not (self.fuses_bias or self.adds_plainly)
            astray = led and bias_axis(turned, bias.shape) == -1
            bias = bias[:, None] if astray else bias
            note(bias=bias)
            y += bias
        note(z=y)
        return self.activation(y)

    @property
    def fuses_bias(self):
        """Whether TensorFlow's graph makes convolution and bias one operation, which adds the bias to the channels."""
        return False


class Convolution(Windowed, LowRank):
    """The base of Conv1D, Conv2D and Conv3D."""

    formula = """
        y[p] = activation(Σ x[p·strides + t·dilation_rate] · kernel[t] + bias)
        for every position p, summed over the kernel's steps t; padding puts zeros around x"""
    filters: int
    groups: int = 1

    def written_formula(self):
        where = {"valid": "", "causal": "; padding puts zeros before x"}
        padded = "; padding puts zeros around x"
        return super().written_formula().replace(padded, where.get(self.padding, padded))

    def weight_specs(self):
        seen = "in" if self.groups == 1 else "in/groups"
        words = f"{SPACE[self.rank]} {seen} filters"
        yield Weight("kernel", words, trainable=not self.lora_rank)
        if self.use_bias:
            yield Weight("bias", "filters")
        yield from self.lora_specs(words)

    def space_shape(self, x):
        return x[0], *self.windows(x), self.filters

    @property
    def fuses_bias(self):
        return self.rank < 3 and self.groups == 1

    def forward(self, x, kernel, bias=None):
        note(kernel=kernel)
        y = convolve(x, kernel, self.strides, self.padding, self.dilation_rate, self.groups)
        return self.finish(y, bias)


@keras_layer
class Conv1D(Convolution):
    """A kernel slides along a sequence; every filter sees all channels of a few neighbouring steps."""

    rank = 1


@keras_layer
class Conv2D(Convolution):
    """A kernel slides over an image; every filter sees all channels of a small rectangle."""

    rank = 2


@keras_layer
class Conv3D(Convolution):
    """A kernel slides through a volume; every filter sees all channels of a small box."""

    rank = 3


class DepthwiseConvolution(Windowed):
    """The base of DepthwiseConv1D and DepthwiseConv2D."""

    formula = """
        y[p, c] = activation(Σ x[p·strides + t·dilation_rate, c] · kernel[t, c] + bias)
        for every position p and channel c, summed over the kernel's steps t"""
    depth_multiplier: int = 1

    def weight_specs(self):
        yield Weight("kernel", f"{SPACE[self.rank]} in depth_multiplier")
        if self.use_bias:
            yield Weight("bias", "in·depth_multiplier")

    def space_shape(self, x):
        return x[0], *self.windows(x), None if x[-1] is None else x[-1] * self.depth_multiplier

    def forward(self, x, kernel, bias=None):
        note(kernel=kernel)
        y = depthwise(x, kernel, self.strides, self.padding, self.dilation_rate)
        return self.finish(y, bias)


@keras_layer
class DepthwiseConv1D(DepthwiseConvolution):
    """Each channel of a sequence has kernels of its own and sees no other channel."""

    rank = 1


@keras_layer
class DepthwiseConv2D(DepthwiseConvolution):
    """Each channel of an image has kernels of its own and sees no other channel."""

    rank = 2


class SeparableConvolution(Windowed):
    """The base of SeparableConv1D and SeparableConv2D."""

    formula = """
        d[p, c] = Σ x[p·strides + t·dilation_rate, c] · depthwise_kernel[t, c]
        y = activation(d · pointwise_kernel + bias)"""
    filters: int
    depth_multiplier: int = 1

    def weight_specs(self):
        yield Weight("depthwise_kernel", f"{SPACE[self.rank]} in depth_multiplier")
        yield Weight("pointwise_kernel", f"{SPACE[self.rank]} in·depth_multiplier filters")
        if self.use_bias:
            yield Weight("bias", "filters")

    def space_shape(self, x):
        return x[0], *self.windows(x), self.filters

    def forward(self, x, depthwise_kernel, pointwise_kernel, bias=None):
        y = depthwise(x, depthwise_kernel, self.strides, self.padding, self.dilation_rate)
        note(depthwise_kernel=depthwise_kernel, pointwise_kernel=pointwise_kernel, d=y)
        ones = (1,) * self.rank
        return self.finish(convolve(y, pointwise_kernel, ones, "valid", ones), bias)


@keras_layer
class SeparableConv1D(SeparableConvolution):
    """First each channel of a sequence by itself, then a mixture of the channels at every step."""

    rank = 1


@keras_layer
class SeparableConv2D(SeparableConvolution):
    """First each channel of an image by itself, then a mixture of the channels at every pixel."""

    rank = 2
