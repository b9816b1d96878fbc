"""Keras' transposed convolutions: every step of the input is spread over a window of the output."""

from weightscope.kernels.convolve import convolve_transpose, transpose_length
from weightscope.kernels.noting import note
from weightscope.layers.convolutional import SPACE, Windowed
from weightscope.layers.spatial import PerAxis
from weightscope.model.layer import Weight, keras_layer


class ConvolutionTranspose(Windowed):
    """The base of Conv1DTranspose, Conv2DTranspose and Conv3DTranspose."""

    formula = """
        y = activation(s + bias)
        where s[p·strides + t·dilation_rate] gathers x[p] · kernel[t]ᵀ from every position p and step t of the kernel;
        padding "same" cuts s to the strides' multiple of x"""
    filters: int
    output_padding: "PerAxis | None" = None

    def weight_specs(self):
        yield Weight("kernel", f"{SPACE[self.rank]} filters in")
        if self.use_bias:
            yield Weight("bias", "filters")

    def space_shape(self, x):
        spare = self.output_padding or (None,) * self.rank
        axes = zip(x[1:-1], self.kernel_size, self.strides, spare, self.dilation_rate, strict=True)
        lengths = (transpose_length(n, size, stride, self.padding, more, d) for n, size, stride, more, d in axes)
        return x[0], *lengths, self.filters

    def forward(self, x, kernel, bias=None):
        note(kernel=kernel)
        y = convolve_transpose(x, kernel, self.strides, self.padding, self.output_padding, self.dilation_rate)
        return self.finish(y, bias)


@keras_layer
class Conv1DTranspose(ConvolutionTranspose):
    """Spreads every step of a sequence over the kernel's length: a convolution run backwards."""

    rank = 1


@keras_layer
class Conv2DTranspose(ConvolutionTranspose):
    """Spreads every pixel over a small rectangle: a convolution run backwards."""

    rank = 2


@keras_layer
class Conv3DTranspose(ConvolutionTranspose):
    """Spreads every point of a volume over a small box: a convolution run backwards."""

    rank = 3
