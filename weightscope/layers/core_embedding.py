"""Keras' embeddings: tables of vectors, a row for each whole number."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.noting import note
from weightscope.kernels.quantizing import from_groups, halves, whole_product
from weightscope.layers.quantization import Quantized
from weightscope.model.layer import Weight, keras_layer
from weightscope.model.wanted import Wanted


@keras_layer
class Embedding(Quantized):
    """Looks up a row of the table for each whole number of the input."""

    formula = "y = embeddings[x]"
    adapted = "embeddings"
    quantizes = ("int8", "int4")
    ignored = ("input_length",)
    input_dim: int
    output_dim: int
    mask_zero: bool = False

    def table_specs(self):
        scale = "input_dim groups" if self.grouped else "input_dim"
        yield from self.quantized_specs("embeddings", "input_dim output_dim", "input_dim output_dim/2", scale)
        if self.grouped:
            yield Weight("g_idx", "output_dim", trainable=False)

    def other_specs(self):
        yield from self.lora_specs("input_dim output_dim")

    def adapted_shape(self):
        return self.input_dim, self.output_dim

    def quantizer(self):
        return None  # whole numbers come in, not to be quantized

    def shape(self, x):
        return *x, self.output_dim

    def wanted(self):
        return Wanted(rows=self.input_dim, masked=0 if self.mask_zero else None)

    @property
    def supports_masking(self):
        return self.mask_zero

    def mask(self, x, mask):
        return x != 0

    def forward(self, x, embeddings, **beside):
        indices = x.astype("int32") if x.dtype.kind in "fb" else x
        if indices.size and (indices.min() < -len(embeddings) or indices.max() >= len(embeddings)):
            raise NotReplayable(f"layer {self.name!r}: an index lies outside 0 … {len(embeddings) - 1}")
        if not self.whole:
            note(embeddings=embeddings)
            return embeddings[indices]
        rows, scale = embeddings[indices], self.scale_of(indices, beside["embeddings_scale"])
        rows = halves(rows, self.output_dim) if self.mode == "int4" else rows
        if self.grouped:
            zero = beside["embeddings_zero"][indices]
            y = from_groups(rows, scale, zero, beside["g_idx"], self.as_computed, axis=-1)
        else:
            y = self.as_computed(rows.astype(scale.dtype) / scale)
        return y + beside["lora"][indices] if "lora" in beside else y

    def scale_of(self, indices, scale):
        """Return the scale of the rows that are looked up, for each of their values or for groups of them."""
        return scale[indices] if self.grouped else scale[indices][..., None]

    @property
    def rounding(self):
        """Rows are copied; what LoRA adds to them is computed."""
        return "general" if any("lora" in name for name in self.weights) else "none"


@keras_layer
class ReversibleEmbedding(Embedding):
    """An Embedding that, called with ``reverse=True``, turns vectors back into a score for each row of the table."""

    rounding = "general"
    formula = "y = embeddings[x]; with reverse: x · embeddingsᵀ, or x · reverse_embeddings without tie_weights"
    tie_weights: bool = True
    reverse_dtype: "str | None" = None
    logit_soft_cap: "float | int | None" = None

    def table_specs(self):
        yield from super().table_specs()
        if not self.tie_weights:
            scale = "groups input_dim" if self.grouped else "input_dim"
            words = "output_dim input_dim", "output_dim/2 input_dim"
            yield from self.quantized_specs("reverse_embeddings", *words, scale)

    @property
    def quantizes_inputs(self):
        return self.whole

    def quantizer(self):
        return Quantized.quantizer(self)

    def formula_lines(self):
        own, told = "reverse_embeddings", super().formula_lines()
        return told if self.tie_weights else told + [
            line.replace(self.adapted, own) for line in told if line.startswith(f"{self.adapted} ←") and self.whole
            and "lora" not in line]

    def shape(self, x, reverse=False):
        return (*x[:-1], self.input_dim) if reverse else super().shape(x)

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        """Run the layer; the same contract as ``Layer.run``. Scores have no mask."""
        outputs, mask = super().run(args, kwargs, masks, keyword_masks)
        reverse = args[1] if len(args) > 1 else (kwargs or {}).get("reverse")
        return outputs, None if reverse else mask

    def forward(self, x, reverse=False, embeddings=None, reverse_embeddings=None, **beside):
        if not reverse:
            return super().forward(x, embeddings, **beside)
        kernel = embeddings.T if reverse_embeddings is None else reverse_embeddings
        if self.whole:
            y = self._scores(x, kernel, **beside)
        elif self.reverse_dtype is None:
            y = x @ kernel
        else:
            y = x.astype(self.reverse_dtype) @ kernel.astype(self.reverse_dtype)
        return y if self.logit_soft_cap is None else np.tanh(y / self.logit_soft_cap) * self.logit_soft_cap

    def _scores(self, x, kernel, g_idx=None, **beside):
        """Return x · kernel of whole numbers (``_int8_call`` and ``_int4_call`` of Keras' class)."""
        own = f"{self.adapted if self.tie_weights else 'reverse_embeddings'}_"
        scale, zero = beside[own + "scale"].T if self.tie_weights else beside[own + "scale"], beside.get(own + "zero")
        if self.mode == "int4":
            kernel = halves(kernel.T, self.output_dim).T if self.tie_weights else halves(kernel, self.output_dim, 0)
        x, inputs_scale = self.inputs_in_few_bits(x)
        if self.grouped:
            kernel = from_groups(kernel, scale, zero.T if self.tie_weights else zero, g_idx, self.as_computed)
            y, scale = x @ kernel, None
        else:
            y = whole_product(np.matmul, x, kernel) if inputs_scale is not None else x @ kernel.astype(x.dtype)
        for divisor in (inputs_scale, scale):
            y = self.as_computed(y) if divisor is None else self.as_computed(y / divisor)
        return y
