"""Model and inputs in, Trace out: the whole of ``predict``, by hand, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.kernels.short_floats import as_plain
from weightscope.model.model import Model, check_is_model
from weightscope.model.structure import as_outputs, flatten, map_structure
from weightscope.model.walking import run_layer
from weightscope.replaying import cores
from weightscope.replaying.samples import (
    batch_size_for,
    batches_of,
    concatenate,
    cut,
    is_stateful,
    samples_in,
    shares_of,
    stateful_layers,
    told_batches,
)
from weightscope.replaying.trace import Trace, problem_in

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs, Outputs


def replay(model: Model, inputs: Inputs, given: Trace | None = None, states: MutableMapping[Any, Any] | None = None,
           call: Callable[..., Any] | None = None) -> Trace:
    """Run ``model``, a loaded one or one inside it, on ``inputs`` in NumPy, and return the Trace of every node.

    ``inputs``: an array (batch, …) of any numbers, a list of arrays in the order of the model's inputs, or a mapping by
    input name; they are cast as Keras' ``predict`` casts them. They are one batch, or several where a stateful model
    fixes how many samples that has. ``given``: a Trace whose values take the place of ours
    for the nodes behind them, so that each layer is seen by itself. ``states``: a mapping, empty before the first
    batch, that takes the states of stateful layers from one batch to the next; without it they begin with zeros.
    ``call``: what calls each layer, in the place of ``model.walking.run_layer``: on the batch as a whole, or on shares
    of it where it has ``of_share``.

    A layer that cannot be replayed, and all behind it, is in ``trace.missing`` with the reason; nothing is raised for
    it before ``trace.output`` is asked for. Raises Unreadable for inputs that the model does not take.
    """
    check_is_model(model)
    inputs, states = model.as_predict_takes(inputs), {} if states is None else states
    parts = _fixed_batches(model, samples_in(inputs))
    if len(parts) < 2:
        return Replay(model, inputs, given, states, call).trace()
    return _joined([Replay(model, cut(inputs, part), cut(given, part), states, call).trace() for part in parts])


def _fixed_batches(model, samples):
    """Return slices of so many ``samples``: of the size that a stateful model fixes, or one for all of them."""
    size = batch_size_for(model, samples) if is_stateful(model) and told_batches(model) else max(samples, 1)
    return [slice(start, start + size) for start in range(0, samples, size)]


def _joined(traces):
    """Return the Trace of several batches for the Trace of each."""
    found = Trace(zip(traces[0], map(concatenate, zip(*(trace.values() for trace in traces)))), traces[0].missing)
    found.output = traces[0].problem or concatenate([trace.output for trace in traces])
    return found


class Replay:
    """A batch that is ready to be run once: by ``trace``, which keeps what every node says, or by ``calls``.

    The arguments are those of ``replay``. ``missing``: ``{path: reason}`` of the nodes that cannot be replayed, filled
    on the way.
    """

    def __init__(self, model, inputs, given=None, states=None, call=None):
        check_is_model(model)
        self._model, self._inputs, self._given = model, model.as_predict_takes(inputs), given
        self._states, self._call, self.missing = {} if states is None else states, call, {}

    def trace(self):
        """Return the Trace of all nodes; a heavy batch is shared out among the cores."""
        parts, calls, join = self._shared_out()
        trace = Trace()
        trace.missing = self.missing

        def run(share):
            part, call = share
            if len(parts) == 1:
                return ended(self._steps(call), lambda path, outputs: trace.update({path: _plain(outputs)}))
            inputs, given = cut(self._inputs, part), cut(self._given, part)
            return ended(steps(self._model, inputs, given, call, self.missing),
                         lambda path, outputs: trace.put(path, _plain(outputs), part, parts[-1].stop))

        with _carrying(self._model, self._states):
            outputs = cores.in_parallel(run, list(zip(parts, calls)))
        join()
        trace.output = next(filter(None, map(problem_in, outputs)), None) or _plain(concatenate(outputs))
        return trace

    def calls(self):
        """Yield ``(path, outputs)`` of the nodes that can be replayed, in call order, and keep nothing."""
        with cores.on_one_thread(), _carrying(self._model, self._states):
            yield from self._steps(run_layer if self._call is None else self._call)

    def _steps(self, call):
        return steps(self._model, self._inputs, self._given, call, self.missing)

    def _shared_out(self):
        """Return the shares of a batch, what calls the layers for each, and what is to be done when all are run."""
        if self._call is None:
            parts = shares_of(self._model, self._inputs)
            return parts, [run_layer] * len(parts), lambda: None
        if not hasattr(self._call, "of_share"):
            return [slice(None)], [self._call], lambda: None
        parts = shares_of(self._model, self._inputs)
        return parts, *self._call.of_share(len(parts))


@contextmanager
def _carrying(model, states):
    """While entered, stateful layers begin with what ``states`` holds for them; then it holds what they ended with."""
    layers = list(stateful_layers(model))
    for layer in layers:
        layer.carried = states.get(layer, [])
    try:
        yield
    finally:
        for layer in layers:
            states[layer], layer.carried = layer.carried, None


def steps(model, inputs, given=None, call=run_layer, missing=None):
    """Yield ``(path, outputs)`` of the nodes that can be replayed, and return the output; values are dropped when read.

    ``missing``: a mapping that takes ``{path: reason}`` of the others.
    """
    walk = model.walk(inputs, call=call)
    replacement = None
    while True:
        try:
            path, outputs = walk.send(replacement)
        except StopIteration as stop:
            return stop.value[0]
        problem = problem_in(outputs)
        if problem is None:
            yield path, outputs
        elif missing is not None:
            missing[path] = _reason(path, problem)
        replacement = None if given is None else given.get(path)
        replacement = None if replacement is None else _in_place_of(outputs, replacement)
        del outputs, problem


def ended(going, keep=lambda path, outputs: None):
    """Go through ``steps``, hand each to ``keep``, and return the output in which they end."""
    while True:
        try:
            keep(*next(going))
        except StopIteration as stop:
            return stop.value


def _reason(path, problem):
    origin = getattr(problem, "origin", path)
    return str(problem) if origin == path else f"behind {origin!r}"


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

    for path, _ in steps(model, model.as_predict_takes(inputs), given, call=noted):
        if path in calls:
            yield path, calls.pop(path)


def predict(model: Model, inputs: Inputs, batch_size: int | None = None) -> Outputs:
    """Return what Keras' ``model.predict(inputs)`` returns, by NumPy alone: an array (batch, …), or several.

    ``model``: a loaded one, or one inside it. ``inputs`` as for ``replay``; they are run ``batch_size`` samples at a
    time, without it as many as the file says, else 32. Several outputs come as a list or a mapping, as Keras structures
    them, each in the dtype of the layer that gives it; bfloat16 as float32. A stateful layer begins with zeros, and
    goes on from batch to batch. Raises NotReplayable, naming the layer, and Unreadable for inputs that the model does
    not take.
    """
    check_is_model(model)
    batches: list[Any] = []
    inputs = model.as_predict_takes(inputs)
    batch_size = batch_size_for(model, samples_in(inputs), batch_size)
    with _carrying(model, {}):
        for batch in batches_of(inputs, batch_size):
            shared = shares_of(model, batch)
            batches += cores.in_parallel(lambda share, batch=batch: _output(model, cut(batch, share)), shared)
    return _plain(concatenate(batches))


def _plain(outputs):
    """Return values as NumPy has them: bfloat16 as float32 that says nothing of it, for no file could keep that."""
    return map_structure(as_plain, outputs)


def _output(model, inputs):
    trace = Trace()
    trace.output = ended(steps(model, inputs))
    return trace.output
