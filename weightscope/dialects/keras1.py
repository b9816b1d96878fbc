"""Keras 1's layers in Keras 2 words, which ``keras2`` then turns into Keras 3's.

Where Keras 1 kept other arrays than Keras 3 does, the layer gets ``"layout": "old"`` beside its class name. Source:
``keras/layers`` and ``keras/engine`` of Keras 1.2.2.
"""

from collections import Counter

from weightscope.dialects import keras1_merge, theano

_CLASSES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D", "TimeDistributedDense": "Dense",
}
_UNITS = {"Dense", "SimpleRNN", "LSTM", "GRU", "MaxoutDense"}
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
_GATED = {"LSTM", "GRU"}
_KERNELS = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D", "ConvLSTM2D"}
# Settings that no later Keras calls so.
_WORDS = {"nb_filter", "border_mode", "dim_ordering", "inner_activation", "consume_less", "W_regularizer", "dropout_W"}


# They were written without their dim_ordering.
_ORDERLESS = {f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in (2, 3)}


def completed(config, backend):
    """Return a model's config with the dim_ordering that some layers keep to themselves: that of the others.

    Where no layer tells it, it is what each backend was set up with.
    """
    orders = Counter(_orders(config)).most_common(1)
    order = orders[0][0] if orders else {"theano": "th"}.get(backend, "tf")
    return _with_order(config, order)


def _orders(value):
    if isinstance(value, dict):
        if isinstance(value.get("dim_ordering"), str):
            yield value["dim_ordering"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _orders(item)


def _with_order(value, order):
    if isinstance(value, list):
        return [_with_order(item, order) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _with_order(item, order) for key, item in value.items()}
    if isinstance(found.get("class_name"), str) and found["class_name"] in _ORDERLESS and isinstance(
            found.get("config"), dict):
        found["config"].setdefault("dim_ordering", order)
    return found


def speaks(config):
    """Tell whether a config without a version is in Keras 1's words."""
    if isinstance(config, dict):
        return bool(_WORDS & config.keys()) or any(map(speaks, config.values()))
    return isinstance(config, list) and any(map(speaks, config))


def layer(found, backend, notes):
    """Return one serialised layer in Keras 2 words; ``notes`` collects what was read as what."""
    class_name, config = found["class_name"], found["config"]
    if class_name == "Sequential":
        return keras1_merge.model(found)
    if not isinstance(config, dict) or ("layers" in config and class_name != "Merge"):
        return found
    if class_name == "Merge":
        return keras1_merge.layer(found, notes)
    renamed = _CLASSES.get(class_name, class_name)
    order = config.get("dim_ordering")
    found = {**found, "class_name": renamed, "config": _settings(renamed, config)}
    if renamed != class_name:
        notes[f"{class_name} is {renamed} with Keras 1's settings"] = True
    return theano.layer(_kept_otherwise(found, config, order, notes), backend, notes, means="theano")


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
    if class_name == "Embedding":
        found.pop("dropout", None)  # while training only
    if class_name.startswith("ZeroPadding"):
        found["padding"] = _pairs(found.get("padding"))
    return found


def _pairs(padding):
    """Return the padding of an axis, or of two, as Keras 2 gives it: Keras 1 also had four numbers, or names."""
    if isinstance(padding, dict):
        ends = [[padding.get(f"{end}_pad", 0) for end in pair] for pair in (("top", "bottom"), ("left", "right"))]
        return ends if {"top_pad", "bottom_pad"} & padding.keys() else ends[1]
    return [padding[:2], padding[2:]] if isinstance(padding, list) and len(padding) == 4 else padding


def _kept_otherwise(found, old, order, notes):
    """Return the layer marked, where its arrays do not lie as Keras 3's do."""
    class_name, config = found["class_name"], found["config"]
    if class_name in _GATED and old.get("consume_less", "cpu") != "gpu":
        notes[f"{class_name} keeps kernels and a bias for each gate by itself"] = True
        return {**found, "layout": "old"}
    if class_name in _KERNELS:
        config["kernel_order"] = order or "tf"
        if order == "th":
            notes["channels_first kernels have their filters first"] = True
        return {**found, "layout": "old"}
    if class_name == "BatchNormalization":
        if config.get("mode", 0) != 0:
            return {**found, "layout": "old"}
        config.pop("mode", None)
        notes["BatchNormalization keeps a variance under the name running_std"] = True
    return found
