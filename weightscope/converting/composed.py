"""Layers that Keras 3 lacks, put together of several that it has: a Sequential in their place."""

import copy
import math

import numpy as np

from weightscope.converting.gates import HARD_SIGMOID
from weightscope.converting.unsupported import unsupported
from weightscope.converting.writing import serialised
from weightscope.kernels.windows import BEFORE, margins
from weightscope.layers.pooling import Pooling

MOST_ENTRIES = 2**26  # of the matrix that stands in for a locally connected layer


def of(layer, shape):
    """Return ``(serialised layer, {name inside it: {weight: array}})`` for a layer that is to be composed, or None.

    ``shape``: of the layer's input, None if unknown. Raises Unsupported where it would take more than is known.
    """
    rule = _RULES.get(layer.class_name)
    if rule is None and getattr(layer, "padding", None) in BEFORE:
        rule = _padded
    return rule(layer, shape) if rule else None


def _row(*layers):
    return serialised("Sequential", {"name": "row", "layers": [serialised(*layer) for layer in layers]}, "keras")


def _activation(layer, shape):
    if layer.activation.name != HARD_SIGMOID:
        return None
    return _row(("Rescaling", {"name": "scaled", "scale": 1.2, "offset": 0.0, "dtype": layer.policy}),
                ("Activation", {"name": "activation", "activation": "hard_sigmoid", "dtype": layer.policy})), {}


def _thresholded(layer, shape):
    if layer.theta < 0:
        raise unsupported(layer, "Keras 3 has no ThresholdedReLU, and its ReLU no threshold below 0")
    return serialised("ReLU", {"threshold": float(layer.theta), "dtype": layer.policy}), {}


def _maxout(layer, shape):
    arrays = {name: weight.array for name, weight in layer.weights.items()}
    kernel = np.concatenate(list(arrays["W"]), axis=-1)
    dense = {"kernel": kernel, **({"bias": arrays["b"].reshape(-1)} if "b" in arrays else {})}
    units = layer.nb_feature * layer.units
    return _row(("Dense", {"name": "features", "units": units, "use_bias": layer.use_bias, "dtype": layer.policy}),
                ("Reshape", {"name": "apart", "target_shape": [layer.nb_feature, layer.units]}),
                ("GlobalMaxPooling1D", {"name": "largest"})), {"features": dense}


def _locally_connected(layer, shape):
    if shape is None or None in shape[1:]:
        raise unsupported(layer, f"Keras 3 has no {layer.class_name}, and its input has no known size")
    out = layer.shape(shape)[1:]
    inputs, outputs = math.prod(shape[1:]), math.prod(out)
    if inputs * outputs > MOST_ENTRIES:
        raise unsupported(layer, f"Keras 3 has no {layer.class_name}, and a Dense in its place would"
                          f" take {inputs * outputs:,} weights")
    arrays, linear = {name: weight.array for name, weight in layer.weights.items()}, copy.copy(layer)
    linear.activation = lambda x: x
    kernel = _responses(linear, np.eye(inputs, dtype="float32").reshape(inputs, *shape[1:]), arrays["kernel"])
    dense = {"kernel": kernel.reshape(inputs, outputs)}
    if "bias" in arrays:
        dense["bias"] = _responses(linear, np.zeros((1, *shape[1:]), "float32"), **arrays).reshape(-1)
    activation = layer.config.get("activation", "linear")
    return _row(("Flatten", {"name": "flat", "data_format": "channels_last"}),
                ("Dense", {"name": "windows", "units": outputs, "use_bias": "bias" in dense, "dtype": layer.policy}),
                ("Reshape", {"name": "apart", "target_shape": list(out)}),
                ("Activation", {"name": "activation", "activation": activation})), {"windows": dense}


def _responses(linear, x, kernel, bias=None):
    if not linear.channels_first:
        return linear.forward(x, kernel, bias)
    return np.moveaxis(linear.forward(np.moveaxis(x, 1, -1), kernel, bias), -1, 1)


