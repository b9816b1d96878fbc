"""Keras 3 in the child: how it loads, predicts, and lets every call be watched."""

from contextlib import contextmanager
from functools import partial

import numpy as np

from weightscope.reference.keras3_twin import Float64, can_be_turned, made_in_float64
from weightscope.reference.noting import Notes, calls


class Keras3:
    """One model run by Keras 3; of its methods the child makes its answers.

    ``model``: one that is there already, with which nothing is to be loaded.
    """

    def __init__(self, model=None):
        import keras

        self._keras, self._model = keras, model
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
        """Return a function that returns the same model with every float policy ``float64``, its weights cast exactly.

        What takes time is begun at once. Raises ValueError for a model whose numbers are not floats alone: quantized
        layers keep whole numbers.
        """
        if any(getattr(layer, "quantization_mode", None) for layer in self._model._flatten_layers()):
            raise ValueError("its quantized layers have no float64")
        if can_be_turned(self._keras, self._model):
            return partial(_Turned, self._model, Float64(self._keras, self._model))
        return self._made_in_float64

    def _made_in_float64(self):
        with made_in_float64(self._keras):
            return Keras3(self._read())

    def predict(self, inputs, batch_size):
        """Return the flat list of what ``model.predict`` gives."""
        return self._keras.tree.flatten(self._model.predict(self._packed(inputs), batch_size=batch_size, verbose=0))

    def reset(self):
        """Set the states of stateful layers to what they begin with."""
        for layer in self._model._flatten_layers():
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()

    def probes(self, few=False):
        """Return functions ``run(inputs, note, given=None)``, which run one batch, a flat list, call by call.

        They do it in several ways, the one to be tried first first: some layers run only when they are compiled, or
        when XLA compiles them. ``note(path, leaves)``: takes the outputs of each call, as tensors; ``given``: ``{path:
        leaves}`` that take the place of what calls gave, for those behind them. ``few``: it will be run so few times
        that compiling it is not worth while, unless the model has loops.
        """
        layers = self._keras.layers
        loops = (layers.RNN, layers.Bidirectional, layers.TimeDistributed)
        compiles = self._keras.backend.backend() == "tensorflow"
        slow = any(isinstance(layer, loops) for layer in self._model._flatten_layers())
        ways = [_call_by_call] if not compiles or (few and not slow) else []
        ways += [_compiled, partial(_compiled, jit_compile=True)] if compiles else []
        return [self._running(way) for way in ways]

    def _running(self, way):
        run = way(self._keras, self._model)
        return lambda inputs, note, given=None: run(self._packed(inputs), note, given or {})

    def array(self, tensor):
        """Return a tensor as an array, which may lie where the tensor does, and only while that lives."""
        try:
            return np.asarray(memoryview(tensor))
        except (TypeError, ValueError, BufferError):  # text, bfloat16, and what is no tensor of TensorFlow's
            return self._keras.ops.convert_to_numpy(tensor)

    def _packed(self, inputs):
        """Return the flat inputs in the structure that the model was built on."""
        inputs = [_tensor(np.asarray(x)) for x in inputs]
        if isinstance(self._model, self._keras.Sequential):
            return inputs[0]
        return self._keras.tree.pack_sequence_as(self._model.input, inputs)


class _Turned(Keras3):
    """A model that is its own twin whenever it is run from here."""

    def __init__(self, model, float64):
        super().__init__(model)
        self._float64 = float64

    def probes(self, few=False):
        return [self._float64.turned()(run) for run in super().probes(few)]


def _tensor(array):
    if array.dtype.kind not in "US":
        return array
    import tensorflow  # Keras takes text as TensorFlow's tensors only

    return tensorflow.constant(array)


def _call_by_call(keras, model):
    recorder = _Recorder(keras)

    def run(batch, note, given):
        with recorder.telling(note, given):
            model(batch, training=False)

    return run


def _compiled(keras, model, **settings):
    """Return what runs the model as ``predict`` does: compiled."""
    import tensorflow

    by_call = _call_by_call(keras, model)

    @tensorflow.function(**settings)
    def graph(batch, given):
        nodes = {}
        by_call(batch, nodes.__setitem__, given)
        return nodes

    def run(batch, note, given):
        for path, leaves in graph(batch, given).items():
            note(path, leaves)

    return run


