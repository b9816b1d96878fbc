"""Random valid settings for Keras layers: ``SETTINGS[class name]`` takes a chance and an input's shape.

``chance`` is a ``random.Random``; a shape has the batch axis first and may hold None. What comes back are keyword
arguments of the class, or None where the class does not fit an input of this shape. ``BY_RANK`` names the classes for
inputs of each rank. Left out are activations that grow without bounds and what cuts its values into steps: there a
rounding of one side becomes a large difference of the whole model.
"""

import keras

ACTIVATIONS = (
    "linear", "relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "elu", "selu", "softsign", "hard_sigmoid",
    "hard_silu", "relu6", "leaky_relu", "mish", "log_sigmoid", "celu", "tanh_shrink", "softmax", "sparse_plus",
    "squareplus", "soft_shrink", "hard_tanh", "sparse_sigmoid", "log_softmax",
)
GATES = ("sigmoid", "hard_sigmoid", "tanh")


def coin(chance):
    return chance.random() < 0.5


def activation(chance):
    return chance.choice(ACTIVATIONS) if coin(chance) else "relu"


def _nothing(chance, shape):
    return {}


def _rate(chance, shape):
    return {"rate": 0.3}


def dense(chance, shape):
    return {"units": chance.randint(1, 6), "activation": activation(chance), "use_bias": coin(chance)}


def _einsum_dense(chance, shape):
    units = chance.randint(1, 4)
    if len(shape) == 3:
        return chance.choice(({"equation": "abc,cd->abd", "output_shape": (None, units), "bias_axes": "d"},
                              {"equation": "abc,cde->abde", "output_shape": (None, units, 2), "bias_axes": "de"}))
    bias = {"bias_axes": chance.choice((None, "c"))}
    return {"equation": "ab,bc->ac", "output_shape": units, **bias} if len(shape) == 2 else None


def _softmax(chance, shape):
    return {"axis": chance.choice((-1, len(shape) - 1, [-1, -2] if len(shape) > 2 else -1))}


def _prelu(chance, shape):
    return {"shared_axes": chance.choice((None, [1])) if len(shape) > 2 else None}


def _batch_norm(chance, shape):
    return {"axis": chance.choice((-1, 1)), "center": coin(chance), "scale": coin(chance), "epsilon": 0.01}


def _layer_norm(chance, shape):
    axes = (-1,) if len(shape) == 2 else (-1, len(shape) - 1, [1, 2], [-1, -2])
    return {"axis": chance.choice(axes), "center": coin(chance), "scale": coin(chance), "epsilon": 0.01}


def _group_norm(chance, shape):
    divisors = [n for n in range(1, shape[-1] + 1) if shape[-1] % n == 0]
    return {"groups": chance.choice((*divisors, -1)), "center": coin(chance), "epsilon": 0.01}


def _norm(chance, shape):
    return {"axis": chance.choice((-1, len(shape) - 1)), **({} if coin(chance) else {"dtype": "float32"})}


def _rms_norm(chance, shape):
    return {"axis": chance.choice((-1, len(shape) - 1)), "epsilon": 0.01}


def _normalization(chance, shape):
    return {"axis": None, "mean": 0.3, "variance": 1.7, "invert": coin(chance)}


