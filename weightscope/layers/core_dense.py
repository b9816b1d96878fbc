"""Keras' dense layers: sums of the input, weighed by a kernel."""

import numpy as np

from weightscope.errors import Unreadable
from weightscope.kernels.adding import added
from weightscope.kernels.quantizing import trits
from weightscope.layers.quantization import QuantizedKernel
from weightscope.model.layer import Activation, Layer, Weight, keras_layer


@keras_layer
class Dense(QuantizedKernel):
    """Every unit is a weighted sum of the last axis of the input."""

    rounding = "products"
    formula = "y = activation(x · kernel + bias)"
    supports_masking = True
    units: int
    activation: Activation = "linear"
    use_bias: bool = True

    def table_specs(self):
        yield from self.quantized_specs("kernel", "in units", "in units/2", "groups units" if self.grouped else "units")
        if self.grouped:
            yield Weight("g_idx", "in", trainable=False)

    def other_specs(self):
        if self.use_bias:
            yield Weight("bias", "units")
        yield from self.lora_specs("in units")

    def adapted_shape(self):
        shape = self.weights["kernel"].shape
        return shape and (shape[0], self.units)

    def shape(self, x):
        return *x[:-1], self.units

    def forward(self, x, bias=None, **weights):
        x = x if x.dtype.kind == "f" else x.astype("float32")  # whole numbers, as from a lookup's multi_hot
        y = self.product(self.cast(x), _last_with_first, **weights)
        return self.activated(self.with_bias(y, bias))


def _last_with_first(x, kernel):
    return np.tensordot(x, kernel, 1)


@keras_layer
class TernaryDense(Layer):
    """A dense layer that takes of each number of its kernel the sign alone, or 0 where it is small (Keras 3.16)."""

    formula = """
        signs = sign(kernel) where |kernel| > threshold, else 0
        y = activation(x · signs + bias), without a threshold: activation(x · signs · mean(|kernel|) + bias)"""
    formula_packed = """
        signs = five digits in base 3 of each of kernel's bytes, less 1
        y = activation(x · signs · kernel_scale + bias)"""
    supports_masking = True
    quantizes = ("ternary",)
    units: int
    threshold: "float | int | None" = None
    activation: Activation = "linear"
    use_bias: bool = True

    def __init__(self, config, name):
        super().__init__(config, name)
        if self.quantizes_now:
            self.formula = self.formula_packed

    def weight_specs(self):
        packed = self.quantizes_now
        kernel = Weight("kernel", "in/5 units" if packed else "in units", trainable=not packed)
        bias = [Weight("bias", "units")] * self.use_bias
        yield from [*bias, kernel, Weight("kernel_scale", "", trainable=False)] if packed else [kernel, *bias]

    def saved_order(self):
        """Return the weights as a .keras file numbers them, the kernel first."""
        return sorted(super().saved_order(), key=lambda weight: weight.name != "kernel")

    def shape(self, x):
        return *x[:-1], self.units

    def forward(self, x, kernel, bias=None, kernel_scale=None):
        if self.quantizes_now:
            signs, scale = trits(kernel, x.shape[-1]).astype(x.dtype), kernel_scale
        else:
            sizes = np.abs(kernel)
            mean = self.as_computed(sizes.mean(dtype=sizes.dtype))
            threshold = mean * x.dtype.type(0.5) if self.threshold is None else x.dtype.type(self.threshold)
            signs, scale = np.sign(kernel) * (sizes > threshold), mean if self.threshold is None else None
        y = self.as_computed(_last_with_first(x, signs))
        y = y if scale is None else self.as_computed(y * scale)
        return self.activation(y if bias is None else added(y, bias))


class BeforeDots(Weight):
    """A weight with an axis of size 1 for each that the dots behind its words stand for, as many as the file has."""

    def axis_words(self):
        """Return the words, and ``1`` for each stored axis behind them."""
        words = self.axes.split()
        return words if self.shape is None else words + ["1"] * (len(self.shape) - len(words))

    def fits(self, shape):
        """Tell whether an array may be this weight: one of its axes, and others of size 1."""
        return len(shape) >= len(self.axes.split()) and set(shape[len(self.axes.split()):]) <= {1}


