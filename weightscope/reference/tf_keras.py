"""tf_keras, the Keras 2 that is still maintained, in the child: how it loads, predicts, and lets calls be watched."""

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

    def twin(self):
        """Raise ValueError: only Keras 3 makes a twin in float64."""
        raise ValueError("tf_keras is run in the model's own dtypes only")

    def predict(self, inputs, batch_size):
        """Return the flat list of what ``model.predict`` gives."""
        predicted = self._model.predict(self._packed(inputs), batch_size=batch_size, verbose=0)
        return self._tensorflow.nest.flatten(predicted)

    def reset(self):
        """Set the states of stateful layers to what they begin with."""
        self._model.reset_states()

    def probe(self):
        """Return a function from a batch, a flat list, to ``{path: flat outputs}`` of every call."""
        recorder, tensorflow = _Recorder(self._keras, self._tensorflow), self._tensorflow

        def run(batch):
            with recorder:
                self._model(batch, training=False)
            return recorder.notes.nodes

        run = tensorflow.function(run, autograph=False)
        return lambda inputs: tensorflow.nest.map_structure(lambda x: x.numpy(), run(self._packed(inputs)))

    def _packed(self, inputs):
        inputs = [self._tensorflow.constant(np.asarray(x)) for x in inputs]
        if isinstance(self._model, self._keras.Sequential):
            return inputs[0]
        return self._tensorflow.nest.pack_sequence_as(self._model.input, inputs)


class _Recorder:
    """While entered, notes the outputs of every call.

    tf_keras runs each graph through ``Functional._run_internal_graph``, which calls layer after layer. A model is run
    again for its mask alone; that gives the same outputs once more.
    """

    def __init__(self, tf_keras, tensorflow):
        from tf_keras.src.engine.base_layer import Layer
        from tf_keras.src.engine.functional import Functional

        self._as_it_is = tensorflow.autograph.experimental.do_not_convert
        self._layer, self._call = Layer, Layer.__call__
        self._graph, self._run = Functional, Functional._run_internal_graph
        self.notes = Notes(tensorflow.nest.flatten, lambda layer: isinstance(layer, Functional))
        self._expected = None  # the calls that the running graph itself is still to make

    def __enter__(self):
        self.notes.begin()
        self._expected = None
        watch, noted = self._as_it_is(self._watch), self._as_it_is(self._noted)
        self._graph._run_internal_graph = lambda graph, *args, **kwargs: watch(graph, *args, **kwargs)
        self._layer.__call__ = lambda layer, *args, **kwargs: noted(layer, *args, **kwargs)

    def __exit__(self, *_):
        self._graph._run_internal_graph, self._layer.__call__ = self._run, self._call

    def _watch(self, graph, *args, **kwargs):
        outer, prefix = self._expected, self.notes.prefix
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
            return self.notes.call(path, layer, self._call, layer, *args, **kwargs)
        finally:
            self._expected = outer
