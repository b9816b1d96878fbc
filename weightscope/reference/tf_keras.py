"""tf_keras, the Keras 2 that is still maintained, in the child: how it loads, predicts, and lets calls be watched."""

from contextlib import contextmanager
from functools import partial

import numpy as np

from weightscope.reference.keras3_twin import inputs_in_float64, is_float
from weightscope.reference.noting import Notes, calls


class TfKeras:
    """One model run by tf_keras; the same contract as ``Keras3``."""

    def __init__(self, model=None):
        import tensorflow
        import tf_keras

        self._keras, self._tensorflow, self._model = tf_keras, tensorflow, model
        self.version = f"tf_keras {tf_keras.__version__} on tensorflow"

    def load(self, path, own):
        """Load the model; ``safe_mode`` holds for .keras files only, so the parent has looked at the file before."""
        settings = {"safe_mode": True} if str(path).endswith(".keras") else {}
        self._read = lambda: self._keras.models.load_model(str(path), own, compile=False, **settings)
        self._model = self._read()

    def build(self, config, weights, own):
        """Build the model from the JSON text of its config, and load the weights of another file into it.

        So a SavedModel's own graph, which is a program, is not run.
        """
        def read():
            model = self._keras.models.model_from_json(config, own)
            status = model.load_weights(weights)
            if status is not None:  # of a checkpoint, which may hold more: the state of an optimizer
                status.assert_existing_objects_matched().expect_partial()
            return model

        self._read, self._model = read, read()

    def twin(self):
        """Return a function that returns the same model with every float policy ``float64``, its weights cast."""
        def made():
            with _made_in_float64():
                return TfKeras(self._read())

        return made

    def predict(self, inputs, batch_size):
        """Return the flat list of what ``model.predict`` gives."""
        predicted = self._model.predict(self._packed(inputs), batch_size=batch_size, verbose=0)
        return self._tensorflow.nest.flatten(predicted)

    def reset(self):
        """Set the states of stateful layers to what they begin with."""
        self._model.reset_states()

    def probes(self, few=False):
        """Return functions ``run(inputs, note, given=None)``, which run one batch, a flat list; the second by XLA."""
        return [self._running(jit_compile) for jit_compile in (None, True)]

    def _running(self, jit_compile):
        recorder = _Recorder(self._keras, self._tensorflow)

        def graph(batch, given):
            nodes = {}
            with recorder.telling(nodes.__setitem__, given):
                self._model(batch, training=False)
            return nodes

        graph = self._tensorflow.function(graph, autograph=False, jit_compile=jit_compile)

        def run(inputs, note, given=None):
            for path, leaves in graph(self._packed(inputs), given or {}).items():
                note(path, leaves)

        return run

    def array(self, tensor):
        """Return a tensor as an array."""
        return tensor.numpy()

    def _packed(self, inputs):
        inputs = [self._tensorflow.constant(np.asarray(x)) for x in inputs]
        if isinstance(self._model, self._keras.Sequential):
            return inputs[0]
        return self._tensorflow.nest.pack_sequence_as(self._model.input, inputs)


class _Recorder:
    """Watches the calls of a run.

    tf_keras runs each graph through ``Functional._run_internal_graph``, which calls layer after layer. A model is run
    again for its mask alone; that gives the same outputs once more.
    """

    def __init__(self, tf_keras, tensorflow):
        from tf_keras.src.engine.base_layer import Layer
        from tf_keras.src.engine.functional import Functional

        self._as_it_is = tensorflow.autograph.experimental.do_not_convert
        self._layer, self._call = Layer, Layer.__call__
        self._graph, self._run = Functional, Functional._run_internal_graph
        self._notes = Notes(lambda layer: isinstance(layer, Functional), tensorflow.nest,
                            partial(_in_place_of, tensorflow))
        self._expected = None  # the calls that the running graph itself is still to make

    @contextmanager
    def telling(self, note, given):
        """While entered, tell ``note`` the outputs of every call, and put those that are ``given`` in their place."""
        self._notes.begin(note, given)
        self._expected = None
        watch, noted = self._as_it_is(self._watch), self._as_it_is(self._noted)
        self._graph._run_internal_graph = lambda graph, *args, **kwargs: watch(graph, *args, **kwargs)
        self._layer.__call__ = lambda layer, *args, **kwargs: noted(layer, *args, **kwargs)
        try:
            yield
        finally:
            self._graph._run_internal_graph, self._layer.__call__ = self._run, self._call

    def _watch(self, graph, *args, **kwargs):
        outer, prefix = self._expected, self._notes.prefix
        found = [] if prefix is None else calls(graph, lambda node: node.layer)
        self._expected = iter([(layer, prefix + path) for layer, path in found])
        try:
            return self._run(graph, *args, **kwargs)
        finally:
            self._expected = outer

    def _noted(self, layer, *args, **kwargs):
        if self._expected is None:  # the model itself
            return self._call(layer, *args, **kwargs)
        path = next((path for called, path in self._expected if called is layer), None)
        outer, self._expected = self._expected, iter(())
        try:
            return self._notes.call(path, layer, self._call, layer, *args, **kwargs)
        finally:
            self._expected = outer


def _in_place_of(tensorflow, own, given):
    """Return a tensor in the dtype and with the mask of the one that a call gave; that one where they do not fit."""
    same_kind = own.dtype == given.dtype or (own.dtype.is_floating and given.dtype.is_floating) or (
        own.dtype.is_complex and given.dtype.is_complex)
    if not same_kind or not isinstance(own, tensorflow.Tensor) or not own.shape.is_compatible_with(given.shape):
        return own
    # A tensor of its own, for a mask stays with a tensor.
    found = tensorflow.identity(tensorflow.cast(given, own.dtype))
    found._keras_mask = getattr(own, "_keras_mask", None)
    return found


@contextmanager
def _made_in_float64():
    """While entered, layers and inputs are made in ``float64`` where their config says another float."""
    from tf_keras.src.engine.base_layer import Layer
    from tf_keras.src.engine.input_layer import InputLayer
    from tf_keras.src.mixed_precision.policy import get_policy

    set_policy = Layer._set_dtype_policy

    def set_float64(layer, dtype):
        set_policy(layer, "float64" if is_float(get_policy(dtype).compute_dtype) else dtype)

    Layer._set_dtype_policy = set_float64
    try:
        with inputs_in_float64(InputLayer):
            yield
    finally:
        Layer._set_dtype_policy = set_policy
