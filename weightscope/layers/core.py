"""Keras' core layers: where a model's inputs enter, the dense layers, embeddings and masking."""

import inspect

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.layers import settings, taught
from weightscope.layers.base import Activation, Layer, Weight, keras_layer
from weightscope.layers.constants import revived
from weightscope.layers.structure import flatten_shapes, map_structure
from weightscope.user_code import described


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
        if self.compute_dtype not in (None, "string"):
            x = self.as_computed(x)
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
        x = x if x.dtype.kind == "f" else x.astype(kernel.dtype)  # whole numbers, as from a lookup's multi_hot
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
    """Python code in place of a layer: it is shown, and never run; a NumPy function of your own can stand in for it."""

    formula = "y = function(x, arguments)"
    ignored = ("arguments", "module", "output_shape_type", "output_shape_module", "mask", "mask_type", "mask_module")
    keeps_samples_apart = False  # a function of the user's may look at the whole batch
    function: object = None
    function_type: object = None
    output_shape: object = None

    def given(self):
        """Return ``{name: value}`` of what the function takes besides its inputs."""
        arguments = self.config.get("arguments") or {}
        return settings.checked(self.name, "arguments", "dict", revived(arguments))

    def function_name(self):
        """Return the name of the function in the file, or None for code without one."""
        named = self.function.get("config") if isinstance(self.function, dict) else self.function
        return named if isinstance(named, str) and self.function_type in (None, "function") else None

    def written_formula(self):
        """Return the call with the function's name and its arguments, and what the file says of the function."""
        given = ", ".join(["x", *(f"{key}={value!r}" for key, value in self.given().items())])
        named, own = self.function_name(), taught.find_function(self.name)
        kind = "a name, its code is not in the file" if named else "Python code in the file"
        lines = [f"y = {named or 'lambda'}({given})", f"function = {kind}, never run"]
        if self.output_shape is not None:
            lines.append(f"output_shape = {self._declared() or 'a function, never run'}")
        return "\n".join([*lines, f"function ← {own.__name__}, your own"] if own else lines)

    def _declared(self):
        """Return the shape, or list of shapes, that the config gives for the outputs, without their batch axis."""
        if not isinstance(self.output_shape, list):
            return None
        if _are_sizes(self.output_shape):
            return tuple(self.output_shape)
        each = [isinstance(shape, list) and _are_sizes(shape) for shape in self.output_shape]
        return [tuple(shape) for shape in self.output_shape] if all(each) else None

    def shape(self, x):
        declared, batch = self._declared(), flatten_shapes(x)[0][:1]
        if declared is None:
            raise NotReplayable(f"layer {self.name!r}: its file does not say the shape of its output")
        return batch + declared if isinstance(declared, tuple) else [batch + shape for shape in declared]

    def _check_size(self, given):
        return super()._check_size(given) if self._declared() is not None else None

    def refusal(self):
        """Say that code is not run, unless a function of the user's stands in for it."""
        if self.config.get("mask") is not None:
            return "its mask is made by Python code, which is never run"
        if taught.find_function(self.name) is None:
            return (f"it holds Python code, which is never run; a NumPy function of your own can stand in for it, in a"
                    f" file for --layers: @weightscope.keras_lambda({self.name!r})")
        return super().refusal()

    def forward(self, x, mask=None):
        function = taught.find_function(self.name)
        try:
            takes_mask = "mask" in inspect.signature(function).parameters
            outputs = function(x, **self.given(), **({"mask": mask} if takes_mask else {}))
        except Exception as error:
            where = f"layer {self.name!r}: your function {function.__name__}"
            raise NotReplayable(f"{where}: {described(error)}") from error
        return map_structure(np.asarray, outputs)


def _are_sizes(value):
    return all(size is None or type(size) is int for size in value)
