"""Calls of TensorFlow's functions in a tf.keras graph: TFOpLambda and SlicingOpLambda; TensorFlowOpLayer before 2.4."""

import base64
import inspect

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.table import Operation
from weightscope.layers.tensorflow import arranging, elementwise, nn, reductions, signal  # noqa: F401  (they fill the table)
from weightscope.layers.tensorflow.table import function_of
from weightscope.model.layer import keras_layer


def _unknown(*args, **kwargs):
    raise NotReplayable("it calls a function of TensorFlow's that weightscope does not know")


class TensorFlowCall(Operation):
    """The base of a call whose function stands in the config by a name of TensorFlow's."""

    def __init__(self, config, name, function):
        self.known = function is not None
        super().__init__(function or _unknown, None, "float64", config, name)
        self.class_name, self.options = type(self).__name__, {}

    def written_formula(self):
        """Return TensorFlow's name of the function, and what it does."""
        told = inspect.cleandoc(self.function.__doc__) if self.known else ""
        return " ; ".join(filter(None, [f"tf.{self.called()}", told]))

    def called(self):
        """Return TensorFlow's name of the function."""
        return str(self.config.get("function"))

    def refusal(self):
        """Say which function of TensorFlow's is not known, or None."""
        return None if self.known else f"it calls TensorFlow's {self.called()}, which weightscope does not know"

    def run(self, args, kwargs=None, masks=(), keyword_masks=None):
        kept = {key: value for key, value in (kwargs or {}).items() if key != "name"}
        return super().run(args, kept, masks, keyword_masks)

    def output_shapes(self, args, kwargs):
        return super().output_shapes(args, {key: value for key, value in kwargs.items() if key != "name"})


@keras_layer
class TFOpLambda(TensorFlowCall):
    """A call of one of TensorFlow's functions, by its name."""

    formula = "y = function(x, …)"

    def __init__(self, config, name):
        super().__init__(config, name, function_of(config.get("function")))


@keras_layer
class SlicingOpLambda(TensorFlowCall):
    """A slice of a tensor, as Python's brackets make it."""

    formula = "y = x[slice_spec]"

    def __init__(self, config, name):
        super().__init__(config, name, _sliced)


def _sliced(x, slice_spec):
    """y = x[slice_spec]"""
    items = slice_spec if isinstance(slice_spec, (list, tuple)) else [slice_spec]
    return x[tuple(map(_place, items))]


def _place(item):
    if isinstance(item, dict) and "start" in item:
        return slice(*(None if item.get(key) is None else int(item[key]) for key in ("start", "stop", "step")))
    return item if item is None or item is Ellipsis else int(item)


@keras_layer
class TensorFlowOpLayer(TensorFlowCall):
    """A node of a TensorFlow graph: an operation with its attributes; inputs that are constant stand in the config."""

    formula = "y = operation(x, …)"

    def __init__(self, config, name):
        node = config.get("node_def")
        self.node = node if isinstance(node, dict) else {}
        super().__init__(config, name, function_of(self.node.get("op")) and self._call)

    def called(self):
        return f"raw_ops.{self.node.get('op')}"

    def written_formula(self):
        """Return the name of the operation, and what it does."""
        told = inspect.cleandoc(function_of(self.node["op"]).__doc__) if self.known else ""
        return f"tf.{self.called()} ; {told}" if self.known else f"tf.{self.called()}"

    def _call(self, *inputs):
        inputs = list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else list(inputs)
        constants = self.config.get("constants") or {}
        for index in sorted(map(int, constants)):
            inputs.insert(index, np.asarray(constants[str(index)]))
        return _RAW.get(self.node["op"], _as_named)(function_of(self.node["op"]), inputs, _attributes(self.node))


def _attributes(node):
    found = node.get("attr") or {}
    return {key: _attribute(value) for key, value in found.items() if isinstance(value, dict)}


def _attribute(value):
    """Return an attribute of a node, as protobuf's JSON writes it."""
    kind, inner = next(iter(value.items()), (None, None))
    if kind == "i":
        return int(inner)
    if kind == "type":
        name = str(inner).removeprefix("DT_").lower()
        return {"float": "float32", "double": "float64", "half": "float16"}.get(name, name)
    if kind == "list":
        return [int(item) for item in inner.get("i", [])]
    if kind == "s":
        return base64.b64decode(inner).decode("utf-8", "replace")
    return inner


_WORDS = {"alpha", "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "strides", "padding",
          "ksize", "dilations", "data_format", "block_size", "transpose_a", "transpose_b", "adj_x", "adj_y",
          "squeeze_dims", "axis", "num", "mode", "exclusive", "reverse"}


def _as_named(function, inputs, attributes):
    """Call a function with the inputs in their order, and the attributes that it knows by name."""
    taken = inspect.signature(function).parameters
    return function(*inputs, **{key: value for key, value in attributes.items() if key in _WORDS and key in taken})


def _listed(function, inputs, attributes):
    return function(inputs, **({"axis": attributes["axis"]} if "axis" in attributes else {}))


def _along(function, inputs, attributes):
    return function(inputs[0], axis=inputs[1], keepdims=attributes.get("keep_dims", False))


_RAW = {
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "Any", "All"), _along),
    **dict.fromkeys(("Pack", "AddN"), _listed),
    "ConcatV2": lambda function, inputs, _: function(inputs[:-1], int(inputs[-1])),
    "Cast": lambda function, inputs, attributes: function(inputs[0], attributes["DstT"]),
    "Split": lambda function, inputs, attributes: function(inputs[1], attributes["num_split"], int(inputs[0])),
    "SplitV": lambda function, inputs, _: function(inputs[0], inputs[1].tolist(), int(inputs[2])),
    "GatherV2": lambda function, inputs, _: function(inputs[0], inputs[1], axis=int(inputs[2])),
    "OneHot": lambda function, inputs, attributes: function(
        inputs[0], int(inputs[1]), *map(float, inputs[2:4]), axis=attributes.get("axis", -1)),
}
