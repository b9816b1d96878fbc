"""Recurrent layers with the arrays that Keras 1 kept for them: three for each gate, put together for the maths."""

import numpy as np

from weightscope.layers import rnn, rnn_convolutional
from weightscope.layers.keras1.convolutional import as_keras3, kernel_words
from weightscope.model.layer import Weight, keras_layer


class PerGate:
    """Names the arrays of each gate, in the file's order, and hands them on as one kernel, side by side."""

    layout = "old"
    kept = ""  # the gates in the order of the file

    def weight_specs(self):
        for gate in self.kept:
            yield Weight(f"W_{gate}", self.input_words())
            yield Weight(f"U_{gate}", self.recurrent_words())
            yield Weight(f"b_{gate}", self.bias_word)

    bias_word = "units"

    def input_words(self):
        """Return the axes of the kernels for the input."""
        return "in units"

    def recurrent_words(self):
        """Return the axes of the kernels for the state."""
        return "units units"

    def arrays(self):
        """Return kernel, recurrent_kernel and bias as Keras 3 keeps them."""
        found = super().arrays()
        joined = {letter: np.concatenate([self.turned(found[f"{letter}_{gate}"]) for gate in self.gates.split("|")], -1)
                  for letter in "WUb"}
        return {"kernel": joined["W"], "recurrent_kernel": joined["U"], "bias": joined["b"]}

    def turned(self, array):
        """Return one array with its axes in Keras 3's order."""
        return array


@keras_layer
class LSTM(PerGate, rnn.LSTM):
    """A memory c behind three gates, each with arrays of its own: input i, forget f, output o."""

    formula = """
        i = recurrent_activation(x · W_i + h · U_i + b_i); f and o alike
        c ← f · c + i · activation(x · W_c + h · U_c + b_c)
        h ← o · activation(c)"""
    kept = "icfo"


@keras_layer
class GRU(PerGate, rnn.GRU):
    """A memory h with two gates, each with arrays of its own: update z, reset r."""

    formula_reset_before = """
        z = recurrent_activation(x · W_z + h · U_z + b_z); r alike
        h ← z · h + (1 − z) · activation(x · W_h + (r · h) · U_h + b_h)"""
    kept = "zrh"


@keras_layer
class ConvLSTM2D(PerGate, rnn_convolutional.ConvLSTM2D):
    """An LSTM over sequences of images, each gate with kernels of its own."""

    formula_per_gate = """
        i = recurrent_activation(x ∗ W_i + h ∗ U_i + b_i); f and o alike
        c ← f · c + i · activation(x ∗ W_c + h ∗ U_c + b_c)
        h ← o · activation(c)"""
    kept = "icfo"
    bias_word = "filters"
    kernel_order: "str | None" = None
    kernel_flipped: bool = False

    def weight_specs(self):
        return rnn_convolutional.ConvLSTM2D.weight_specs(self) if self.kernel_order is None else super().weight_specs()

    def arrays(self):
        """Return kernel, recurrent_kernel and bias as Keras 3 keeps them."""
        if self.kernel_order is not None:
            return super().arrays()
        return {name: self.turned(array) for name, array in rnn_convolutional.ConvLSTM2D.arrays(self).items()}

    def __init__(self, config, name):
        super().__init__(config, name)
        self.formula = self.formula if self.kernel_order is None else self.formula_per_gate

    @property
    def recurrent_padding(self):
        """Keras' "same", as the backend that the file was saved under understood it."""
        return "half" if self.kernel_flipped else "same"

    def input_words(self):
        return kernel_words("height width", "in", self.kernel_order)

    def recurrent_words(self):
        return kernel_words("height width", "filters", self.kernel_order)

    def turned(self, array):
        return array if array.ndim == 1 else as_keras3(array, self.kernel_order, self.kernel_flipped)
