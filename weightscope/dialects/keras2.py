"""Keras 2's layers (keras 2.x, tf.keras, tf_keras) in Keras 3 words."""

from weightscope.dialects import theano

_RENAMED = {"alpha": "negative_slope"}  # of LeakyReLU alone: ELU still has its alpha

# What does not change what predict returns, or says at its usual value what Keras 3 always does.
_DROPPED = {
    "implementation", "fused", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "adjustment",
    "batch_input_shape", "input_dtype", "input_length", "sparse", "ragged", "query_shape", "key_shape", "value_shape",
    "rng_type",
}
_USUAL = {"time_major": False, "groups": 1, "renorm": False, "interpolation": "nearest", "align_corners": False}
_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN"}
_OTHER_MEANING = {  # in what they make of masks, or of a bias
    "Softmax", "MultiHeadAttention", "TimeDistributed", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum",
    "Concatenate", "Identity", "Rescaling", "Normalization", "EinsumDense",
}
_ACTIVATIONS = ("activation", "recurrent_activation")
_WITH_GROUPS = {"Conv1D", "Conv2D", "Conv3D"}
_CONVOLUTIONS = _WITH_GROUPS | {"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D",
                                "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}


def layer(found, backend, notes):
    """Return one serialised layer in Keras 3 words; ``notes`` collects what was read as what."""
    class_name, config = found["class_name"], found["config"]
    if not isinstance(config, dict) or "layers" in config:
        return found
    config = _settings(class_name, dict(config))
    _old_meanings(class_name, config, notes)
    if class_name == "RandomCrop":
        class_name, config = "Resizing", {**config, "crop_to_aspect_ratio": True}
        notes["RandomCrop resizes in predict, as Keras 2's did"] = True
    found = theano.layer({**found, "class_name": class_name, "config": config}, backend, notes)
    if class_name in _RECURRENT and config.pop("time_major", False):
        found["layout"] = "time_major"
    elif class_name in _OTHER_MEANING:
        found["layout"] = "keras2"
    found.pop("module", None)  # tensorflow.keras and its kin: Keras' own classes all the same
    if found.get("registered_name") in (None, class_name) or str(found.get("registered_name")).startswith("Keras>"):
        found.pop("registered_name", None)
    return found


def _settings(class_name, config):
    shape = config.get("batch_input_shape")
    if shape is not None:
        config.setdefault("batch_shape", shape)
    for key in (_DROPPED - _own_settings(class_name)) & config.keys():
        del config[key]
    if class_name == "LeakyReLU":
        config = {_RENAMED.get(key, key): value for key, value in config.items()}
    for key, usual in _USUAL.items():
        if config.get(key, usual) == usual and key not in _own_settings(class_name):
            config.pop(key, None)
    if class_name == "Discretization" and config.get("dtype") in ("int32", "int64"):
        config["dtype"] = "float32"  # the dtype of the result; Keras 3 casts what goes in to it, too
    if class_name.endswith("BatchNormalization") and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if class_name.startswith("Depthwise"):
        config.pop("filters", None)
    if config.get("data_format") == "channels_first" and class_name in _CONVOLUTIONS:
        config["adds_plainly"] = True
    return {key: _plain(value) for key, value in config.items()}


def _own_settings(class_name):
    groups = {"groups"} if class_name in _WITH_GROUPS or class_name == "GroupNormalization" else set()
    kept = {"implementation"} if class_name.startswith("LocallyConnected") else set()
    return groups | kept | ({"interpolation"} if class_name in ("UpSampling2D", "Resizing") else set())


def _plain(value):
    # A NumPy number that was a setting is kept as {"type": "ndarray", "value": …}.
    if isinstance(value, dict) and value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    return value


def _old_meanings(class_name, config, notes):
    for key in _ACTIVATIONS:
        if config.get(key) == "hard_sigmoid":
            config[key] = "hard_sigmoid_keras2"
            notes["hard_sigmoid is clip(0.2x + 0.5, 0, 1), as in Keras 1 and 2"] = True
    if class_name == "Bidirectional":
        _turn_back(config, notes)
    if class_name == "GRU" and "reset_after" not in config:
        config["reset_after"] = False
        notes["GRU resets before its recurrent product (reset_after=False), as Keras 1 and 2 did by default"] = True


def _turn_back(config, notes):
    # Keras 1 and 2 turn go_backwards round for the other half; Keras 3 sets it to True.
    inner = config.get("layer")
    settings = inner.get("config") if isinstance(inner, dict) else None
    if config.get("backward_layer") or not isinstance(settings, dict) or not settings.get("go_backwards"):
        return
    name = "backward_" + str(settings.get("name", "")).removeprefix("forward_")
    config["backward_layer"] = {**inner, "config": {**settings, "name": name, "go_backwards": False}}
    notes["Bidirectional around a layer with go_backwards runs its other half forwards, as in Keras 1 and 2"] = True
