"""What Keras' ``enable_lora`` and ``quantize`` do to a layer: other weights in its file, other sums in its call."""

import inspect
from functools import partial

import numpy as np

from weightscope.kernels.adding import added
from weightscope.kernels.noting import note, noted
from weightscope.kernels.quantizing import by_largest, from_groups, halves, through_float8, whole_product
from weightscope.model import settings
from weightscope.model.layer import Layer, Weight

FLOAT8 = ("inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history", "outputs_grad_scale",
          "outputs_grad_amax_history")
DEFAULT_QUANTIZER = {"value_range": [-127, 127], "epsilon": 1e-7, "output_dtype": "int8"}


class LowRank(Layer):
    """The base of layers that may carry LoRA: the product of two thin matrices, added to the weight ``adapted``.

    A .keras file holds the sum: Keras adds the product to the weight when it saves, and begins with zeros when it
    loads (``save_own_variables``). An .h5 model holds the three apart.
    """

    adapted = "kernel"
    lora_rank: "int | None" = None
    lora_alpha: "float | int | None" = None

    def __init__(self, config, name):
        super().__init__(config, name)
        lines = self.formula_lines()
        if lines:
            self.formula = "\n".join([inspect.cleandoc(self.formula), *lines])

    def lora_specs(self, words):
        """Yield the two thin matrices beside a weight of the axes ``words``."""
        if self.lora_rank:
            *rows, last = words.split()
            yield Weight(f"lora_{self.adapted}_a", " ".join([*rows, "lora_rank"]), zeros=lambda: self._thin(0))
            yield Weight(f"lora_{self.adapted}_b", f"lora_rank {last}", zeros=lambda: self._thin(1))

    def adapted_shape(self):
        """Return the shape of the weight that LoRA adapts, or None while it is not known."""
        return self.weights[self.adapted].shape

    def _thin(self, which):
        shape = self.adapted_shape()
        return shape and ((self.lora_rank, shape[-1]) if which else (*shape[:-1], self.lora_rank))

    def learn(self, kept):
        """Take what the arrays tell, and the config does not."""
        settings_told = self.told_by(kept)
        if settings_told:
            self.begin_again(**settings_told)
        return bool(settings_told)

    def told_by(self, kept):
        """Return the rank of LoRA, by its matrices, as a setting: the configs of Keras before 3.2 do not tell it."""
        thin = kept.get(f"lora_{self.adapted}_b")
        return {} if thin is None or self.lora_rank or not thin.shape else {"lora_rank": thin.shape[0]}

    def formula_lines(self):
        """Return the lines that LoRA adds to the formula."""
        name = self.adapted
        return [f"{name} ← {name} + lora_alpha / lora_rank · lora_{name}_a · lora_{name}_b"] if self.lora_rank else []

    def saved_order(self):
        """Return all weights but LoRA's, the adapted one first, as ``variable_serialization_spec`` has them."""
        saved = [weight for weight in self.weights.values() if weight.zeros is None]
        return sorted(saved, key=lambda weight: weight.name != self.adapted)

    def arrays(self):
        """Return the weights by name, LoRA's product added to the adapted one, or by itself as ``lora``."""
        arrays = super().arrays()
        if self.lora_rank:
            thin = [arrays.pop(f"lora_{self.adapted}_{half}") for half in "ab"]
            product = self._product(*thin)
            if arrays[self.adapted].dtype.kind == "f":
                arrays[self.adapted] = self.as_computed(arrays[self.adapted] + product)
            else:
                arrays["lora"] = product
        return arrays

    def merged(self):
        """Return the adapted weight, as long as the file has it, with LoRA's product in it."""
        whole, *thin = (self.weights[name].array for name in (
            self.adapted, f"lora_{self.adapted}_a", f"lora_{self.adapted}_b"))
        return whole + self._product(*thin)

    def _product(self, first, second):
        alpha = self.lora_rank if self.lora_alpha is None else self.lora_alpha
        return np.matmul(first, second) * first.dtype.type(alpha / self.lora_rank)


