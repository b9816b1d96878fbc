"""Keras' core layers: where a model's inputs enter, the dense layers, embeddings and masking."""

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.layers.base import Activation, Layer, Weight, keras_layer


@keras_layer
class InputLayer(Layer):
    """Where an input enters the model; the batch axis comes first."""

    formula = "y = x"
    ignored = ("sparse", "input_shape")
    batch_shape: tuple | None = None
    implicit = False  # made for a Sequential whose file has no InputLayer

    def shape(self, x):
        return x

    def forward(self, x):
        return x

    def standardize(self, x):
        """Return an input as an array of this layer's dtype and rank, as Keras' Functional does before it runs.

        A missing or extra last axis of size 1 is added or dropped. Raises Unreadable for any other misfit.
        """
        if isinstance(x, NotReplayable):
            return x
        x = np.asarray(x)
        if self.compute_dtype not in (None, "string", "bfloat16"):
            x = x.astype(self.compute_dtype, copy=False)
        expected = self.batch_shape
        if expected is None:
            return x
        if x.ndim == len(expected) + 1 and x.shape[-1] == 1:
            x = x[..., 0]
        elif x.ndim == len(expected) - 1 and expected[-1] == 1:
            x = x[..., None]
        if len(expected) != x.ndim or any(n not in (None, m) for n, m in zip(expected[1:], x.shape[1:])):
            raise Unreadable(f"input {self.name!r} should have shape {expected}, got {x.shape}")
        return x


@keras_layer
class Dense(Layer):
    """Every unit is a weighted sum of the last axis of the input."""

    formula = "y = activation(x · kernel + bias)"
    supports_masking = True
    refuses = ("lora_rank", "quantization_config")
    ignored = ("lora_alpha",)
    units: int
    activation: Activation = "linear"
    use_bias: bool = True

    def weight_specs(self):
        yield Weight("kernel", "in units")
        if self.use_bias:
            yield Weight("bias", "units")

    def shape(self, x):
        return *x[:-1], self.units

    def forward(self, x, kernel, bias=None):
        y = np.tensordot(x, kernel, 1)
        if bias is not None:
            y += bias
        return self.activation(y)


@keras_layer
class EinsumDense(Layer):
    """A dense layer whose sum runs as an Einstein equation says."""

    formula = "y = activation(einsum(equation, x, kernel) + bias)"
    refuses = ("lora_rank", "quantization_config", "gptq_unpacked_column_size")
    ignored = ("lora_alpha",)
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

    def weight_specs(self):
        yield Weight("kernel", " ".join(self.terms()[1]))
        if self.bias_axes:
            output = self.terms()[2].replace("...", "")
            first = min((output.find(axis) for axis in self.bias_axes if axis in output), default=0)
            yield Weight("bias", " ".join(axis if axis in self.bias_axes else "1" for axis in output[first:]))

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

    def forward(self, x, kernel, bias=0):
        return self.activation(np.einsum(self.equation, x, kernel, optimize=True) + bias)


def _letter_sizes(letters, shape):
    """Return ``{letter: size}`` of a term on a shape; ``"..."`` holds the sizes that the dots stand for."""
    before, dots, after = letters.partition("...")
    rest = len(shape) - len(after) if dots else len(shape)
    sizes = dict(zip(before, shape))
    if dots:
        sizes["..."] = shape[len(before):rest]
        sizes.update(zip(after, shape[rest:]))
    return sizes


@keras_layer
class Embedding(Layer):
    """Looks up a row of the table for each whole number of the input."""

    formula = "y = embeddings[x]"
    refuses = ("lora_rank", "quantization_config")
    ignored = ("lora_alpha", "input_length")
    input_dim: int
    output_dim: int
    mask_zero: bool = False

    def weight_specs(self):
        yield Weight("embeddings", "input_dim output_dim")

    def shape(self, x):
        return *x, self.output_dim

    @property
    def supports_masking(self):
        return self.mask_zero

    def mask(self, x, mask):
        return x != 0

    def forward(self, x, embeddings):
        indices = x.astype("int32") if x.dtype.kind == "f" else x
        if indices.size and (indices.min() < -len(embeddings) or indices.max() >= len(embeddings)):
            raise NotReplayable(f"layer {self.name!r}: an index lies outside 0 … {len(embeddings) - 1}")
        return embeddings[indices]


@keras_layer
class ReversibleEmbedding(Embedding):
    """An Embedding that, called with ``reverse=True``, turns vectors back into a score for each row of the table."""

    formula = "y = embeddings[x]; with reverse: x · embeddingsᵀ, or x · reverse_embeddings without tie_weights"
    tie_weights: bool = True
    reverse_dtype: "str | None" = None
    logit_soft_cap: "float | int | None" = None

    def weight_specs(self):
        yield from super().weight_specs()
        if not self.tie_weights:
            yield Weight("reverse_embeddings", "output_dim input_dim")

    def shape(self, x, reverse=False):
        return (*x[:-1], self.input_dim) if reverse else super().shape(x)

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        """Run the layer; the same contract as ``Layer.run``. Scores have no mask."""
        outputs, mask = super().run(args, kwargs, masks, keyword_masks)
        reverse = args[1] if len(args) > 1 else (kwargs or {}).get("reverse")
        return outputs, None if reverse else mask

    def forward(self, x, reverse=False, embeddings=None, reverse_embeddings=None):
        if not reverse:
            return super().forward(x, embeddings)
        kernel = embeddings.T if reverse_embeddings is None else reverse_embeddings
        if self.reverse_dtype is not None:
            x, kernel = x.astype(self.reverse_dtype), kernel.astype(self.reverse_dtype)
        y = x @ kernel
        return y if self.logit_soft_cap is None else np.tanh(y / self.logit_soft_cap) * self.logit_soft_cap


@keras_layer
class Masking(Layer):
    """Masks the steps at which every value equals ``mask_value``, and sets them to zero."""

    formula = "y = x where any(x != mask_value), else 0"
    supports_masking = True
    mask_value: "float | int" = 0.0

    def _kept(self, x):
        return np.any(x != x.dtype.type(self.mask_value), axis=-1)

    def mask(self, x, mask):
        return self._kept(x)

    def forward(self, x):
        return np.where(self._kept(x)[..., None], x, x.dtype.type(0))


@keras_layer
class Identity(Layer):
    """Hands its input on."""

    formula = "y = x"
    supports_masking = True

    def forward(self, x):
        return x


@keras_layer
class Lambda(Layer):
    """Python code kept in the file; it is shown, and never run."""

    formula = "y = function(x)"
    supports_masking = True
    ignored = ("function", "function_type", "module", "output_shape", "output_shape_type", "output_shape_module",
               "arguments", "mask", "mask_type", "mask_module")

    def refusal(self):
        return "it holds Python code, which is never run"
