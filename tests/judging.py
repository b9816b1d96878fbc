"""Judges a saved model as ``verify`` does, with Keras in this process: no call may leave its budget for rounding."""

from functools import partial
from unittest.mock import patch

import numpy as np
import tensorflow

from weightscope.errors import NoTwin
from weightscope.model.structure import as_outputs
from weightscope.opening.load import load
from weightscope.reference.keras3 import Keras3
from weightscope.reference.storing import restored, storable
from weightscope.replaying.replay import as_predict_takes
from weightscope.replaying.trace import Trace
from weightscope.verdict import comparison, gaps
from weightscope.verdict.verify import Ours, _sides


class NotLoaded(Exception):
    """Keras cannot load what it saved itself."""


class Live:
    """A reference as ``verify`` asks it, of one batch; ``no_twin`` is what kept Keras from running in float64.

    ``jit``: XLA compiles what Keras runs.
    """

    asks_twin = True

    def __init__(self, path, arrays, jit=False):
        self._keras, self._arrays, self._jit, self.no_twin = Keras3(), arrays, jit, ""
        try:
            self._keras.load(str(path), None)
        except Exception as error:
            raise NotLoaded(str(error)) from error

    def batch(self, look):
        """Return the Trace of the model as it is."""
        self._given = {}
        return self._traced(self._keras, self._given, look=look)

    def twin(self):
        """Yield ``(path, outputs)`` of the model in float64."""
        try:
            yield from self._traced(self._keras.twin()(), {}, self._given).items()
        except Exception as error:  # whatever Keras or TensorFlow raises where it has no float64
            self.no_twin = str(error)
            raise NoTwin(self.no_twin) from error

    def _traced(self, keras, kept, given=None, look=lambda path, arrays: None):
        found = Trace()

        def note(path, leaves):
            kept[path] = leaves
            arrays = [as_the_child_sends_it(keras.array(leaf)) for leaf in leaves]
            look(path, arrays)
            found[path] = as_outputs(arrays)

        keras.reset()
        with patch.object(tensorflow, "function", partial(tensorflow.function, jit_compile=self._jit)):
            keras.probes()[0](self._arrays, note, given)
        return found


def as_the_child_sends_it(array):
    """Return a copy of an array of Keras', bfloat16 in our own dtype for it."""
    array = np.array(array)
    return restored(storable(array), array.dtype.name)


def judged(path, inputs, jit=False):
    """Return a Difference for each call of the model at ``path`` on one batch of inputs, and why there is no twin."""
    model = load(path)
    arrays = [np.asarray(x) for x in model.standardize(as_predict_takes(model, inputs))]
    live = Live(path, arrays, jit)
    sides = _sides(Ours(model, arrays, ({}, {})), live)
    return comparison.traces(model, sides, gaps.Tolerance()), live.no_twin


def stay_within_budget(path, inputs):
    """Require that every call agrees, as far as Keras loads what it saved and its graph shows the call."""
    try:
        rows, _ = judged(path, inputs)
    except NotLoaded:
        return
    wrong = [f"{row.path} ({row.class_name}): {row.verdict} {row.reason} {row.fault}" for row in rows
             if row.verdict not in ("agrees", "not compared")]
    assert not wrong, "\n".join(wrong)
