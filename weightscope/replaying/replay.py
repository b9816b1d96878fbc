"""Model and inputs in, Trace out: the whole of ``predict``, by hand, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.model.models import Model, run_layer
from weightscope.model.structure import as_outputs, flatten, flatten_shapes, map_structure
from weightscope.replaying import cores
from weightscope.replaying.trace import Trace, problem_in

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs, Outputs


def replay(model: Model, inputs: Inputs, given: Trace | None = None, states: MutableMapping[Any, Any] | None = None,
           call: Callable[..., Any] | None = None) -> Trace:
    """Run ``model``, a loaded one or one inside it, on ``inputs`` in NumPy, and return the Trace of every node.

    ``inputs``: an array (batch, …) of any numbers, a list of arrays in the order of the model's inputs, or a mapping by
    input name; they are cast as Keras' ``predict`` casts them. ``given``: a Trace whose values take the place of ours
    for the nodes behind them, so that each layer is seen by itself. ``states``: a mapping, empty before the first
    batch, that takes the states of stateful layers from one batch to the next; without it they begin with zeros.
    ``call``: what calls each layer, in the place of ``model.models.run_layer``: on the batch as a whole, or on shares
    of it where it has ``of_share``.

    A layer that cannot be replayed, and all behind it, is in ``trace.missing`` with the reason; nothing is raised for
    it before ``trace.output`` is asked for. Raises Unreadable for inputs that the model does not take.
    """
    inputs = as_predict_takes(model, inputs)
    parts, calls, join = _shared_out(model, inputs, call)
    whole = _Whole(parts)
    with _carrying(model, {} if states is None else states):
        outputs = cores.in_parallel(lambda share: _traced(model, inputs, given, whole, share),
                                    list(zip(parts, calls)))
    join()
    problem = next(filter(None, map(problem_in, outputs)), None)
    whole.trace.output = problem or concatenate(outputs)
    return whole.trace


class Replay:
    """A Trace that is made as it is gone through, once, and keeps nothing.

    The arguments are those of ``replay``; ``around``: a function that returns the context in which layers are run.
    ``missing`` is filled on the way.
    """

    def __init__(self, model, inputs, given, states, call, around):
        self._model, self._inputs, self._given = model, as_predict_takes(model, inputs), given
        self._states, self._call, self._around, self.missing = states, call, around, {}

    def items(self):
        """Yield ``(path, outputs)`` of the nodes that can be replayed, in call order."""
        with cores.on_one_thread(), self._around(self._model), _carrying(self._model, self._states):
            for path, outputs in steps(self._model, self._inputs, self._given, call=self._call):
                problem = problem_in(outputs)
                if problem:
                    self.missing[path] = _reason(path, problem)
                else:
                    yield path, outputs


@contextmanager
def _carrying(model, states):
    """While entered, stateful layers begin with what ``states`` holds for them; then it holds what they ended with."""
    layers = [layer for layer in model.with_parts() if getattr(layer, "stateful", False)]
    for layer in layers:
        layer.carried = states.get(layer, [])
    try:
        yield
    finally:
        for layer in layers:
            states[layer], layer.carried = layer.carried, None


def _shared_out(model, inputs, call):
    """Return the shares of a batch, what calls the layers for each of them, and what is to be done when all are run."""
    if call is None:
        parts = _shares(model, inputs)
        return parts, [run_layer] * len(parts), lambda: None
    if not hasattr(call, "of_share"):
        return [slice(None)], [call], lambda: None
    parts = _shares(model, inputs)
    return parts, *call.of_share(len(parts))


def _traced(model, inputs, given, whole, share):
    part, call = share
    if len(whole.parts) > 1:
        inputs, given = _cut(inputs, part), _cut(given, part)
    own = Trace()
    for path, outputs in steps(model, inputs, given, own, call):
        whole.note(path, outputs, part)
    return own.problem or own.output


class _Whole:
    """The trace of a whole batch, written share by share."""

    def __init__(self, parts):
        self.parts, self.trace, self._lock = parts, Trace(), Lock()

    def note(self, path, outputs, part):
        """Take the outputs of a node on a share of the batch."""
        problem = problem_in(outputs)
        if problem:
            self.trace.missing[path] = _reason(path, problem)
        elif len(self.parts) == 1:
            self.trace[path] = outputs
        else:
            self._copy(path, outputs, part)

    def _copy(self, path, outputs, part):
        with self._lock:
            if path not in self.trace:
                self.trace[path] = map_structure(
                    lambda x: np.empty((self.parts[-1].stop, *x.shape[1:]), x.dtype), outputs)
        for whole, share in zip(flatten(self.trace[path]), flatten(outputs)):
            whole[part] = share


def as_predict_takes(model, inputs):
    """Return inputs as Keras' ``predict`` sees them: float64 rounded to float32, a plain list of numbers an array."""
    check_is_model(model)
    if isinstance(inputs, Mapping):  # an open .npz is one
        inputs = dict(inputs)
    lists = not any(isinstance(leaf, np.ndarray) for leaf in flatten(inputs))
    if lists and not isinstance(inputs, dict) and len(model.input_layers) == 1:
        inputs = np.asarray(inputs)
    return map_structure(lambda x: x.astype("float32") if getattr(x, "dtype", None) == np.float64 else x, inputs)


