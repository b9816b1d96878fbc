"""Layers of Keras 2 that are called with ``training=True``, which Keras 2 heeds in predict, and Keras 3 does not."""

_REASON = "called with training=True, which Keras 2 heeds in predict"
_BATCH = {"BatchNormalization", "SyncBatchNormalization"}


def in_training(layer, always, notes):
    """Return a serialised layer, or model with all that is in it, as it works when it is called so.

    ``always``: whether each of its calls is such a one; ``notes``: collects what was read as what.
    """
    config = layer.get("config")
    if not isinstance(config, dict):
        return layer
    if isinstance(config.get("layers"), list):
        inner = [in_training(one, always, notes) if isinstance(one, dict) else one for one in config["layers"]]
        return {**layer, "config": {**config, "layers": inner}}
    class_name = str(layer.get("class_name"))
    if isinstance(config.get("layer"), dict):
        layer = {**layer, "config": {**config, "layer": in_training(config["layer"], always, notes)}}
    if class_name in _BATCH and config.get("trainable") is not False and always and not config.get("renorm"):
        notes["BatchNormalization called with training=True takes mean and variance of each batch, as in Keras 2;"
              " Keras 3 loads such a file, and gives other values"] = True
        return {**layer, "class_name": "BatchNormalization", "layout": "keras2"}
    return {**layer, "config": {**config, "not_replayable": _REASON}} if _changes(class_name, config) else layer


def _changes(class_name, config):
    """Tell whether training changes what a layer gives: a frozen normalization has the values of predict."""
    if class_name in _BATCH:
        return config.get("trainable") is not False
    names = ("rate", "stddev", "p", "sigma", "dropout", "recurrent_dropout")
    rates = [config[name] for name in names if name in config]
    return any(rates) or class_name.startswith("Random") or (not rates and class_name.endswith(("Dropout", "Noise")))
