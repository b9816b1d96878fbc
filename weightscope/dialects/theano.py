"""What Theano did otherwise than TensorFlow, on a layer in Keras 2 words: reversed kernels, windows begun elsewhere.

Source: ``keras/backend/theano_backend.py`` and ``convert_kernel`` in ``keras/utils/conv_utils.py`` of Keras 2.2.
"""

_KERNELS = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"}
_MAXIMA = {f"MaxPooling{rank}D" for rank in (1, 2, 3)}
_MEANS = {f"AveragePooling{rank}D" for rank in (1, 2, 3)}


def layer(found, backend, notes, means="theano_counted"):
    """Return a serialised layer that gives what it gave under the backend it was saved under.

    ``means``: the padding of average pooling; Keras 2 counts it, Keras 1 did not.
    """
    class_name, config = found["class_name"], found["config"]
    if backend != "theano" or "kernel_flipped" in config:
        return found
    if class_name in _KERNELS:
        notes["saved under Theano, which convolves: kernels are read reversed along space"] = True
        found = {**found, "layout": "old", "config": {**config, "kernel_flipped": True}}
    if class_name == "SReLU":
        found = {**found, "config": {**config, "theano": True}}
    words = {**dict.fromkeys(_KERNELS, "half"), **dict.fromkeys(_MAXIMA, "theano"), **dict.fromkeys(_MEANS, means)}
    padding = words.get(class_name)
    if padding and config.get("padding") == "same":
        notes[f"padding 'same' is Theano's in {class_name}: its windows begin elsewhere than TensorFlow's"] = True
        found = {**found, "config": {**found["config"], "padding": padding}}
    return found