@keras_layer
class EinsumDense(QuantizedKernel):
    """A dense layer whose sum runs as an Einstein equation says."""

    rounding = "products"
    formula = "y = activation(einsum(equation, x, kernel) + bias)"
    refuses = ("gptq_unpacked_column_size", "awq_unpacked_column_size")
    makes_floats = True
    equation: str
    output_shape: "int | tuple"
    activation: Activation = "linear"
    bias_axes: "str | None" = None

    def terms(self):
        """Return the letters of input, kernel and output; raise Unreadable where the equation has not all three."""
        left, arrow, output = self.equation.replace(" ", "").partition("->")
        inputs = left.split(",")
        if not arrow or len(inputs) != 2:
            raise Unreadable(f"layer {self.name!r}: equation {self.equation!r} is not of the form 'ab,bc->ac'")
        return inputs[0], inputs[1], output

    def table_specs(self):
        _, kernel, output = self.terms()
        steps, columns = ("·".join(letter for letter in kernel if (letter in output) is kept) for kept in (False, True))
        scale = f"groups {columns}" if self.grouped else columns
        if self.mode == "int8":  # lies as the output does
            scale = " ".join(letter if letter in kernel else "1" for letter in output)
        yield from self.quantized_specs("kernel", " ".join(kernel), f"{steps} {columns}/2", scale)
        if self.grouped:
            yield Weight("g_idx", steps, trainable=False)

    def other_specs(self):
        if self.bias_axes:
            output = self.terms()[2].replace("...", "")
            first = min((output.find(axis) for axis in self.bias_axes if axis in output), default=0)
            words = " ".join(axis if axis in self.bias_axes else "1" for axis in output[first:])
            yield (BeforeDots if self.terms()[2].endswith("...") else Weight)("bias", words)
        yield from self.lora_specs(" ".join(self.terms()[1]))

    def adapted_shape(self):
        given = self.build_config.get("input_shape")
        return self._kernel_shape(given) if self.mode == "int4" and given else super().adapted_shape()

    def _kernel_shape(self, x):
        given, kernel, output = self.terms()
        sizes = {**_letter_sizes(output, self.shape(tuple(x))), **_letter_sizes(given, tuple(x))}
        return tuple(sizes[letter] for letter in kernel)

    def unfolded(self, kernel, x):
        return kernel.reshape(self._kernel_shape(x))

    def beside_output(self, scale):
        given, _, output = self.terms()  # without dots: Keras fails to quantize an equation with them
        kept = "".join(letter for letter in output if letter in given)
        absent = tuple(place for place, letter in enumerate(output) if letter not in given)
        return np.expand_dims(np.einsum(f"{given}->{kept}", scale), absent)

    def shape(self, x):
        given, _, output = self.terms()
        sizes = _letter_sizes(given, x)
        shape = (self.output_shape,) if isinstance(self.output_shape, int) else tuple(self.output_shape)
        if output.startswith("..."):
            return *sizes["..."], *self._sizes(output[3:], sizes, shape)
        if output.endswith("..."):
            return *self._sizes(output[:-3], sizes, shape), *sizes["..."]
        return self._sizes(output, sizes, shape)

    def _sizes(self, letters, sizes, shape):
        # output_shape tells the sizes from the right; the axes before it, and its Nones, are the input's.
        shape = (None,) * (len(letters) - len(shape)) + shape
        return tuple(sizes.get(letter) if size is None else size for letter, size in zip(letters, shape))

    def forward(self, x, bias=None, **weights):
        given, _, output = self.terms()
        before, _, after = given.partition("...")
        letters = dict(zip(before, range(len(before)))) | dict(zip(after, range(-len(after), 0)))
        summed = tuple(axis for letter, axis in letters.items() if letter not in output)
        y = self.product(x, self._contracted, axes=summed, **weights)
        return self.activated(self.with_bias(y, bias))

    def _contracted(self, x, kernel):
        return np.einsum(self.equation, x, kernel, optimize=True)


def _letter_sizes(letters, shape):
    """Return ``{letter: size}`` of a term on a shape; ``"..."`` holds the sizes that the dots stand for."""
    before, dots, after = letters.partition("...")
    rest = len(shape) - len(after) if dots else len(shape)
    sizes = dict(zip(before, shape))
    if dots:
        sizes["..."] = shape[len(before):rest]
        sizes.update(zip(after, shape[rest:]))
    return sizes