class Quantized(LowRank):
    """The base of layers that ``quantize`` knows.

    ``int8`` and ``int4`` keep whole numbers and scales; ``float8`` keeps floats, and rounds them in the call. A policy
    ``int4/128`` gives each block of 128 steps a scale and a zero of its own, ``int4/-1`` one scale to all.
    """

    quantizes = ("int8", "int4", "float8")
    quantization_config: "dict | None" = None

    @property
    def mode(self):
        """How the weights are quantized, or None."""
        return (settings.quantization(self.policy) or "").partition("/")[0] or None

    @property
    def whole(self):
        """Whether the weights are whole numbers."""
        return self.mode in ("int8", "int4")

    @property
    def rounds_to(self):
        """What inputs are rounded to, or None: a hair's breadth before may be a whole step behind."""
        return "to float8" if self.mode == "float8" else "to int8" if self.whole and self.quantizer() else None

    @property
    def grouped(self):
        """Whether each block of steps has a scale and a zero of its own."""
        size = self._quantization().get("block_size")
        size = settings.quantization(self.policy).partition("/")[2] if size is None and self.mode else size
        return self.mode == "int4" and str(size or "-1") != "-1"

    def _quantization(self):
        found = (self.quantization_config or {}).get("config")
        return found if isinstance(found, dict) else {}

    @property
    def quantizes_inputs(self):
        """Whether inputs are quantized where the config does not say."""
        return self.mode == "int8"

    def quantizer(self):
        """Return the settings of the quantizer of the inputs, or None where they are taken as they are."""
        if self.quantization_config is None:
            return DEFAULT_QUANTIZER if self.quantizes_inputs else None
        found = self._quantization().get("activation_quantizer")
        return found and {**DEFAULT_QUANTIZER, **found.get("config", {}), "class_name": found.get("class_name")}

    def refusal(self):
        """Refuse quantizers of inputs that are not Keras' own, and what any layer refuses."""
        found = self.quantizer() if self.whole else None
        if found and (found.get("class_name", "AbsMaxQuantizer") != "AbsMaxQuantizer" or found["output_dtype"] != "int8"
                      or found.get("axis") not in (None, -1, [-1])):
            return f"activation_quantizer {found.get('class_name')} of axis {found.get('axis')} is not replayed"
        return super().refusal()

    def weight_specs(self):
        table, others = list(self.table_specs()), list(self.other_specs())
        yield from others + table if self.whole else table + others
        if self.mode == "float8":
            yield from (Weight(name, "history" if "history" in name else "") for name in FLOAT8)

    def table_specs(self):
        """Yield the weights that may be quantized, each with what is kept beside it."""
        raise NotImplementedError

    def other_specs(self):
        """Yield the weights that stay as they are."""
        return ()

    def quantized_specs(self, name, words, packed, scale):
        """Yield one weight, and its scales and zeros.

        ``words``: its axes; ``packed``: those of two int4 numbers to a byte; ``scale``: those of its scale.
        """
        floats = not self.whole and not (self.lora_rank and name == self.adapted)
        yield Weight(name, packed if self.mode == "int4" else words, trainable=floats)
        if self.whole:
            yield Weight(f"{name}_scale", scale, trainable=False)
        if self.grouped:
            yield Weight(f"{name}_zero", scale, trainable=False)

    def formula_lines(self):
        """Return the lines that quantization and LoRA add to the formula."""
        name, found = self.adapted, []
        if self.mode == "int8":
            found = [f"{name} ← {name} / {name}_scale"]
        elif self.grouped:
            found = [f"{name} ← (halves of {name}'s bytes − {name}_zero[g_idx]) · {name}_scale[g_idx]"]
        elif self.mode == "int4":
            found = [f"{name} ← halves of {name}'s bytes / {name}_scale"]
        elif self.mode == "float8":
            found = ["x ← float8(x / inputs_scale) · inputs_scale",
                     "kernel ← float8(kernel / kernel_scale) · kernel_scale",
                     "(inputs_amax_history, kernel_amax_history, outputs_grad_scale and outputs_grad_amax_history steer"
                     " training only)"]
        if self.whole and self.quantizer():
            found.append(f"x ← round(x · s) / s, s = {self.quantizer()['value_range'][1]} / max |x|")
        return found + super().formula_lines()

    def inputs_in_few_bits(self, x, axes=-1):
        """Return x, as whole numbers where the inputs are quantized, and their scale; None where they are not."""
        found = self.quantizer()
        if found is None:
            return x, None
        return by_largest(x, axes, (*found["value_range"], found["epsilon"]), self.as_computed)


