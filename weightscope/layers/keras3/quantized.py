"""Dense layers whose quantized arrays an older Keras 3 kept otherwise."""

from weightscope.kernels.quantizing import halves
from weightscope.layers import core_dense, core_embedding
from weightscope.layers.quantization import QuantizedKernel
from weightscope.model.layer import keras_layer


class KeptOtherwise(QuantizedKernel):
    """The base of dense layers of older files: ``packs_inputs`` (int4 until 3.13), ``bias_first`` (int8 until 3.1)."""

    layout = "keras3"
    packs_inputs: bool = False
    bias_first: bool = False


@keras_layer
class Dense(KeptOtherwise, core_dense.Dense):
    """Every unit is a weighted sum of the last axis of the input."""

    def table_specs(self):
        if self.mode == "float8" or not (self.packs_inputs or self.bias_first):
            yield from super().table_specs()
        else:
            yield from self.quantized_specs("kernel", "in units", "in/2 units", "1 units" * self.bias_first or "units")

    def adapted_shape(self):
        given = self.build_config.get("input_shape")
        packed = self.mode == "int4" and self.packs_inputs and given
        return (given[-1], self.units) if packed else super().adapted_shape()


@keras_layer
class Embedding(core_embedding.Embedding):
    """Looks up a row of the table for each whole number of the input; int8 has one scale to a column (3.2)."""

    layout = "keras3"

    def table_specs(self):
        yield from self.quantized_specs("embeddings", "input_dim output_dim", "", "output_dim")

    def scale_of(self, indices, scale):
        return scale


@keras_layer
class EinsumDense(KeptOtherwise, core_dense.EinsumDense):
    """A dense layer whose sum runs as an Einstein equation says."""

    def table_specs(self):
        _, kernel, output = self.terms()
        scale = " ".join(letter if letter in kernel else "1" for letter in output)
        packed = " ".join(letter + "/2" * (letter == self._packed()) for letter in kernel)
        yield from self.quantized_specs("kernel", " ".join(kernel), packed, scale)

    def _packed(self):
        """Return the letter of the axis along which two numbers are in a byte: the first that is summed over."""
        _, kernel, output = self.terms()
        return next((letter for letter in kernel if letter not in output), kernel[0])

    def unpacked(self, kernel, x):
        given, words, _ = self.terms()
        return halves(kernel, x[given.index(self._packed())], words.index(self._packed()))