def check_is_model(model):
    """Raise TypeError, and say what to do, for the path of a file and whatever else is no Model."""
    if not isinstance(model, Model):
        raise TypeError(f"expected a model, as weightscope.load(path) returns it, got {type(model).__name__}")


def _shares(model, inputs):
    """Return slices of the batch for the cores: one for all of it where a layer may mix samples."""
    leaves = [np.asarray(leaf) for leaf in flatten(inputs)]
    samples = next((len(leaf) for leaf in leaves if leaf.ndim), 1)
    whole = [slice(0, samples)]
    mixing = not all(layer.keeps_samples_apart for layer in model.with_parts())
    if mixing or samples < 2 or not all(leaf.ndim for leaf in leaves):
        return whole
    values = values_of_sample(model, leaves)
    return whole if values is None else cores.shares(samples, values)


def values_of_sample(model, leaves):
    """Return how many values one sample of the inputs makes on its way through the model; None where nothing tells."""
    shapes = model.shapes([(1, *leaf.shape[1:]) for leaf in leaves])
    if None in shapes.values():
        return None
    flat = flatten_shapes(list(shapes.values()))
    if any(len(shape) < 2 or None in shape for shape in flat):
        return None
    return sum(math.prod(shape) for shape in flat)


def _cut(structure, part):
    """Return the samples of a slice, of an array or of a structure or Trace of arrays."""
    return None if structure is None else map_structure(lambda x: x if x is None else x[part], structure)


def _reason(path, problem):
    origin = getattr(problem, "origin", path)
    return str(problem) if origin == path else f"behind {origin!r}"


def steps(model, inputs, given=None, trace=None, call=run_layer):
    """Yield ``(path, outputs)`` node by node; the last outputs go into ``trace``. Values are dropped when read."""
    walk = model.walk(inputs, call=call)
    replacement = None
    while True:
        try:
            path, outputs = walk.send(replacement)
        except StopIteration as stop:
            if trace is not None:
                trace.output = stop.value[0]
            return
        yield path, outputs
        replacement = None if given is None else given.get(path)
        replacement = None if replacement is None else _in_place_of(outputs, replacement)
        del outputs


def _in_place_of(outputs, given):
    """Return the values that take the place of a call's outputs, which a layer behind it finds in their dtypes."""
    ours, leaves = flatten(outputs), flatten(given)
    if len(ours) != len(leaves):
        return given
    return as_outputs([leaf.astype(own.dtype, copy=False) if _both_floats(own, leaf) else leaf
                       for own, leaf in zip(ours, leaves)])


def _both_floats(one, other):
    return all(getattr(leaf, "dtype", np.dtype("O")).kind in "fc" for leaf in (one, other))


def calls_of(model, inputs, given, paths):
    """Yield ``(path, (layer, what it is given))`` of some calls, each layer fed with the values ``given``.

    What a layer is given: args, kwargs, masks and keyword masks.
    """
    calls = {}

    def noted(path, layer, given):
        calls.update({path: (layer, given)} if path in paths else {})
        return layer.run(*given)

    for path, _ in steps(model, as_predict_takes(model, inputs), given, call=noted):
        if path in calls:
            yield path, calls.pop(path)


def predict(model: Model, inputs: Inputs, batch_size: int = 32) -> Outputs:
    """Return what Keras' ``model.predict(inputs)`` returns, by NumPy alone: an array (batch, …), or several.

    ``model``: a loaded one, or one inside it. ``inputs`` as for ``replay``; they are run ``batch_size`` samples at a
    time. Several outputs come as a list or a mapping, as Keras structures them, each in the dtype of the layer that
    gives it; bfloat16 as float32. A stateful layer begins with zeros, and goes on from batch to batch. Raises
    NotReplayable, naming the layer, and Unreadable for inputs that the model does not take.
    """
    batches: list[Any] = []
    given = as_predict_takes(model, inputs)
    with _carrying(model, {}):
        for batch in batches_of(given, batch_size):
            shared = _shares(model, batch)
            batches += cores.in_parallel(lambda share, batch=batch: _outputs(model, _cut(batch, share)), shared)
    return concatenate(batches)


def _outputs(model, inputs):
    trace = Trace()
    for _ in steps(model, inputs, trace=trace):
        pass
    return trace.output


def batches_of(inputs, batch_size):
    """Yield slices of ``batch_size`` samples of an array, or of a list or mapping of arrays; None stays None."""
    samples = next(len(leaf) for leaf in flatten(inputs) if leaf is not None)
    for start in range(0, max(samples, 1), batch_size):
        yield _cut(inputs, slice(start, start + batch_size))


def concatenate(batches):
    """Join the outputs of batches, arrays or equal structures of arrays, along the first axis."""
    first = batches[0]
    if isinstance(first, dict):
        return {key: concatenate([batch[key] for batch in batches]) for key in first}
    if isinstance(first, (list, tuple)):
        return [concatenate([batch[i] for batch in batches]) for i in range(len(first))]
    return np.concatenate(batches) if len(batches) > 1 else first