class _Recorder:
    """Watches the calls of a run: Keras runs each graph through ``_run_through_graph``."""

    def __init__(self, keras):
        from keras.src.models.functional import Functional
        from keras.src.ops.function import Function

        self._keras, self._function, self._run = keras, Function, Function._run_through_graph
        self._notes = Notes(lambda operation: isinstance(operation, (keras.Sequential, Functional)), keras.tree,
                            self._in_place_of)

    @contextmanager
    def telling(self, note, given):
        """While entered, tell ``note`` the outputs of every call, and put those that are ``given`` in their place."""
        self._dtypes = {}  # by the id of what is in the place of something else: the dtype of that, and itself
        self._read = {}  # by the id of what the running call is given: what that was before it was cast
        self._notes.begin(note, given)
        self._function._run_through_graph = lambda graph, *args, **kwargs: self._watch(graph, *args, **kwargs)
        try:
            yield
        finally:
            self._function._run_through_graph = self._run

    def _watch(self, graph, inputs, operation_fn=lambda operation: operation, **kwargs):
        prefix = self._notes.prefix
        if prefix is None:
            return self._run(graph, inputs, operation_fn, **kwargs)
        waiting = iter(calls(graph, lambda node: node.operation))

        def watched(operation):
            path = prefix + next(path for called, path in waiting if called is operation)
            call = operation_fn(operation)

            return lambda *args, **kwargs: self._noted(path, operation, call, args, kwargs)

        return self._run(graph, inputs, watched, **kwargs)

    def _noted(self, path, operation, call, args, kwargs):
        tree = self._keras.tree
        own_args, own_kwargs = tree.map_structure(self._in_own_dtype, (args, kwargs))
        read = list(zip(tree.flatten((args, kwargs)), tree.flatten((own_args, own_kwargs))))
        outer, self._read = self._read, {id(own): leaf for leaf, own in read}
        try:
            outputs = self._notes.call(path, operation, call, *own_args, **own_kwargs)
            self._hand_masks_back(path, read)
        finally:
            self._read = outer
        return outputs

    def _hand_masks_back(self, path, read):
        """Have what a call read carry the mask that its cast has now, where without us there was nothing to be cast."""
        from keras.src import backend

        for leaf, own in read:
            if leaf is not own and self._same_dtype(leaf, path):
                backend.set_keras_mask(leaf, backend.get_keras_mask(own))

    def _same_dtype(self, leaf, path):
        given = self._notes.given(path)
        return not given or given[0].dtype == leaf.dtype

    def _in_place_of(self, own, given):
        """Return what takes the place of a tensor that a call gave, with its mask; that itself where it does not fit.

        Keras holds on to it until the run ends: so it has its dtype when it is read, not before.
        """
        from keras.src import backend

        read = self._read.get(id(own))
        if read is not None and (id(read) not in self._dtypes or read.dtype == given.dtype):
            return read  # the call hands on what it was given, and the mask that goes with it
        own_dtype, dtype = (backend.standardize_dtype(tensor.dtype) for tensor in (own, given))
        same_kind = dtype == own_dtype or any(kind in dtype and kind in own_dtype for kind in ("float", "complex"))
        shapes = tuple(own.shape), tuple(given.shape)
        if not same_kind or hasattr(own, "indices") or len(shapes[0]) != len(shapes[1]) or any(
                n not in (None, m) for n, m in zip(*shapes)):
            return own
        found = self._keras.ops.stop_gradient(given)  # a tensor of its own, for a mask stays with a tensor
        backend.set_keras_mask(found, backend.get_keras_mask(own))
        if dtype != own_dtype:
            self._dtypes[id(found)] = own_dtype, found
        return found

    def _in_own_dtype(self, leaf):
        from keras.src import backend

        dtype, _ = self._dtypes.get(id(leaf), (None, None))
        if dtype is None:
            return leaf
        found = self._keras.ops.cast(leaf, dtype)
        backend.set_keras_mask(found, backend.get_keras_mask(leaf))
        return found
