"""What an operation of ``keras.ops`` is: a plain function of arrays, and the table that finds it by Keras' words.

``operation = operations_of("numpy")`` makes a decorator; ``@operation`` enters a function for the class of the same
name in ``keras.src.ops.numpy``, spelled in lower case: ``expand_dims`` is ``ExpandDims``. The function takes what
Keras hands to the operation's ``call`` first, then its settings by the names of the config. Its docstring is the
formula.
"""

import inspect
import math
import operator

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.short_floats import as_plain, holds_bfloat16
from weightscope.model.constants import revived
from weightscope.model.layer import Layer, add_operation
from weightscope.model.running import MOST_VALUES, in_bfloat16
from weightscope.model.structure import flatten, flatten_shapes, is_shape, map_structure

PROBES = ((2, 3), (12, 24))  # sizes that stand in for unknown ones; the second pair divides well
MOST_PROBED = 2**24  # values in the arrays of one probe


class Operation(Layer):
    """One call of a function of ``keras.ops``: arrays and settings in, arrays out. It has no weights."""

    is_operation = True
    hands_on = True
    keeps_samples_apart = False  # a function may sum over any axis, the batch too

    def __init__(self, function, shape_rule, finest, config, name):
        self.function, self.shape_rule, self.finest = function, shape_rule, finest
        self.parameters = dict(inspect.signature(function).parameters)
        super().__init__(config, name)
        self.policy = self.compute_dtype = "float32"  # an operation casts nothing: a config's dtype is its own setting
        self.options = {key: revived(value) for key, value in config.items() if key != "name"}

    @property
    def formula(self):
        """The formula: the docstring of the function."""
        return self.function.__doc__

    def written_formula(self):
        """Return the formula, followed by the settings that are not Keras' defaults."""
        said = [f"{key}={value!r}" for key, value in self.options.items()
                if key in self.parameters and not _equal(value, self.parameters[key].default)]
        return " ; ".join([inspect.cleandoc(self.formula), *said])

    def refusal(self):
        """Say which setting is not known, or None."""
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in self.parameters.values()):
            return None
        unknown = [key for key, value in self.options.items()
                   if key not in self.parameters and value is not None and value is not False]
        return f"setting {unknown[0]!r} is unknown to weightscope" if unknown else None

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        """Run the function on arrays; a mask survives only where the very same array comes out again, as in Keras."""
        reason = self.refusal()
        if reason:
            raise NotReplayable(self.about(reason))
        outputs = self._guarded({"args": args, "kwargs": {**self.options, **(kwargs or {})}})
        kept = next((mask for given, mask in zip(args, masks) if given is outputs), None)
        return outputs, kept

    def apply(self, args, kwargs):
        """Call the function with the arguments of the call and the settings."""
        outputs = map_structure(np.asarray, self.function(*args, **kwargs))
        return map_structure(in_bfloat16 if _is_in_bfloat16(args, kwargs) else as_plain, outputs)

    def _check_size(self, given):
        if self.shape_rule is None:
            return
        shapes = map_structure(lambda x: x.shape if isinstance(x, np.ndarray) else x, given)
        found = flatten_shapes(_checked(self.shape_rule(*shapes["args"], **shapes["kwargs"])))
        size = sum(math.prod(shape) for shape in found if None not in shape)
        if size > MOST_VALUES:
            raise NotReplayable(self.about(f"its output would have {size:,} values"))

    def output_shapes(self, args, kwargs):
        """Return the shape, or the structure of shapes, of the outputs; NotReplayable where nothing tells it."""
        given = {**self.options, **kwargs}
        if self.shape_rule is not None:
            return _checked(self.shape_rule(*args, **given))
        return _probed(self.function, args, given)


def operations_of(module):
    """Return the decorator that enters functions for the operations of ``keras.src.ops.<module>``.

    ``@operation(shape=rule)``: the rule is called like the function, with shapes in place of arrays, and returns the
    shape, or a list of shapes, of the outputs. Without one, shapes are found by running the function on zeros.
    ``finest``: the longest float that Keras computes it in, whatever it is given.
    """
    path = module if "." in module else f"keras.src.ops.{module}"

    def enter(function=None, shape=None, name=None, finest="float64"):
        if function is None:
            return lambda function: enter(function, shape, name, finest)

        def build(config, name):
            return Operation(function, shape, finest, config, name)

        add_operation(path, (name or function.__name__).replace("_", ""), build)
        return function

    return enter


