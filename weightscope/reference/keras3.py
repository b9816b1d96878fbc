"""Keras 3 in the child: how it loads, predicts, and lets every call be watched."""

from contextlib import contextmanager

import numpy as np

from weightscope.reference.noting import Notes, calls


class Keras3:
    """One model run by Keras 3; of its methods the child makes its answers."""

    def __init__(self):
        import keras

        self._keras = keras
        self.version = f"Keras {keras.__version__} on {keras.backend.backend()}"

    def load(self, path, own):
        """Load the model, with the user's ``{name: class or function}``; code of the file itself is refused."""
        self._read = lambda: self._keras.saving.load_model(path, own, compile=False, safe_mode=True)
        self._model = self._read()

    def build(self, config, weights, own):
        """Build the model from the JSON text of its config, and load the weights of another file into it."""
        def read():
            model = self._keras.models.model_from_json(config, own)
            model.load_weights(weights)
            return model

        self._read, self._model = read, read()

    def twin(self):
        """Return the same model with every float policy ``float64``, and the same weights: they are cast exactly.

        Raises ValueError for one whose numbers are not floats alone: quantized layers keep whole numbers.
        """
        if any(getattr(layer, "quantization_mode", None) for layer in self._model._flatten_layers()):
            raise ValueError("its quantized layers have no float64")
        other = Keras3()
        other._read = self._read
        with _float64(self._keras):
            other._model = self._read()
        return other

    def predict(self, inputs, batch_size):
        """Return the flat list of what ``model.predict`` gives."""
        return self._keras.tree.flatten(self._model.predict(self._packed(inputs), batch_size=batch_size, verbose=0))

    def reset(self):
        """Set the states of stateful layers to what they begin with."""
        for layer in self._model._flatten_layers():
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()

    def probe(self, once=False):
        """Return a function from a batch, a flat list, to ``{path: flat outputs}`` of every call.

        ``once``: it will be called once, so that compiling it is not worth while, unless the model has loops.
        """
        layers = self._keras.layers
        loops = (layers.RNN, layers.Bidirectional, layers.TimeDistributed)
        compiled = not once or any(isinstance(layer, loops) for layer in self._model._flatten_layers())
        run = probe(self._keras, self._model, compiled)
        return lambda inputs: run(self._packed(inputs))

    def _packed(self, inputs):
        """Return the flat inputs in the structure that the model was built on."""
        inputs = [_tensor(np.asarray(x)) for x in inputs]
        if isinstance(self._model, self._keras.Sequential):
            return inputs[0]
        return self._keras.tree.pack_sequence_as(self._model.input, inputs)


@contextmanager
def _float64(keras):
    """While entered, layers and inputs are made in ``float64`` where their config says another float."""
    from keras.src import dtype_policies

    policy_of, begin = dtype_policies.get, keras.layers.InputLayer.__init__

    def get(identifier):
        policy = policy_of(identifier)
        return policy_of("float64") if "float" in str(policy.compute_dtype) else policy

    def begin_in_float64(layer, *args, **kwargs):
        if "float" in str(kwargs.get("dtype") or "float"):
            kwargs["dtype"] = "float64"
        begin(layer, *args, **kwargs)

    dtype_policies.get, keras.layers.InputLayer.__init__ = get, begin_in_float64
    try:
        yield
    finally:
        dtype_policies.get, keras.layers.InputLayer.__init__ = policy_of, begin


def _tensor(array):
    if array.dtype.kind not in "US":
        return array
    import tensorflow  # Keras takes text as TensorFlow's tensors only

    return tensorflow.constant(array)


def probe(keras, model, compiled=True):
    """Return a function from a batch to ``{path: flat outputs}`` of every call, run as ``predict`` runs the model.

    ``compiled``: as ``predict`` does; without it, operation by operation.
    """
    recorder = _Recorder(keras)

    def run(batch):
        with recorder:
            model(batch, training=False)
        return recorder.notes.nodes

    if compiled and keras.backend.backend() == "tensorflow":
        import tensorflow

        run = tensorflow.function(run)
    return lambda batch: keras.tree.map_structure(keras.ops.convert_to_numpy, run(batch))


class _Recorder:
    """While entered, notes the outputs of every call: Keras runs each graph through ``_run_through_graph``."""

    def __init__(self, keras):
        from keras.src.models.functional import Functional
        from keras.src.ops.function import Function

        self._function, self._run = Function, Function._run_through_graph
        self.notes = Notes(keras.tree.flatten, lambda operation: isinstance(operation, (keras.Sequential, Functional)))

    def __enter__(self):
        self.notes.begin()
        self._function._run_through_graph = lambda graph, *args, **kwargs: self._watch(graph, *args, **kwargs)

    def __exit__(self, *_):
        self._function._run_through_graph = self._run

    def _watch(self, graph, inputs, operation_fn=lambda operation: operation, **kwargs):
        prefix = self.notes.prefix
        if prefix is None:
            return self._run(graph, inputs, operation_fn, **kwargs)
        waiting = iter(calls(graph, lambda node: node.operation))

        def watched(operation):
            path = prefix + next(path for called, path in waiting if called is operation)
            call = operation_fn(operation)
            return lambda *args, **kwargs: self.notes.call(path, operation, call, *args, **kwargs)

        return self._run(graph, inputs, watched, **kwargs)