def _reshape(chance, shape):
    values = 1
    for size in shape[1:]:
        values = None if size is None or values is None else values * size
    if values is None:
        return {"target_shape": (-1, 1)}
    divisors = [n for n in range(1, values + 1) if values % n == 0]
    first = chance.choice(divisors)
    second = chance.choice([n for n in divisors if (values // first) % n == 0])
    return {"target_shape": chance.choice(((-1, first), (first, values // first), (first, second, -1)))}


def _permute(chance, shape):
    axes = list(range(1, len(shape)))
    chance.shuffle(axes)
    return {"dims": axes}


def _axes(chance, shape, low, high):
    """One number for each axis of space, or one for all of them."""
    count = len(shape) - 2
    return chance.randint(low, high) if coin(chance) else tuple(chance.randint(low, high) for _ in range(count))


def conv(chance, shape):
    strides, dilation = (_axes(chance, shape, 1, 2), 1) if coin(chance) else (1, _axes(chance, shape, 1, 2))
    groups = chance.choice([n for n in (1, 2, 3) if shape[-1] % n == 0])
    padding = chance.choice(("valid", "same", "causal") if len(shape) == 3 else ("valid", "same"))
    return {"filters": groups * chance.randint(1, 3), "kernel_size": _axes(chance, shape, 1, 3), "strides": strides,
            "dilation_rate": dilation, "groups": groups, "padding": padding, "activation": activation(chance),
            "use_bias": coin(chance)}


def _depthwise(chance, shape):
    return {"kernel_size": _axes(chance, shape, 1, 3), "strides": chance.randint(1, 2),
            "padding": chance.choice(("valid", "same")), "depth_multiplier": chance.randint(1, 2),
            "use_bias": coin(chance)}


def _separable(chance, shape):
    return {**_depthwise(chance, shape), "filters": chance.randint(1, 4), "activation": activation(chance)}


def _transposed(chance, shape):
    return {"filters": chance.randint(1, 3), "kernel_size": _axes(chance, shape, 1, 3),
            "strides": chance.randint(1, 2), "padding": chance.choice(("valid", "same")), "use_bias": coin(chance)}


def _pooling(chance, shape):
    return {"pool_size": _axes(chance, shape, 1, 3), "strides": chance.choice((None, 1, 2)),
            "padding": chance.choice(("valid", "same"))}


def _keep(chance, shape):
    return {"keepdims": coin(chance)}


def _adaptive(chance, shape):
    sizes = [chance.randint(1, size) for size in shape[1:-1] if size]
    return {"output_size": tuple(sizes)} if len(sizes) == len(shape) - 2 else None


def _up(chance, shape):
    return {"size": chance.randint(1, 2)}


def _up_image(chance, shape):
    return {"size": _axes(chance, shape, 1, 2), "interpolation": chance.choice(("nearest", "bilinear"))}


def _borders(chance, shape):
    each = tuple((chance.randint(0, 1), chance.randint(0, 1)) for _ in shape[1:-1])
    return {"padding": each if len(each) > 1 else each[0]}


def _crop(chance, shape):
    each = tuple((chance.randint(0, 1), chance.randint(0, 1)) for _ in shape[1:-1])
    return {"cropping": each if len(each) > 1 else each[0]} if all((n or 9) > 2 for n in shape[1:-1]) else None


def _resizing(chance, shape):
    how = chance.choice(({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}))
    return {"height": chance.randint(2, 8), "width": chance.randint(2, 8),
            "interpolation": chance.choice(("bilinear", "nearest", "bicubic")), **how}


def _center_crop(chance, shape):
    return {"height": chance.randint(1, shape[1] or 3), "width": chance.randint(1, shape[2] or 3)}


def recurrent(chance, shape):
    return {"units": chance.randint(1, 5), "activation": chance.choice(("tanh", "sigmoid", "softsign")),
            "return_sequences": coin(chance), "go_backwards": coin(chance), "use_bias": coin(chance)}


def _gru(chance, shape):
    return {**recurrent(chance, shape), "reset_after": coin(chance), "recurrent_activation": chance.choice(GATES)}


def _lstm(chance, shape):
    return {**recurrent(chance, shape), "recurrent_activation": chance.choice(GATES), "unit_forget_bias": coin(chance)}


def _cells(chance, shape):
    made = [getattr(keras.layers, chance.choice(("LSTMCell", "GRUCell", "SimpleRNNCell")))(chance.randint(1, 4))
            for _ in range(chance.randint(1, 3))]
    return {"cell": made[0] if len(made) == 1 else made, "return_sequences": coin(chance)}


def _bidirectional(chance, shape):
    kind = chance.choice(("LSTM", "GRU", "SimpleRNN"))
    layer = getattr(keras.layers, kind)(chance.randint(1, 4), return_sequences=coin(chance))
    return {"layer": layer, "merge_mode": chance.choice(("concat", "sum", "mul", "ave"))}


def _time_distributed(chance, shape):
    inner = (shape[0], *shape[2:])
    name = chance.choice([name for name in BY_RANK[len(inner)] if name not in _NOT_WRAPPED])
    settings = SETTINGS[name](chance, inner)
    return None if settings is None or None in inner[1:] else {"layer": getattr(keras.layers, name)(**settings)}


def _conv_lstm(chance, shape):
    return {"filters": chance.randint(1, 3), "kernel_size": chance.randint(1, 2), "return_sequences": coin(chance),
            "padding": chance.choice(("valid", "same")), "recurrent_activation": chance.choice(GATES)}


_ANY = {
    "Dense": dense, "Activation": lambda chance, shape: {"activation": activation(chance)}, "ReLU": _nothing,
    "LeakyReLU": _nothing, "ELU": _nothing, "PReLU": _prelu, "Softmax": _softmax, "Dropout": _rate,
    "GaussianNoise": lambda chance, shape: {"stddev": 0.2}, "GaussianDropout": _rate, "AlphaDropout": _rate,
    "Identity": _nothing, "ActivityRegularization": _nothing, "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm, "GroupNormalization": _group_norm, "RMSNormalization": _rms_norm,
    "UnitNormalization": _norm, "Normalization": _normalization,
    "Rescaling": lambda chance, shape: {"scale": 0.7, "offset": 0.1}, "Flatten": _nothing, "Reshape": _reshape,
    "Permute": _permute, "EinsumDense": _einsum_dense,
}
_STEPS = {
    "Masking": _nothing, "Conv1D": conv, "DepthwiseConv1D": _depthwise, "SeparableConv1D": _separable,
    "Conv1DTranspose": _transposed, "MaxPooling1D": _pooling, "AveragePooling1D": _pooling,
    "GlobalMaxPooling1D": _keep, "GlobalAveragePooling1D": _keep, "AdaptiveAveragePooling1D": _adaptive,
    "AdaptiveMaxPooling1D": _adaptive, "UpSampling1D": _up, "ZeroPadding1D": _borders, "Cropping1D": _crop,
    "SimpleRNN": recurrent, "GRU": _gru, "LSTM": _lstm, "RNN": _cells, "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed, "SpatialDropout1D": _rate,
}
_IMAGE = {
    "Conv2D": conv, "DepthwiseConv2D": _depthwise, "SeparableConv2D": _separable, "Conv2DTranspose": _transposed,
    "MaxPooling2D": _pooling, "AveragePooling2D": _pooling, "GlobalMaxPooling2D": _keep,
    "GlobalAveragePooling2D": _keep, "AdaptiveAveragePooling2D": _adaptive, "AdaptiveMaxPooling2D": _adaptive,
    "UpSampling2D": _up_image, "ZeroPadding2D": _borders, "Cropping2D": _crop, "Resizing": _resizing,
    "CenterCrop": _center_crop, "ConvLSTM1D": _conv_lstm, "TimeDistributed": _time_distributed,
    "RandomRotation": lambda chance, shape: {"factor": 0.1}, "SpatialDropout2D": _rate,
}
_VIDEO = {
    "Conv3D": conv, "Conv3DTranspose": _transposed, "MaxPooling3D": _pooling, "AveragePooling3D": _pooling,
    "GlobalMaxPooling3D": _keep, "GlobalAveragePooling3D": _keep, "UpSampling3D": _up, "ZeroPadding3D": _borders,
    "Cropping3D": _crop, "ConvLSTM2D": _conv_lstm, "TimeDistributed": _time_distributed,
}
_VECTOR = {"RepeatVector": lambda chance, shape: {"n": chance.randint(1, 4)}}
_NOT_WRAPPED = {"TimeDistributed", "ActivityRegularization", "RandomRotation", "Masking"}

SETTINGS = {**_ANY, **_VECTOR, **_STEPS, **_IMAGE, **_VIDEO}
BY_RANK = {2: [*_ANY, *_VECTOR], 3: [*_ANY, *_STEPS], 4: [*_ANY, *_IMAGE], 5: [*_ANY, *_VIDEO]}
