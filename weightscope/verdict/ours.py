"""What we give of one batch: chained, each layer fed by ours before it; and alone, fed with the reference's."""

from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np

from weightscope.model.structure import map_structure
from weightscope.replaying.replay import Replay, replay
from weightscope.verdict import float64
from weightscope.verdict.budgets import Budgets, Dtypes


@dataclass
class States:
    """What stateful layers carry from batch to batch, ``{layer: states}``: chained, and fed with the reference's."""

    chained: dict = field(default_factory=dict)
    alone: dict = field(default_factory=dict)


class Ours:
    """Our side of one batch of a model.

    ``trace``: our Trace, chained; what was compared is taken out of it. ``budgets``: of every call, None where the
    model has no float64; ``dtypes``: the shortest of each call, filled when the calls are made alone.
    """

    def __init__(self, model, batch, states=None):
        self.model, self.batch, self._states = model, batch, states or States()
        self._begun = States(dict(self._states.chained), dict(self._states.alone))
        has_float64 = float64.reason_against(model) is None
        self.budgets, self.dtypes = (Budgets(), Dtypes(float64.own_dtypes(model))) if has_float64 else (None, {})
        self.begin()

    def begin(self):
        """Replay the batch, from the states that it began with."""
        self._states.chained = dict(self._begun.chained)
        self.trace = replay(self.model, self.batch, states=self._states.chained, call=self.budgets)

    def in_float64(self):
        """Return a context in which the model computes in float64, if it has one."""
        return nullcontext() if self.budgets is None else float64.in_float64(self.model)

    def alone(self, given):
        """Return a Replay of each call fed with values ``given``, to be run once, ``in_float64``."""
        call = None if self.budgets is None else self.dtypes
        return Replay(self.model, self.batch, self._widened(given), self._states.alone, call)

    def exact_budgets(self, given):
        """Return the Budgets of just what each call is fed with values ``given``."""
        budgets = Budgets()
        with self.in_float64():
            replay(self.model, self.batch, self._widened(given), dict(self._begun.alone), budgets)
        return budgets

    def _widened(self, given):
        """Return values with those of calls that we cannot make as long as the others are in float64, and the twin's.

        An operation behind them casts nothing, and would compute in the reference's own dtype.
        """
        unmade = [] if self.budgets is None else self.trace.missing
        return given | {path: map_structure(_as_long_as_can_be, given[path]) for path in unmade if path in given}

    def rounded(self, given):
        """Return our Trace in the model's own dtypes, each call fed with values ``given``."""
        return replay(self.model, self.batch, given, {})


def _as_long_as_can_be(array):
    longest = {"f": np.float64, "c": np.complex128}.get(getattr(array, "dtype", np.dtype("O")).kind)
    return array if longest is None else array.astype(longest, copy=False)
