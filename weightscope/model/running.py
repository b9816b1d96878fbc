"""How a layer runs on arrays: arguments by name, masks, dtypes, and faults that name the layer."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.errors import NotReplayable, WeightscopeError
from weightscope.kernels.noting import told
from weightscope.kernels.short_floats import as_bfloat16, as_plain, to_bfloat16
from weightscope.model.structure import flatten, flatten_shapes, map_structure
from weightscope.model.user_code import described, is_of_user

if TYPE_CHECKING:
    from weightscope.model.arrays import Array, Outputs

WHOLE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("bfloat16", "float16", "float32", "float64")
MOST_VALUES = 2**30  # in one output: past that a file asks for more memory than a check is worth

MISFITS = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


class Runs:
    """The half of a Layer that calls its ``forward``, ``mask`` and ``shape``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Outputs:
        """Return the outputs for arrays ``args``, ``kwargs``, the batch axis first; ``run`` is the same with masks.

        Raises NotReplayable, naming the layer, for what is refused.
        """
        return self.run(args, kwargs)[0]

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, masks: Sequence[Any] = (),
            keyword_masks: Mapping[str, Any] | None = None) -> tuple[Outputs, Any]:
        """Run the layer on arrays.

        ``args``, ``kwargs``: what Keras hands to ``call``; ``masks``, ``keyword_masks``: their masks, of the same
        structure. Returns the outputs and their mask. Raises NotReplayable, naming the layer, for what is refused.
        """
        reason = self.refusal()
        if reason:
            raise NotReplayable(self.about(reason))
        given = self.arguments(args, kwargs or {})
        first = next(iter(given), None)
        masks = {**dict(zip(self._call_names(), masks)), **(keyword_masks or {})}
        self._fill_masks(given, masks, first)
        previous = masks.get(first) if given.get("mask") is None else given["mask"]
        with self._faults_named():
            given = {name: self.cast(value) for name, value in given.items()}
            if self.fails_on or self.makes_floats:
                given = {name: value if name.endswith("mask") else map_structure(self._as_taken, value)
                         for name, value in given.items()}
            outputs = self._guarded(given)
            return outputs, self.output_masks(given, previous) if self.supports_masking else None

    def _as_taken(self, value):
        """Return whole numbers as Keras' layer takes them; raise NotReplayable where it cannot run on their dtype."""
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biu":
            return value
        if value.dtype.name in self.fails_on:
            raise NotReplayable(self.about(f"Keras cannot run it on an input of {value.dtype.name}"))
        return self.as_computed(value) if self.makes_floats and self.compute_dtype in FLOATS else value

    def output_masks(self, given, previous):
        """Return the outputs' masks; ``given``: a call's arguments by name, ``previous``: the mask of the first."""
        return self.mask(next(iter(given.values()), None), previous)

    def _guarded(self, given):
        with self._faults_named():
            expected = self._check_size(given)
            outputs = told(self, given, lambda: self._rounded(self.apply(**given)))
            if is_of_user(self):
                self._check_shapes(outputs, expected)
            return outputs

    @contextmanager
    def _faults_named(self):
        # Settings, weights and inputs of a damaged file need not fit each other, and a user's class may fail anyhow.
        try:
            with np.errstate(all="ignore"):  # an infinity or a NaN is a value to compare, as in Keras
                yield
        except WeightscopeError:
            raise
        except Exception as error:
            if is_of_user(self):
                why = f"your class {type(self).__name__}: {described(error)}"
            elif isinstance(error, MISFITS):
                why = f"its settings, weights and input do not fit each other: {str(error)[:200]}"
            else:
                raise
            raise NotReplayable(self.about(why)) from error

    def _check_shapes(self, outputs, expected):
        # Keras' own layers are held against Keras in our tests; here the rule and the maths can only check each other.
        found = [np.shape(leaf) for leaf in flatten(outputs)]
        if [len(shape) for shape in found] != [len(shape) for shape in expected] or any(
                m not in (None, n) for one, other in zip(found, expected) for n, m in zip(one, other)):
            raise NotReplayable(self.about(f"its shape says {_shapes_text(expected)}, its forward gave"
                                           f" {_shapes_text(found)}"))

    def _check_size(self, given):
        shapes = map_structure(lambda x: x.shape if isinstance(x, np.ndarray) else x, given)
        first = [shapes.pop(name) for name in list(shapes)[:1]]
        outputs = flatten_shapes(self.output_shapes(first, shapes))
        reason = self.size_fault(outputs)
        if reason:
            raise NotReplayable(self.about(reason))
        return outputs

    def size_fault(self, outputs):
        """Return why outputs of these shapes, a flat list, are too large to be computed, or None."""
        size = sum(math.prod(shape) for shape in outputs if None not in shape)
        return f"its output would have {size:,} values" if size > MOST_VALUES else None

    def output_shapes(self, args, kwargs):
        """Return the shape, or the structure of shapes, of the outputs of a call on shapes, ``args`` and ``kwargs``."""
        names = list(inspect.signature(self.shape).parameters)
        with self._faults_named():
            return self.shape(*args[:len(names)], **{key: kwargs[key] for key in kwargs if key in names})

    def arguments(self, args, kwargs):
        """Return ``{argument name: value}`` of a call with ``args`` and ``kwargs``, by the names in ``forward``.

        Raises NotReplayable for an argument that is not known.
        """
        names = self._call_names()
        given = dict(zip(names, args))
        for key, value in kwargs.items():
            if key == "training":
                continue  # whatever the graph says: predict sets it to False (keras/src/layers/layer.py)
            if key == "inputs" and not given:
                given[names[0]] = value
            elif key in names:
                given[key] = value
            elif value is not None and value is not False:
                raise NotReplayable(self.about(f"call argument {key}={value!r} is not replayed"))
        return {name: given[name] for name in names if name in given}

    def _call_names(self):
        # Settled once for each class: the arguments of forward that are no weights.
        if "_names" not in type(self).__dict__:
            type(self)._names = [
                name for name, parameter in inspect.signature(type(self).forward).parameters.items()
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD]
        return [name for name in type(self)._names if name not in self.weights]

    def _fill_masks(self, given, masks, first):
        # As in Keras' Layer.__call__: `mask` is filled in only where one argument holds tensors.
        tensors = [name for name, value in given.items() if any(isinstance(x, np.ndarray) for x in flatten(value))]
        for name in self._call_names():
            if given.get(name) is not None:
                continue
            if name == "mask" and len(tensors) == 1:
                given["mask"] = masks.get(first)
            elif name.endswith("_mask") and len(tensors) > 1 and masks.get(name[:-5]) is not None:
                given[name] = masks[name[:-5]]

    def alters_others(self) -> bool:
        """Whether a call changes what another call gives, that reads no output of it: so that their order matters."""
        return getattr(self, "stateful", False) or any(part.alters_others() for part in self.parts.values())

    def unmasked(self, _args, _kwargs):
        """Return those of the arguments of a call whose tensors it takes the mask off, for all that read them later."""
        return ()

    def cast(self, value: Any) -> Any:
        """Return ``value`` with its float arrays in ``compute_dtype``, at any depth of lists and mappings."""
        if self.compute_dtype not in FLOATS:
            return value
        return map_structure(self._cast_array, value)

    def _cast_array(self, value):
        return self.as_computed(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    def as_computed(self, array, dtype=None):
        """Return an array of numbers in ``compute_dtype``, or in ``dtype``; bfloat16 is float32 rounded to it."""
        dtype = dtype or self.compute_dtype
        return to_bfloat16(array) if dtype == "bfloat16" else as_plain(array).astype(dtype, copy=False)

    @property
    def output_dtype(self) -> str | None:
        """The dtype of the floats that this layer returns."""
        return self.compute_dtype

    def _rounded(self, outputs):
        # NumPy has no bfloat16: between its casts a layer computes in float32, and rounds what it hands on.
        return map_structure(in_bfloat16, outputs) if self.output_dtype == "bfloat16" else outputs

    def apply(self, **given):
        """Call ``forward`` with the arguments ``given`` to the call and the weights, both by name."""
        return self.forward(**given, **self.arrays())

    def arrays(self) -> dict[str, Array]:
        """Return ``{name: array}`` of the layer's own weights in ``compute_dtype``."""
        return {name: self.cast(weight.array) for name, weight in self.weights.items()}

    def sizes(self) -> dict[str, Array]:
        """Return ``{name: array}`` of how large the weights are: what ``forward`` takes for |x| · |W| + |b|."""
        return {name: np.abs(array) for name, array in self.arrays().items()}

    def cancelled(self, *_):
        """Return the size of what cancels inside, and leaves its rounding, where moving the inputs does not tell."""
        return 0.0


def in_bfloat16(value):
    """Return an array of floats rounded to bfloat16, of a dtype that says so, and any other value as it is."""
    return as_bfloat16(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def _shapes_text(shapes):
    return ", ".join(str(tuple(shape)) for shape in shapes)