def _is_in_bfloat16(args, kwargs):
    """Tell whether a call gives bfloat16: where that is asked for, or else where all floats that go in are of it."""
    if isinstance(kwargs.get("dtype"), str):
        return kwargs["dtype"] == "bfloat16"
    given = [leaf for leaf in flatten([args, kwargs]) if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"]
    return bool(given) and all(map(holds_bfloat16, given))


def shape_of(value):
    """Return the shape of an argument of a shape rule: a shape is its own, a constant has NumPy's."""
    return value if is_shape(value) else np.shape(value)


def same(x, *_, **__):
    """The shape rule of what changes values only."""
    return shape_of(x)


def broadcast(*shapes, **_):
    """The shape rule of what combines its arguments value by value."""
    return broadcast_shapes(*(shape_of(shape) for shape in shapes if shape is not None))


def broadcast_shapes(*shapes):
    """Return the shape that NumPy broadcasts to; an unknown size gives way to any other than 1."""
    rank = max(map(len, shapes))
    aligned = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(_broadcast_size(sizes) for sizes in zip(*aligned))


def _broadcast_size(sizes):
    known = {size for size in sizes if size not in (None, 1)}
    if len(known) > 1:
        raise ValueError(f"sizes {sorted(known)} do not broadcast")
    return known.pop() if known else None if None in sizes else 1


def _checked(shapes):
    """Return the shape, or list of shapes, that a rule made of settings; raise TypeError or ValueError for others."""
    if isinstance(shapes, list):
        return [_checked(shape) for shape in shapes]
    sizes = tuple(None if n is None else operator.index(n) for n in shapes)
    if any(n is not None and n < 0 for n in sizes):
        raise ValueError(f"sizes {sizes} are none")
    return sizes


def _equal(value, default):
    return np.array_equal(value, default) if isinstance(value, np.ndarray) else value == default


def _probed(function, args, kwargs):
    """Return the output shapes of ``function`` by running it on zeros; what follows a probe's size is unknown."""
    for sizes in PROBES:
        found = [_probe(function, args, kwargs, size) for size in sizes]
        if None not in found:
            return _followed(*found)
    raise NotReplayable("its output shape could not be found by running it on zeros")


def _probe(function, args, kwargs, size):
    sizes = (math.prod(size if n is None else n for n in shape) for shape in _shapes_in([args, kwargs]))
    if sum(sizes) > MOST_PROBED:
        return None
    for dtype in ("float32", "int32"):
        def zeros(shape, dtype=dtype):
            return np.zeros([size if n is None else n for n in shape], dtype)

        try:
            with np.errstate(all="ignore"):
                outputs = function(*_with_arrays(args, zeros), **_with_arrays(kwargs, zeros))
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, NotReplayable):
            continue
        return map_structure(np.shape, outputs)
    return None


def _shapes_in(value):
    if is_shape(value):
        return [value]
    if isinstance(value, dict):
        return [shape for item in value.values() for shape in _shapes_in(item)]
    return [shape for item in value for shape in _shapes_in(item)] if isinstance(value, (list, tuple)) else []


def _with_arrays(value, zeros):
    if is_shape(value):
        return zeros(value)
    if isinstance(value, dict):
        return {key: _with_arrays(item, zeros) for key, item in value.items()}
    return type(value)(_with_arrays(item, zeros) for item in value) if isinstance(value, (list, tuple)) else value


def _followed(one, two):
    if is_shape(one):
        if len(one) != len(two):
            raise NotReplayable("its output's rank depends on its input's size")
        return tuple(n if n == m else None for n, m in zip(one, two))
    if isinstance(one, dict):
        return {key: _followed(one[key], two[key]) for key in one}
    return [_followed(a, b) for a, b in zip(one, two)]
