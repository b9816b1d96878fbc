"""Keras' core layers: masking, identity, and code in place of a layer."""

import inspect

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.model import settings, taught
from weightscope.model.constants import revived
from weightscope.model.layer import Activation, Layer, keras_layer
from weightscope.model.structure import flatten_shapes, map_structure
from weightscope.model.user_code import described
from weightscope.model.wanted import Wanted


@keras_layer
class Masking(Layer):
    """Masks the steps at which every value equals ``mask_value``, and sets them to zero."""

    rounding = "none"
    formula = "y = x where any(x != mask_value), else 0"
    supports_masking = True
    mask_value: "float | int" = 0.0

    def wanted(self):
        return Wanted(masked=self.mask_value)

    def _kept(self, x):
        return np.any(x != x.dtype.type(self.mask_value), axis=-1)

    def mask(self, x, mask):
        return self._kept(x)

    def forward(self, x):
        return np.where(self._kept(x)[..., None], x, x.dtype.type(0))


@keras_layer
class Identity(Layer):
    """Hands its input on."""

    rounding = "none"
    formula = "y = x"
    supports_masking = True
    hands_on = True

    def forward(self, x):
        return x


@keras_layer
class Lambda(Layer):
    """A function in place of a layer: Python code is shown, and never run; a NumPy function of your own can stand in.

    Where the file names an activation of Keras', it is that.
    """

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
        lines = [f"y = {named or 'lambda'}({given})"]
        lines += [f"function = {kind}, never run"] if self.named_activation() is None else []
        if self.output_shape is not None:
            lines.append(f"output_shape = {self._declared() or 'a function, never run'}")
        return "\n".join([*lines, f"function ← {own.__name__}, your own"] if own else lines)

    def named_activation(self):
        """Return the activation of Keras' that the file names, and gives nothing besides its input; or None."""
        module = self.function.get("module") if isinstance(self.function, dict) else None
        name = None if self.given() or module not in ("builtins", "keras.activations") else self.function_name()
        found = None if name is None else Activation(name)
        return found if found and found.known and not found.lacks else None

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
        if declared is None and self.named_activation() is not None:
            return x
        if declared is None:
            raise NotReplayable(f"layer {self.name!r}: its file does not say the shape of its output")
        return batch + declared if isinstance(declared, tuple) else [batch + shape for shape in declared]

    def _check_size(self, given):
        return super()._check_size(given) if self._declared() is not None else None

    def refusal(self):
        """Say that code is not run, unless a function of the user's stands in for it."""
        if self.config.get("mask") is not None:
            return "its mask is made by Python code, which is never run"
        if taught.find_function(self.name) is None and self.named_activation() is None:
            named = self.function_name()
            what = f"names the function {named!r}, which is never called" if named else (
                "holds Python code, which is never run")
            return (f"it {what}; a NumPy function of your own can stand in for it, in"
                    f" --layer-code FILE: @weightscope.keras_lambda({self.name!r})")
        return super().refusal()

    def forward(self, x, mask=None):
        function = taught.find_function(self.name)
        if function is None:
            return self.named_activation()(x)
        try:
            takes_mask = "mask" in inspect.signature(function).parameters
            outputs = function(x, **self.given(), **({"mask": mask} if takes_mask else {}))
        except Exception as error:
            where = f"layer {self.name!r}: your function {function.__name__}"
            raise NotReplayable(f"{where}: {described(error)}") from error
        return map_structure(np.asarray, outputs)


def _are_sizes(value):
    return all(size is None or type(size) is int for size in value)
