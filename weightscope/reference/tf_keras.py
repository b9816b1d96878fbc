"""tf_keras, the Keras 2 that is still maintained, in the child: how it loads, predicts, and lets calls be watched."""

from contextlib import contextmanager

import numpy as np

from weightscope.reference.noting import Notes, calls


class TfKeras:
    """One model run by tf_keras; the same contract as ``Keras3``."""

    def __init__(self):
        import tensorflow
        import tf_keras

        self._keras, self._tensorflow = tf_keras, tensorflow
        self.version = f"tf_keras {tf_keras.__version__} on tensorflow"

    def load(self, path, own):
        """Load the model; ``safe_mode`` holds for .keras files only, so the parent has looked at the file before."""
        self._model = self._keras.models.load_model(str(path), own, compile=False, safe_mode=True) \
            if str(path).endswith(".keras") else self._keras.models.load_model(str(path), own, compile=False)

    def build(self, config, weights, own):
        """Build the model from the JSON text of its config, and load the weights of another file into it.

        So a SavedModel's own graph, which is a program, is not run.
        """
        self._model = self._keras.models.model_from_json(config, own)
        status = self._model.load_weights(weights)
        if status is not None:  # of a checkpoint, which may hold more: the state of an optimizer
            status.assert_existing_objects_matched().expect_partial()

    def twin(self, last=False):
        """Raise ValueError: only Keras 3 makes a twin in float64."""
        raise ValueError("tf_keras is run in the model's own dtypes only")

    def predict(self, inputs, batch_size):
        """Return the flat list of what ``model.predict`` gives."""
        predicted = self._model.predict(self._packed(inputs), batch_size=batch_size, verbose=0)
        return self._tensorflow.nest.flatten(predicted)

    def reset(self):
        """Set the states of stateful layers to what they begin with."""
        self._model.reset_states()

    def probe(self, once=False):
        """Return a function ``run(inputs, note)``, which runs one batch, a flat list, and notes the calls' outputs."""
        recorder, tensorflow = _Recorder(self._keras, self._tensorflow), self._tensorflow

        def graph(batch):
            nodes = {}
            with recorder.telling(nodes.__setitem__):
                self._model(batch, training=False)
            return nodes

        graph = tensorflow.function(graph, autograph=False)

        def run(inputs, note, given=None):
            for path, leaves in graph(self._packed(inputs)).items():
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
        self._notes = Notes(lambda layer: isinstance(layer, Functional))
        self._flatten = tensorflow.nest.flatten
        self._expected = None  # the calls that the running graph itself is still to make

    @contextmanager
    def telling(self, note):
        """While entered, tell ``note`` the outputs of every call."""
        def tell(path, outputs):
            note(path, [leaf for leaf in self._flatten(outputs) if leaf is not None])
            return outputs

        self._notes.begin(tell)
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
