"""TensorFlow's functions in a graph, as the operations of ``keras.ops`` that compute the same."""

from weightscope.converting.unsupported import unsupported
from weightscope.layers.tensorflow.operations import SlicingOpLambda, TensorFlowCall, TensorFlowOpLayer

# TensorFlow's name → module and class of keras.ops; then the arguments of the call, by TensorFlow's names in Keras'
# order, and the settings: Keras' name of each for TensorFlow's.
_TWO = "numpy", ("x", "y"), {}
_REDUCED = "numpy", ("input_tensor",), {"axis": "axis", "keepdims": "keepdims"}
_TABLE = {
    "Add": ("math.add __operators__.add add", *_TWO), "Subtract": ("math.subtract subtract", *_TWO),
    "Multiply": ("math.multiply multiply", *_TWO), "TrueDivide": ("math.truediv truediv math.divide divide", *_TWO),
    "FloorDivide": ("math.floordiv", *_TWO), "Mod": ("math.floormod math.mod", *_TWO), "Power": ("math.pow pow", *_TWO),
    "Maximum": ("math.maximum maximum", *_TWO), "Minimum": ("math.minimum minimum", *_TWO),
    "Greater": ("math.greater", *_TWO), "GreaterEqual": ("math.greater_equal", *_TWO), "Less": ("math.less", *_TWO),
    "LessEqual": ("math.less_equal", *_TWO), "Equal": ("math.equal __operators__.eq", *_TWO),
    "NotEqual": ("math.not_equal __operators__.ne", *_TWO), "LogicalAnd": ("math.logical_and", *_TWO),
    "LogicalOr": ("math.logical_or", *_TWO), "DivideNoNan": ("math.divide_no_nan", *_TWO),
    **{name: (f"math.{name.lower()} {name.lower()}", "numpy", ("x",), {}) for name in (
        "Negative", "Sqrt", "Square", "Exp", "Expm1", "Log", "Log1p", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Sign",
        "Floor", "Ceil", "Round", "Reciprocal")},
    "Absolute": ("math.abs abs", "numpy", ("x",), {}), "LogicalNot": ("math.logical_not", "numpy", ("x",), {}),
    "Tanh": ("math.tanh nn.tanh", "numpy", ("x",), {}), "Rsqrt": ("math.rsqrt", "math", ("x",), {}),
    "Erf": ("math.erf", "math", ("x",), {}), "Sigmoid": ("math.sigmoid nn.sigmoid", "nn", ("x",), {}),
    "Relu": ("nn.relu", "nn", ("features",), {}), "Relu6": ("nn.relu6", "nn", ("features",), {}),
    "Selu": ("nn.selu", "nn", ("features",), {}), "Elu": ("nn.elu", "nn", ("features",), {}),
    "Silu": ("nn.silu nn.swish", "nn", ("features",), {}), "Softplus": ("math.softplus", "nn", ("features",), {}),
    "Softsign": ("nn.softsign", "nn", ("features",), {}),
    "LeakyRelu": ("nn.leaky_relu", "nn", ("features",), {"negative_slope": "alpha"}),
    "Gelu": ("nn.gelu", "nn", ("features",), {"approximate": "approximate"}),
    "Softmax": ("nn.softmax math.softmax", "nn", ("logits",), {"axis": "axis"}),
    "LogSoftmax": ("nn.log_softmax", "nn", ("logits",), {"axis": "axis"}),
    "Mean": ("math.reduce_mean", *_REDUCED), "Sum": ("math.reduce_sum", *_REDUCED),
    "Max": ("math.reduce_max", *_REDUCED), "Min": ("math.reduce_min", *_REDUCED),
    "Prod": ("math.reduce_prod", *_REDUCED), "Std": ("math.reduce_std", *_REDUCED),
    "Var": ("math.reduce_variance", *_REDUCED), "Any": ("math.reduce_any", *_REDUCED),
    "All": ("math.reduce_all", *_REDUCED),
    "Logsumexp": ("math.reduce_logsumexp", "math", ("input_tensor",), {"axis": "axis", "keepdims": "keepdims"}),
    "Concatenate": ("concat", "numpy", ("values",), {"axis": "axis"}),
    "Stack": ("stack", "numpy", ("values",), {"axis": "axis"}),
    "Unstack": ("unstack", "core", ("value",), {"num": "num", "axis": "axis"}),
    "Split": ("split", "numpy", ("value",), {"indices_or_sections": "num_or_size_splits", "axis": "axis"}),
    "Reshape": ("reshape", "numpy", ("tensor",), {"newshape": "shape"}),
    "ExpandDims": ("expand_dims", "numpy", ("input",), {"axis": "axis"}),
    "Squeeze": ("squeeze", "numpy", ("input",), {"axis": "axis"}),
    "Transpose": ("transpose", "numpy", ("a",), {"axes": "perm"}),
    "Tile": ("tile", "numpy", ("input",), {"repeats": "multiples"}),
    "Repeat": ("repeat", "numpy", ("input",), {"repeats": "repeats", "axis": "axis"}),
    "Flip": ("reverse", "numpy", ("tensor",), {"axis": "axis"}), "Roll": (
        "roll", "numpy", ("input",), {"shift": "shift", "axis": "axis"}),
    "Pad": ("pad", "numpy", ("tensor",), {"pad_width": "paddings"}),
    "Cast": ("cast", "core", ("x",), {"dtype": "dtype"}),
    "StopGradient": ("stop_gradient identity", "core", ("input",), {}),
    "Where": ("where", "numpy", ("condition", "x", "y"), {}),
    "Clip": ("clip_by_value", "numpy", ("t",), {"x_min": "clip_value_min", "x_max": "clip_value_max"}),
    "Matmul": ("linalg.matmul matmul", "numpy", ("a", "b"), {}),
    "Argmax": ("math.argmax", "numpy", ("input",), {"axis": "axis"}),
    "ZerosLike": ("zeros_like", "numpy", ("input",), {}), "OnesLike": ("ones_like", "numpy", ("input",), {}),
    "GetItem": ("__operators__.getitem", "numpy", ("tensor", "slice_spec"), {}),
    "Resize": ("image.resize", "image", ("images",),
               {"size": "size", "interpolation": "method", "antialias": "antialias"}),
    "OneHot": ("one_hot", "nn", ("indices",), {"num_classes": "depth", "axis": "axis"}),
    "Take": ("gather", "numpy", ("params", "indices"), {"axis": "axis"}),
}
_OF = {name: (class_name, *entry[1:]) for class_name, entry in _TABLE.items() for name in entry[0].split()}
# Of no consequence, or of none at the value that says so.
_IDLE = {"name": object, "conjugate": False, "keep_dims": None, "dim": None, "squeeze_dims": None, "num": None,
         "transpose_a": False, "transpose_b": False, "mode": "CONSTANT", "constant_values": 0, "dtype": None,
         "preserve_aspect_ratio": False, "on_value": None, "off_value": None, "batch_dims": 0, "validate_indices": None,
         "output_type": "int64", "axis": None, "adjoint_a": False, "adjoint_b": False, "a_is_sparse": False,
         "b_is_sparse": False}


