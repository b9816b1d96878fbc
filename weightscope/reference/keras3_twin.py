"""Keras 3 models in float64: made so, or turned into it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

_NO_FLOATS = type(None), bool, int, list, dict, tuple  # arrays in themselves, or names of dtypes


@contextmanager
def made_in_float64(keras):
    """While entered, layers and inputs are made in ``float64`` where their config says another float."""
    from keras.src import dtype_policies

    policy_of = dtype_policies.get

    def get(identifier):
        policy = policy_of(identifier)
        return policy_of("float64") if is_float(policy.compute_dtype) else policy

    dtype_policies.get = get
    try:
        with inputs_in_float64(keras.layers.InputLayer):
            yield
    finally:
        dtype_policies.get = policy_of


@contextmanager
def inputs_in_float64(input_layer):
    """While entered, a class of input layers, Keras 3's or tf_keras', makes them in ``float64`` in place of a float."""
    begin = input_layer.__init__

    def begin_in_float64(layer, *args, **kwargs):
        if is_float(kwargs.get("dtype") or "float"):
            kwargs["dtype"] = "float64"
        begin(layer, *args, **kwargs)

    input_layer.__init__ = begin_in_float64
    try:
        yield
    finally:
        input_layer.__init__ = begin


def can_be_turned(keras, model):
    """Tell whether a built model can be turned into its twin, and back.

    It cannot where a layer has states to carry, or, when it was made or built, has worked out floats of its own or
    noted a dtype.
    """
    return keras.backend.backend() == "tensorflow" and not any(
        getattr(layer, "stateful", False) or _keeps_floats(keras, layer) for layer in _layers(keras, model))


class Float64:
    """Turns a built model into its twin in float64, and back.

    Its weights are cast in a thread, which begins as soon as this is made.
    """

    def __init__(self, keras, model):
        self._settings = list(_settings(keras, _layers(keras, model)))
        floats = [variable for variable in model.variables if is_float(variable.dtype)]
        self._weights = ThreadPoolExecutor(1).submit(lambda: list(_weights(floats)))

    @contextmanager
    def turned(self):
        """While entered, the model is its twin."""
        changes = self._settings + self._weights.result()
        before = [(thing, name, getattr(thing, name)) for thing, name, _ in changes]
        _set(changes)
        try:
            yield
        finally:
            _set(before)


def _layers(keras, model):
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.layers.InputLayer)]


def _settings(keras, layers):
    """Yield ``(object, attribute, value)`` of what is not a variable's."""
    for layer in layers:
        if is_float(layer.compute_dtype):
            yield layer, "_dtype_policy", keras.DTypePolicy("float64")
        graph = getattr(layer, "_functional", None) or layer
        yield from ((end, "_dtype", "float64") for end in getattr(graph, "_inputs", ()) if is_float(end._dtype))


def _weights(variables):
    """Yield the same of variables, their values cast."""
    import tensorflow

    for variable in variables:
        value = tensorflow.cast(variable._value, "float64")
        yield variable, "_dtype", "float64"
        yield variable, "_value", tensorflow.Variable(value, trainable=variable.trainable, name=variable.name)


def _set(changes):
    for thing, name, value in changes:
        setattr(thing, name, value)


def is_float(dtype):
    """Tell whether a dtype of either Keras, or its name, is a float."""
    return "float" in str(dtype)


def _keeps_floats(keras, layer):
    for value in vars(layer).values():
        if isinstance(value, _NO_FLOATS):
            continue
        array = isinstance(value, (np.ndarray, np.generic)) or (
            keras.ops.is_tensor(value) and not isinstance(value, keras.Variable))
        if (array or isinstance(value, str)) and is_float(value.dtype if array else value):
            return True
    return False
