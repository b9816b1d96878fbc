"""Model and inputs in, Trace out: the whole of ``predict``, by hand, in NumPy."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.structure import flatten


class Trace(dict):
    """What a run said at each node: ``{path: outputs}`` in call order. The same type from us and from Keras.

    Outputs are an array, or a list or mapping of arrays. A path is the layer's name, with ``#2`` for its second call
    and ``model/layer`` inside a nested model. ``output`` is what ``predict`` returns; ``missing`` is
    ``{path: reason}`` of the nodes that could not be replayed.
    """

    def __init__(self, outputs=(), missing=()):
        super().__init__(outputs)
        self.missing = dict(missing)
        self._output = None

    @property
    def problem(self):
        """The NotReplayable that stands where the output should be, or None."""
        return _problem(self._output)

    @property
    def output(self):
        """The model's output, structured as ``predict`` structures it; raises NotReplayable where it is missing."""
        if self.problem:
            raise self.problem
        return self._output

    @output.setter
    def output(self, value):
        self._output = value


def replay(model, inputs, given=None):
    """Run ``model`` on ``inputs`` in NumPy, and return the Trace of every node.

    ``inputs``: an array (batch, …), a list of arrays in the order of the model's inputs, or a mapping by input name.
    ``given``: a Trace whose values take the place of ours for the nodes behind them, so that each layer is judged in
    isolation. A layer that cannot be replayed, and all behind it, is in ``trace.missing``.
    """
    trace = Trace()
    for path, outputs in steps(model, inputs, given, trace):
        problem = _problem(outputs)
        if problem:
            trace.missing[path] = _reason(path, problem)
        else:
            trace[path] = outputs
    return trace


def _problem(outputs):
    return next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)


def _reason(path, problem):
    origin = getattr(problem, "origin", path)
    return str(problem) if origin == path else f"behind {origin!r}"


def steps(model, inputs, given=None, trace=None):
    """Yield ``(path, outputs)`` node by node; the last outputs go into ``trace``. Values are dropped when read."""
    walk = model.walk(inputs)
    replacement = None
    while True:
        try:
            path, outputs = walk.send(replacement)
        except StopIteration as stop:
            if trace is not None:
                trace.output = stop.value[0]
            return
        yield path, outputs
        del outputs
        replacement = None if given is None else given.get(path)


def predict(model, inputs, batch_size=32):
    """Return what ``model.predict(inputs)`` returns, by NumPy alone.

    ``inputs`` as for ``replay``; they are run ``batch_size`` samples at a time. Raises NotReplayable, naming the layer.
    """
    batches = [_outputs(model, batch) for batch in batches_of(inputs, batch_size)]
    return concatenate(batches)


def _outputs(model, inputs):
    trace = Trace()
    for _ in steps(model, inputs, trace=trace):
        pass
    return trace.output


def batches_of(inputs, batch_size):
    """Yield slices of ``batch_size`` samples of an array, or of a list or mapping of arrays."""
    leaves = flatten(inputs)
    for start in range(0, max(len(leaves[0]), 1), batch_size):
        yield _map(lambda x, start=start: x[start:start + batch_size], inputs)


def concatenate(batches):
    """Join the outputs of batches, arrays or equal structures of arrays, along the first axis."""
    first = batches[0]
    if isinstance(first, dict):
        return {key: concatenate([batch[key] for batch in batches]) for key in first}
    if isinstance(first, (list, tuple)):
        return [concatenate([batch[i] for batch in batches]) for i in range(len(first))]
    return np.concatenate(batches) if len(batches) > 1 else first


def _map(function, inputs):
    if isinstance(inputs, dict):
        return {key: function(x) for key, x in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        return [function(x) for x in inputs]
    return function(inputs)
