"""Many layers on one input against Keras, in one model: for layers whose inputs are text, or that ``adapt`` first."""

import keras
import numpy as np
import tensorflow as tf
from agreement import assert_close
from together import bound_to_weights_in, closes

from weightscope.opening.load import load
from weightscope.replaying.replay import replay


def agree_side_by_side(layers, x, folder, tolerance=None, h5=True):
    """Hold each of ``layers``, Keras layers or functions of tensors, against Keras on the same input.

    ``x``: an array, of text too, or a list of arrays. The one model of all is saved as ``.keras``, replayed, and
    compared output by output; every format is read back with nothing left over. Returns our outputs. ``h5``: whether
    Keras can write these layers to ``.h5``.
    """
    keras.backend.clear_session()
    x = x if isinstance(x, list) else [x]
    inputs = [keras.Input(item.shape[1:], dtype="string" if is_text(item) else str(item.dtype)) for item in x]
    model = keras.Model(inputs, [layer(inputs if len(x) > 1 else inputs[0]) for layer in layers])
    theirs = _given_by_keras(model, x)
    model.save(folder / "model.keras")
    opened = load(folder / "model.keras")
    assert opened.count_params() == model.count_params()
    trace = replay(opened, x)
    assert not trace.missing, trace.missing
    shape = opened.output_shape(opened.shapes([item.shape for item in x]))
    found = [[given] if len(layers) == 1 else given for given in (trace.output, theirs, shape)]  # Keras gives one bare
    for layer, a, b, shape in zip(layers, *found, strict=True):
        what = layer.get_config() if isinstance(layer, keras.Layer) else layer
        _agrees(what, a, b, shape, tolerance)
    _nothing_is_left(opened, model, folder, h5)
    return found[0]


def _given_by_keras(model, x):
    """Return what ``predict`` gives; of text without compiling it, which takes most of the time."""
    if not any(map(is_text, x)):
        return model.predict(x, verbose=0)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model([tf.constant(item) for item in x]))


def is_text(x):
    """Tell whether an array holds text."""
    return x.dtype.kind in "OSU"


def _agrees(what, a, b, shape, tolerance):
    try:
        assert len(shape) == a.ndim and all(n in (None, m) for n, m in zip(shape, a.shape)), (shape, a.shape)
        if is_text(b):
            assert a.tolist() == b.tolist()
        else:
            assert_close(a, b, tolerance)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


def _nothing_is_left(opened, model, folder, h5):
    closes(opened.ledger)
    bound_to_weights_in(folder / "model.keras", opened)
    if h5:
        model.save(folder / "model.h5")
        closes(load(folder / "model.h5").ledger)


def adapted(layer, data):
    """Return a Keras layer that has learned from ``data``."""
    layer.adapt(np.asarray(data))
    return layer
