"""The dense layers inside attention layers (Keras' EinsumDense), quantized or not."""

import numpy as np

from weightscope.kernels.convolve import working_dtype
from weightscope.kernels.noting import noted
from weightscope.kernels.quantizing import halves
from weightscope.layers.quantization import FLOAT8, QuantizedKernel
from weightscope.model.layer import Activation, Weight


class Projection(QuantizedKernel):
    """Sums the last axes of x against a kernel.

    Keras quantizes it by itself, and the config of its attention layer does not tell: the arrays in the file do.
    """

    formula = "y = activation(x · kernel + bias)"
    words: str  # the kernel's axes
    columns: tuple  # the sizes of those that are not summed over; one of them may be -1
    contracted: int = 1  # how many are summed over
    activation: Activation = "linear"
    use_bias: bool = True
    packs_inputs: bool = False
    called_bare: bool = False
    adds_plainly: bool = False
    bias_first: bool = False
    free: int = 2  # axes of the input that are not summed over: the scale of int8 lies as the output does

    def __init__(self, config, name):
        super().__init__(config, name)
        self.class_name = "EinsumDense"

    def told_by(self, kept):
        """Return the mode of quantization, and the rank of LoRA, as settings."""
        return {**self._mode_told_by(kept), **super().told_by(kept)}

    def _mode_told_by(self, kept):
        """Return the settings that say how these arrays are quantized, {} for not at all."""
        arrays = list(kept.values())
        whole = [array for array in arrays if array.dtype == "int8"]
        if self.mode and not whole:
            return {}
        if sum(array.shape == () for array in arrays) >= len(FLOAT8) // 2:
            return {"dtype": f"float8_from_{self.policy}"}
        if not whole:
            return {}
        kernel = whole[0]
        if len(kernel.shape) == 2 != len(self.words.split()):
            return {"dtype": f"int4{'/128' if len(whole) > 1 else ''}_from_{self.policy.rpartition('_from_')[2]}"}
        scale = next((array for array in arrays if len(array.shape) >= len(self.columns) and array.shape[0] == 1), None)
        mode = "int4" if self.packs_inputs and self._is_packed(kernel) else "int8"
        return {"dtype": f"{mode}_from_{self.policy.rpartition('_from_')[2]}", "bias_first": kernel is not arrays[0],
                "free": self.free if scale is None else len(scale.shape) - len(self.columns)}

    def _is_packed(self, kernel):
        """Whether there are two numbers to a byte: where there is one, the largest of each unit is 127 or nothing."""
        largest = np.abs(kernel.read().astype(int)).max(axis=tuple(range(self.contracted)))
        return not np.isin(largest, (0, 127)).all()

    def table_specs(self):
        words, (summed, columns) = self.words.split(), self._summed_and_columns()
        if self.whole and (self.mode == "int8" or self.packs_inputs):
            packed = " ".join([words[0] + "/2", *words[1:]])
            yield from self.quantized_specs("kernel", self.words, packed, " ".join(["1"] * self.free + columns))
        else:
            steps, units = "·".join(summed), "·".join(columns)
            scale = f"groups {units}" if self.grouped else units
            yield from self.quantized_specs("kernel", self.words, f"{steps} {units}/2", scale)
            if self.grouped:
                yield Weight("g_idx", steps, trainable=False)

    def other_specs(self):
        if self.use_bias:
            yield Weight("bias", " ".join(self._summed_and_columns()[1]))
        yield from self.lora_specs(self.words)

    def _summed_and_columns(self):
        words = self.words.split()
        return words[:self.contracted], words[self.contracted:]

    def forward(self, x, bias=None, **weights):
        work = working_dtype(x)
        if not self.mode or self.called_bare:
            y = noted(self._contracted, x.astype(work, copy=False), weights["kernel"].astype(work, copy=False))
            y = y if bias is None else self.added(y, bias)
        else:
            y = self.with_bias(self.product(x, self._contracted, tuple(range(-self.contracted, 0)), **weights), bias)
        return self.activated(y).astype(x.dtype, copy=False)

    def product(self, x, contract, axes=-1, kernel=None, lora=None, **beside):
        return super().product(x, contract, kernel, axes, lora, **beside)

    def _contracted(self, x, kernel):
        return np.tensordot(x, kernel, self.contracted)

    def beside_output(self, scale):
        return scale.reshape(*scale.shape[:scale.ndim - self.contracted], *[1] * len(self.columns))

    def unpacked(self, kernel, x):
        return halves(kernel, x[-self.contracted], 0)

    def unfolded(self, kernel, x):
        return kernel.reshape(*x[len(x) - self.contracted:], *self.columns)
