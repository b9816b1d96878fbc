"""Writes Keras 3's files: the archive ``.keras``, and the ``model.weights.h5`` in it.

Source: keras/src/saving/saving_lib.py of Keras 3.
"""

import io
import json
import zipfile
from datetime import datetime

import h5py

from weightscope.layers.quantization import LowRank
from weightscope.opening import binding

# The first version that writes this layout; what is written here has been read by every one since.
KERAS_VERSION = "3.0.0"


def serialised(class_name, config, module="keras.layers"):
    """Return a layer, or a model, as Keras 3 writes it down."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def weights(model):
    """Return the bytes of a ``.weights.h5`` with the arrays of ``model``, a model in Keras 3's words."""
    buffer = io.BytesIO()
    adapted = dict(_adapted(model))
    with h5py.File(buffer, "w") as file:
        for weight, path in binding.places(model):
            if weight.shape is not None:
                file[path] = adapted.get(weight, weight.array)
        file.require_group("layers")
    return buffer.getvalue()


def _adapted(model):
    """Yield the weights that LoRA adapts, with its product in them: such a file has them so, and LoRA's own not."""
    for layer in model.with_parts():
        if isinstance(layer, LowRank) and layer.lora_rank and not layer.quantizes_now:
            yield layer.weights[layer.adapted], layer.merged()


def archive(config, weights_file):
    """Return the bytes of a ``.keras`` with a config, and the bytes of the ``.weights.h5`` that goes with it."""
    metadata = {"keras_version": KERAS_VERSION, "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("metadata.json", json.dumps(metadata))
        file.writestr("config.json", json.dumps(config))
        file.writestr("model.weights.h5", weights_file)
    return buffer.getvalue()