def layer(call, nodes):
    """Return the operation for a layer that calls a function of TensorFlow's; all its ``nodes`` share the settings."""
    class_name, module, _, settings = _entry(call)
    found = [{ours: node["kwargs"][theirs] for ours, theirs in settings.items() if theirs in node["kwargs"]}
             for node in nodes]
    if any(other != found[0] for other in found[1:]):
        raise unsupported(call, "its calls have different settings")
    return {"module": f"keras.src.ops.{module}", "class_name": class_name, "registered_name": class_name,
            "config": {"name": call.name, **(found[0] if found else {})}}


def _entry(call):
    name = "__operators__.getitem" if isinstance(call, SlicingOpLambda) else call.called()
    name = name.removeprefix("compat.v1.")
    if isinstance(call, TensorFlowOpLayer) or name not in _OF:
        raise unsupported(call, "weightscope knows no keras.ops for"
                          f" {call.called()}")
    return _OF[name]


def nodes(layer, found):
    """Return the nodes of a layer in its file, with the arguments of Keras' operation; other layers' as they are.

    A constant that TensorFlow takes as a setting goes into the config, see ``layer``.
    """
    if not isinstance(layer, TensorFlowCall):
        return found
    _, _, names, settings = _entry(layer)
    return [{"args": _arguments(layer, node, names, settings), "kwargs": {}} for node in found]


def _arguments(call, node, names, settings):
    given = {**dict(zip(names, node.get("args") or [])), **(node.get("kwargs") or {})}
    for name, value in given.items():
        idle = _IDLE.get(name, ...)
        if name not in names and name not in settings.values() and idle is not object and value != idle:
            raise unsupported(call, f"{call.called()} with {name}={value!r} is not"
                              " converted")
    turned = {"a": given.get("transpose_a"), "b": given.get("transpose_b")}
    if any(turned.values()):
        raise unsupported(call, "a product with a transposed side is not converted")
    return [_index(given[name]) if name == "slice_spec" else given[name] for name in names if name in given]


def _index(spec):
    items = [_slice(item) for item in (spec if isinstance(spec, list) else [spec])]
    return items if isinstance(spec, list) else items[0]


def _slice(item):
    if isinstance(item, dict) and "start" in item:
        return {"class_name": "__slice__", "config": {key: item.get(key) for key in ("start", "stop", "step")}}
    return item
