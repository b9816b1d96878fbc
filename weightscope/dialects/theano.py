"""What Theano did otherwise than TensorFlow, on a layer in Keras 2 words: kernels lie reversed, windows begin elsewhere.

Source: ``keras/backend/theano_backend.py`` and ``convert_kernel`` in ``keras/utils/conv_utils.py`` of Keras 2.2.
"""

_KERNELS = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"}
_POOLS = {f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)}


def layer(found, backend, notes):
    """Return a serialised layer that gives what it gave under the backend it was saved under."""
    class_name, config = found["class_name"], found["config"]
    if backend != "theano" or "kernel_flipped" in config:
        return found
    if class_name in _KERNELS:
        notes["saved under Theano, which convolves: kernels are read reversed along space"] = True
        found = {**found, "layout": "old", "config": {**config, "kernel_flipped": True}}
    if class_name == "SReLU":
        found = {**found, "config": {**config, "theano": True}}
    padding = {**dict.fromkeys(_KERNELS, "half"), **dict.fromkeys(_POOLS, "theano")}.get(class_name)
    if padding and config.get("padding") == "same":
        notes[f"padding 'same' is Theano's in {class_name}: its windows begin elsewhere than TensorFlow's"] = True
        found = {**found, "config": {**found["config"], "padding": padding}}
    return found
