"""Judges a saved model as ``verify`` does, with Keras in this process: no call may leave its budget for rounding."""

from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import keras
import numpy as np
import tensorflow

from weightscope.errors import NoTwin
from weightscope.opening.load import load
from weightscope.reference.keras3 import Keras3
from weightscope.reference.keras3_twin import can_be_turned
from weightscope.reference.storing import restored, storable
from weightscope.replaying.samples import samples_of
from weightscope.verdict.alone import judged_alone
from weightscope.verdict.differences import differences_of
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.ours import Ours
from weightscope.verdict.sides import held_together


class NotLoaded(Exception):
    """Keras cannot load what it saved itself."""


class Live:
    """A reference as ``verify`` asks it, of one batch; ``no_twin`` is what kept Keras from running in float64.

    ``jit``: XLA compiles what Keras runs. ``model``: the one that was saved at ``path``, not to be loaded where it can
    do without; its twin runs uncompiled then, and so does it itself if it need not be ``compiled``: that takes longer.
    """

    def __init__(self, path, arrays, jit=False, model=None, compiled=True):
        self._keras, self.arrays, self._jit, self.no_twin = Keras3(model), arrays, jit, ""
        self._compiled = compiled
        self._is_live = model is not None and can_be_turned(keras, model)
        if self._is_live:
            return
        try:
            self._keras.load(str(path), None)
        except Exception as error:
            raise NotLoaded(str(error)) from error

    def calls(self):
        """Yield ``(path, arrays)`` of the model as it is."""
        self._given = {}
        with eagerly(self._is_live and not self._compiled):
            found = self._told(self._keras, self._given)
        yield from found

    def twin(self):
        """Yield ``(path, arrays)`` of the model in float64."""
        try:
            twin = self._keras.twin()()
            with eagerly(self._is_live):
                yield from self._told(twin, {}, self._given)
        except Exception as error:  # whatever Keras or TensorFlow raises where it has no float64
            self.no_twin = str(error)
            raise NoTwin(self.no_twin) from error

    def _told(self, keras, kept, given=None):
        found = []

        def note(path, leaves):
            kept[path] = leaves
            found.append((path, [as_the_child_sends_it(keras.array(leaf)) for leaf in leaves]))

        keras.reset()
        with patch.object(tensorflow, "function", partial(tensorflow.function, jit_compile=self._jit)):
            keras.probes()[0](self.arrays, note, given)
        return found


@contextmanager
def eagerly(wanted=True):
    """While entered, TensorFlow runs functions without compiling them, if that is ``wanted``."""
    tensorflow.config.run_functions_eagerly(wanted)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(False)


def as_the_child_sends_it(array):
    """Return a copy of an array of Keras', bfloat16 in our own dtype for it."""
    array = np.array(array)
    return restored(storable(array), array.dtype.name)


def both_sides(model, live, keep=False):
    """Return the Sides of one batch, ours and a ``Live``'s, and what its calls alone are worth."""
    sides = held_together(Ours(model, live.arrays), live.calls(), Tolerance())
    return sides, judged_alone(sides, live.twin(), keep)


def judged(path, inputs, jit=False, live_model=None, compiled=True):
    """Return a Difference for each call of the model at ``path`` on one batch of inputs, and why there is no twin."""
    model = load(path)
    live = Live(path, [np.asarray(x) for x in samples_of(model, inputs).arrays], jit, live_model, compiled)
    return differences_of(*both_sides(model, live)), live.no_twin


def outside_budget(rows):
    """Return ``(in words, path)`` of the Differences that ``verify`` does not let pass."""
    return [(f"{row.path} ({row.class_name}): {row.verdict} {row.reason} {row.fault}", row.path) for row in rows
            if row.verdict not in ("agrees", "not compared")]


def stay_within_budget(path, inputs, live_model=None):
    """Require that every call agrees, as far as Keras loads what it saved and its graph shows the call.

    ``live_model``: the one that was saved at ``path``; where that agrees uncompiled, it need not be loaded.
    """
    try:
        rows, no_twin = judged(path, inputs, live_model=live_model, compiled=live_model is None)
        if live_model is not None and (no_twin or outside_budget(rows)):
            rows, _ = judged(path, inputs)
    except NotLoaded:
        return
    wrong = [words for words, _ in outside_budget(rows)]
    assert not wrong, "\n".join(wrong)
