"""Keras 1's layers in Keras 2 words, which ``keras2`` then turns into Keras 3's."""

_CLASSES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D", "TimeDistributedDense": "Dense",
}
_MERGES = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"}
_UNITS = {"Dense", "SimpleRNN", "LSTM", "GRU"}
_SETTINGS = {
    "nb_filter": "filters", "border_mode": "padding", "bias": "use_bias", "inner_activation": "recurrent_activation",
    "subsample": "strides", "subsample_length": "strides", "stride": "strides", "atrous_rate": "dilation_rate",
    "filter_length": "kernel_size", "pool_length": "pool_size", "p": "rate", "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout", "length": "size", "sigma": "stddev",
}
_TRAINING = {
    "init", "inner_init", "forget_bias_init", "W_regularizer", "U_regularizer", "b_regularizer", "W_constraint",
    "b_constraint", "consume_less", "input_dim", "input_length", "weights",
}
_KERNEL_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first"}


def layer(found, backend, notes):
    """Return one serialised layer in Keras 2 words; ``notes`` collects what was read as what."""
    class_name, config = found["class_name"], found["config"]
    if not isinstance(config, dict) or ("layers" in config and class_name != "Merge"):
        return found
    if class_name == "Merge":
        return _merge(found, notes)
    renamed = _CLASSES.get(class_name, class_name)
    config = _settings(renamed, config)
    if renamed != class_name:
        notes[f"{class_name} is {renamed} with Keras 1's settings"] = True
    _refuse_what_differs(renamed, config)
    return {**found, "class_name": renamed, "config": config}


def _settings(class_name, config):
    kept = {"input_dim"} if class_name == "Embedding" else set()
    found = {_SETTINGS.get(key, key): value for key, value in config.items() if key not in _TRAINING - kept}
    if class_name in _UNITS and "output_dim" in found:
        found["units"] = found.pop("output_dim")
    for keys in _KERNEL_SIZES:
        if all(key in found for key in keys):
            found["kernel_size"] = [found.pop(key) for key in keys]
    if "dim_ordering" in found:
        found["data_format"] = _DATA_FORMATS.get(found.pop("dim_ordering"))
    if class_name == "Conv1D":
        found.setdefault("data_format", "channels_last")
    if class_name.startswith(("Dropout", "SpatialDropout", "GaussianDropout")):
        found.setdefault("rate", 0.0)
    return found


def _refuse_what_differs(class_name, config):
    if class_name.startswith("Conv") and config.get("data_format") == "channels_first":
        config["not_replayable"] = "Keras 1 keeps its channels_first kernels in another order, maybe flipped"
    if class_name == "BatchNormalization" and config.pop("mode", 0) != 0:
        config["not_replayable"] = "Keras 1's BatchNormalization with a mode other than 0"
    config.pop("mode", None)


def _merge(found, notes):
    config = found["config"]
    mode = config.get("mode")
    if mode not in _MERGES or config.get("layers"):
        return found
    settings = {"name": config.get("name", "merge")}
    if mode == "concat":
        settings["axis"] = config.get("concat_axis", -1)
    notes[f"Merge(mode={mode!r}) is {_MERGES[mode]}"] = True
    return {**found, "class_name": _MERGES[mode], "config": settings}
