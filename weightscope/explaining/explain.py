"""From a model and an input to Explanations: which call, sample and number; the steps to it, each of them checked."""

import numpy as np

from weightscope.errors import NoSuchLayer, NotReplayable, Unreadable, Unsupported
from weightscope.explaining import (  # noqa: F401  (families, each entered into the table)
    activations,
    convolutional,
    dense,
    embedding,
    merging,
    moving,
    pooling,
)
from weightscope.explaining.steps import number
from weightscope.explaining.told import NotExplained, Told, steps_of
from weightscope.kernels.noting import Heard, listening
from weightscope.kernels.short_floats import dtype_name
from weightscope.layers.operations.dtypes import cast
from weightscope.model.names import did_you_mean
from weightscope.model.structure import flatten
from weightscope.replaying.replay import Replay
from weightscope.replaying.samples import is_stateful, samples_of


class Asked:
    """Which number is asked for: ``at``, its whole index in the sample's output; or ``unit``, the last of it; ``step``.

    Without either it is the largest output, of the unit or of all.
    """

    def __init__(self, unit=None, at=None, step=None):
        self.unit, self.at, self.step = unit, at, step

    def index(self, layer, y):
        """Return the index of the number in ``y``, a sample's output, in the order of the file's axes.

        Raises Unreadable for one that is not there.
        """
        if self.at is not None:
            return _checked(layer, tuple(self.at), y.shape)
        if self.unit is not None and y.ndim:
            axis = 0 if getattr(layer, "channels_first", False) and y.ndim > 1 else y.ndim - 1
            _checked(layer, (self.unit,), (y.shape[axis],))
            found = _largest(np.take(y, self.unit, axis))
            return (*found[:axis], self.unit, *found[axis:])
        return _largest(y)


def _checked(layer, at, shape):
    fits = len(at) == len(shape) and all(-size <= index < size for index, size in zip(at, shape))
    if not fits:
        raise Unreadable(f"layer {layer.name!r} gives a sample numbers of shape {shape}: there is none at"
                         f" {', '.join(map(str, at))}")
    return tuple(index % size for index, size in zip(at, shape))


def _largest(y):
    if y.size == 0 or y.dtype.kind not in "biuf":
        return (0,) * y.ndim
    filled = np.where(np.isnan(y), -np.inf, y) if y.dtype.kind == "f" else y
    return tuple(int(index) for index in np.unravel_index(np.argmax(filled), y.shape))


class Explanation:
    """One number of one call, and how it comes about.

    ``path``, ``layer``; ``given``: ``(name, shape)`` of its inputs; ``shape``: of its output, both of one sample;
    ``at``: the index of the number; ``value``; ``steps``; ``why_not``: why there are none, or None; ``wrong``: whether
    that is because they do not give the number.
    """

    def __init__(self, path, heard, sample, asked):
        self.path, self.layer, self.steps, self.why_not, self.wrong = path, heard.layer, [], None, False
        self.given = [(name, np.shape(leaf)[1:]) for name, value in heard.given.items() for leaf in flatten(value)
                      if isinstance(leaf, np.ndarray) and not name.endswith("mask")]
        y = np.asarray(flatten(heard.outputs)[0])
        y = y[sample] if y.ndim and len(y) > sample else y
        self.shape, self.at = y.shape, asked.index(heard.layer, y)
        if y.size == 0:
            self.value, self.why_not = None, "it gives no numbers"
            return
        self.value = y[self.at].item() if y.dtype.kind in "OSU" else number(y[self.at])
        self._derive(Told(heard, sample, self._channels_last(heard.layer), asked.step), y.dtype)

    def _channels_last(self, layer):
        first = getattr(layer, "channels_first", False) and len(self.at) > 1
        return (*self.at[1:], self.at[0]) if first else self.at

    def _derive(self, told, dtype):
        try:
            self.steps = list(steps_of(told))
            problems = (step.problem(told.eps) for step in self.steps)
            self.why_not = next(filter(None, problems), None) or self._other(dtype)
            self.wrong = self.why_not is not None
        except NotExplained as error:
            self.why_not = str(error)
        if self.why_not:
            self.steps = []

    def _other(self, dtype):
        """Return that the steps lead to another number than the layer gave, or None."""
        values = [step.value for step in self.steps if step.value is not None]
        if not values:
            return "no step leads to it"
        ends = values[-1] if dtype.kind in "OSU" else number(cast(np.asarray(values[-1]), dtype_name(dtype)))
        same = ends == self.value or (ends != ends and self.value != self.value)
        return None if same else f"the steps lead to {ends!r}, and it is {self.value!r}"


def explain(model, inputs, path=None, sample=0, asked=None):
    """Yield the Explanation of one number of the call at ``path``, or of each call of the model, in their order.

    ``inputs``: as ``replay`` takes them; ``sample``: the number of one; ``asked``: an Asked, or None for the largest
    output. A call that cannot be replayed is yielded as ``(path, reason)``. Raises NoSuchLayer for a path that is none,
    Unreadable for a sample or an index that is not there, and NotReplayable for a layer that cannot be replayed.
    """
    asked, found = asked or Asked(), False
    if path is not None:
        _check_path(model, path)
    for at, heard, index in _calls(model, inputs, sample, path):
        found = True
        yield at, (Explanation(at, heard, index, asked) if isinstance(heard, Heard) else heard)
    if path is not None and not found:
        raise Unsupported(f"{path!r} is not called by itself")


def _check_path(model, path):
    known = [found for found, _ in model.calls()]
    if path not in known:
        inside = path in model
        told = " is a model or a part of a layer: name a call in it, or around it." if inside else " is no layer."
        raise NoSuchLayer(f"{path!r}{told}{did_you_mean(path, known)}")


def _calls(model, inputs, sample, path):
    """Yield ``(path, Heard or reason, number of the sample in its batch)`` of the calls asked for."""
    samples = samples_of(model, inputs)
    if not 0 <= sample < len(samples):
        raise Unreadable(f"there is no sample {sample}: the input has {len(samples)}, counted from 0")
    states, batch, heard = {}, sample // samples.batch_size, {}

    def call(at, layer, given):
        if path not in (None, at):
            return layer.run(*given)
        with listening(Heard()) as around:
            outputs = layer.run(*given)
        heard[at] = around.inner[-1]
        return outputs

    if is_stateful(model):
        for before in samples.batches[:batch]:
            Replay(model, before, states=states).trace()
    run = Replay(model, samples.batches[batch], states=states, call=call)
    for at, _ in run.calls():
        if at in heard:
            yield at, heard.pop(at), sample % samples.batch_size
        if at == path:
            return
    for at, reason in run.missing.items():
        if at == path:
            raise NotReplayable(reason)
        if path is None:
            yield at, reason, 0