class QuantizedKernel(Quantized):
    """The base of Dense and EinsumDense: a product with a kernel, and a bias.

    ``packs_inputs``: whether int4 numbers are packed along the inputs, as before Keras 3.14; their inputs are then
    quantized, and divided by one scale to a unit, as for int8. ``bias_first``: whether a .keras has the bias before the
    kernel, as before Keras 3.2. ``adds_plainly``: whether the bias lies along its own axes, as in Keras 2.
    """

    packs_inputs = False
    bias_first = False
    adds_plainly = False

    def saved_order(self):
        """Return the weights as a .keras file numbers them."""
        return sorted(super().saved_order(), key=lambda weight: self.bias_first and weight.name != "bias")

    @property
    def quantizes_inputs(self):
        return self.mode == "int8" or (self.packs_inputs and self.whole)

    def product(self, x, contract, kernel, axes=-1, lora=None, **beside):
        """Return ``contract(x, kernel)`` as the mode of quantization has it.

        ``axes``: those of x that are summed over; ``beside``: scales and zeros. Source: ``_int8_call``, ``_int4_call``
        and ``_float8_call`` in keras/src/layers/core/dense.py and einsum_dense.py.
        """
        if self.mode == "float8":
            return noted(contract, through_float8(x, beside["inputs_scale"], self.as_computed),
                         through_float8(kernel, beside["kernel_scale"], self.as_computed))
        if not self.whole:
            return noted(contract, x, kernel)
        given, scale = (x, None) if self.grouped else self.inputs_in_few_bits(x, axes)
        scale = None if scale is None else self.beside_output(scale)
        if self.mode == "int8" or self.packs_inputs:
            kernel = kernel if self.mode == "int8" else self.unpacked(kernel, x.shape)
            exact = scale is not None
            y = noted(partial(whole_product, contract) if exact else contract, given,
                      kernel if exact else kernel.astype(x.dtype))
            scale = beside["kernel_scale"] if scale is None else self.as_computed(scale * beside["kernel_scale"])
        else:
            y = noted(contract, given, self.unfolded(self._from_int4(kernel, **beside), x.shape))
        y = self.as_computed(y)
        y = y if scale is None else self._scaled(y, scale)
        return y if lora is None else y + noted(contract, x, lora)

    def _scaled(self, y, scale):
        note(scale=np.broadcast_to(scale, y.shape))
        return self.as_computed(y / scale)

    def _from_int4(self, kernel, kernel_scale, kernel_zero=None, g_idx=None):
        whole = halves(kernel, kernel_scale.shape[-1])
        if kernel_zero is None:
            return self.as_computed(whole.astype(kernel_scale.dtype) / kernel_scale)
        return from_groups(whole, kernel_scale, kernel_zero, g_idx, self.as_computed)

    def unpacked(self, kernel, x):
        """Return an int4 kernel of which two numbers along the inputs are in a byte; ``x``: the input's shape."""
        return halves(kernel, x[-1], 0)

    def unfolded(self, kernel, x):
        """Return an int4 kernel, which is kept as a matrix, in the axes of the equation; ``x``: the input's shape."""
        return kernel

    def beside_output(self, scale):
        """Return the scale of an input with its axes where the output has them."""
        return scale

    def with_bias(self, y, bias):
        """Return y + bias, as ``float8`` rounds it; without a bias y."""
        if bias is None:
            return y
        if self.mode == "float8" and self.compute_dtype == "float32":
            bias = self.as_computed(bias, "bfloat16")  # Keras' way to a fused operation, on any device
        return self.added(y, bias)

    def added(self, y, bias):
        """Return y + bias."""
        note(bias=bias)
        return added(y, bias, self.adds_plainly)

    def activated(self, z):
        """Return activation(z)."""
        note(z=z)
        return self.activation(z)