def _padded(layer, shape):
    """A convolution, or a pooling, of Theano's padding: as Keras' own where they are the same, else padded before."""
    if shape is None or None in shape[1:]:
        raise unsupported(layer, "Theano's padding needs an input of known size")
    axes = list(zip(shape[2:] if layer.channels_first else shape[1:-1], *_windows(layer)))
    ours, keras = ([margins(n, size, stride, word, rate) for n, size, stride, rate in axes]
                   for word in (layer.padding, "same"))
    if ours == keras and layer.padding != "theano_counted":
        layer.config = {**layer.config, "padding": "same"}
        return None
    if isinstance(layer, Pooling):
        raise unsupported(layer, "Keras 3 has no padding as Theano's")
    arrays = layer.arrays()
    kept = {"filters", "kernel_size", "strides", "dilation_rate", "activation", "use_bias", "data_format", "groups"}
    settings = {key: value for key, value in layer.config.items() if key in kept}
    if settings.get("activation") == HARD_SIGMOID:
        raise unsupported(layer, "Theano's padding with a hard_sigmoid of Keras 2")
    around = {"name": "padded", "padding": [list(pair) for pair in ours] if layer.rank > 1 else list(ours[0])}
    if layer.rank > 1:
        around["data_format"] = layer.data_format
    return _row((f"ZeroPadding{layer.rank}D", around), (
        layer.class_name, {"name": "convolved", **settings, "padding": "valid", "dtype": layer.policy})), {
            "convolved": arrays}


def _convolutional_lstm(layer, shape):
    if getattr(layer, "recurrent_padding", "same") == "half" and any(size % 2 == 0 for size in layer.kernel_size):
        raise unsupported(layer, "Keras 3 has no padding as Theano's of its state")
    if layer.padding == "half":
        if not all(size % 2 and stride == 1 for size, stride in zip(layer.kernel_size, layer.strides)):
            raise unsupported(layer, "Keras 3 has no padding as Theano's")
        layer.config = {**layer.config, "padding": "same"}


def _transposed(layer, shape):
    """A transposed convolution whose output has a size of its own: the ``output_padding`` that leads to it."""
    if getattr(layer, "output_shape", None) is None and layer.padding not in BEFORE:
        return
    if shape is None or None in shape[1:]:
        raise unsupported(layer, "its output_shape needs an input of known size")
    steps = shape[2:] if layer.channels_first else shape[1:-1]
    lengths = layer.space_shape((shape[0], *steps, None))[1:-1]
    spare = tuple(layer._spare(*axis) for axis in zip(lengths, steps, layer.kernel_size, layer.strides))
    spread = [(n - 1) * stride + size for n, stride, size in zip(steps, layer.strides, layer.kernel_size)]
    same = all(max(s - n, 0) // 2 == size // 2 for s, n, size in zip(spread, lengths, layer.kernel_size))
    reached = all(0 <= more < stride for more, stride in zip(spare, layer.strides))
    if not reached or (layer.padding == "half" and not same):
        raise unsupported(layer, "Keras 3 cannot come to its output_shape")
    padding = {"half": "same"}.get(layer.padding, layer.padding)
    layer.config = {**layer.config, "padding": padding, "output_padding": list(spare)}


def _windows(layer):
    sizes = layer.pool_size if isinstance(layer, Pooling) else layer.kernel_size
    strides = layer.strides or sizes
    return sizes, strides, getattr(layer, "dilation_rate", (1,) * len(sizes))


_RULES = {
    "Activation": _activation, "ThresholdedReLU": _thresholded, "MaxoutDense": _maxout,
    "ConvLSTM2D": _convolutional_lstm, "Conv2DTranspose": _transposed,
    "LocallyConnected1D": _locally_connected, "LocallyConnected2D": _locally_connected,
}
