"""What both sides said of one batch, ours and the reference's, before anything is said about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from weightscope.kernels.short_floats import dtype_name
from weightscope.model.structure import as_outputs, flatten
from weightscope.replaying.replay import Replay
from weightscope.replaying.trace import Trace
from weightscope.verdict.budgets import Budgets
from weightscope.verdict.gaps import RTOL, gap, gap_in_budget


class Chained:
    """Our chained Trace, held against what the reference gives as it comes: ``gaps``, ``{path: Gap}``.

    ``layers``: ``{path: layer}`` of the calls that are judged; ``replayed``: a function that returns the Trace, called
    again where the reference begins anew. What was compared is let go of, so that what is kept of the reference can
    take its place in memory. ``trace``: the Trace without the calls' values.
    """

    def __init__(self, layers, replayed, tolerance):
        self._layers, self._replayed, self._tolerance = layers, replayed, tolerance
        self._rounding, coarse = {}, None
        for path, layer in layers.items():
            self._rounding[path] = coarse = shortest(layer.with_parts(), (), coarse)
        self._begin()

    def _begin(self):
        trace = self._replayed()
        self.trace, self._values = trace.without_values(), dict(trace)
        self.gaps, self._likes, self._dtype = {}, {}, None

    def compare(self, path, leaves):
        """Compare the outputs of a call of the reference, a list with None for those that are not known."""
        if path in self._likes:
            self._begin()
        if path in self._values:
            ours = flatten(self._values.pop(path))
            self._likes[path] = [(leaf.shape, leaf.dtype) for leaf in ours]
            if path in self._layers:
                self.gaps[path] = gap(ours, self._aligned(path, leaves), self._tolerance_of(path, leaves))

    def _tolerance_of(self, path, leaves):
        self._dtype = shortest((), leaves, self._dtype)
        through = shortest((), (), self._dtype, self._rounding[path])
        return replace(self._tolerance.for_layer(path), through=through)

    def aligned(self, theirs):
        """Return a Trace of the reference as ours is: None for outputs that only we have, doubles in our own floats."""
        return Trace({path: as_outputs(self._aligned(path, flatten(outputs))) for path, outputs in theirs.items()})

    def fitting(self, theirs):
        """Return the part of a Trace that can take the place of ours: values of the shapes that ours have."""
        return {path: outputs for path, outputs in theirs.items() if self._fits(path, flatten(outputs))}

    def _aligned(self, path, leaves):
        likes = self._likes.get(path, [])
        leaves = leaves + [None] * (len(likes) - len(leaves))
        return [in_our_float(leaf, dtype) for leaf, (_, dtype) in zip(leaves, likes)] + leaves[len(likes):]

    def _fits(self, path, leaves):
        likes = self._likes.get(path)
        return likes is None or [getattr(leaf, "shape", None) for leaf in leaves] == [shape for shape, _ in likes]


def in_our_float(theirs, ours):
    """Return an array of the reference's, or None; in our dtype, if it has doubles: a port may compute in them."""
    double = theirs is not None and theirs.dtype == np.float64 and ours.kind == "f"
    return theirs.astype(ours, copy=False) if double else theirs


@dataclass
class Sides:
    """What both sides said of one batch.

    ``chained``: our Trace, of which no values are needed; ``gaps``: a Gap for each of its calls; ``theirs``: the
    reference's; ``isolated``: ours again, each call fed with values ``given``, a Trace, or a Replay where the twin is
    gone through beside it. ``fed``: the paths of the calls that could be fed so, None for all. With ``budgets``,
    ``isolated`` is in float64, and ``dtypes`` says the shortest dtype of each call. ``twin``: yields
    ``(path, outputs)`` of the reference's calls in float64, each fed as ours and lasting until the next, or None.
    ``rounded``: a function that returns our isolated Trace in the model's own dtypes; ``exactly``: one that returns the
    Budgets of just what the calls were fed with, where those at hand were found on our chained values. ``kept``: what
    was kept of the twin, ``missed``: of ``isolated``, where something missed.
    """

    chained: Trace
    gaps: dict
    isolated: Trace | Replay
    theirs: dict
    given: dict = field(default_factory=dict)
    fed: set | None = None
    budgets: Budgets | None = None
    dtypes: dict = field(default_factory=dict)
    twin: Iterable | None = None
    rounded: Callable = dict
    exactly: Callable | None = None
    kept: dict = field(default_factory=dict)
    missed: dict = field(default_factory=dict)

    def rule(self, path, in_float64=False):
        """Return the function of a call's outputs, ours in float64 and theirs, to the Gap that judges them."""
        budget = self.budgets[path]
        if in_float64:
            return partial(gap_in_budget, budget=budget, dtype=budget.finest, coarse=budget.finest != "float64")
        return partial(gap_in_budget, budget=budget, dtype=self.dtypes.get(path), coarse=True)

    def deployed_rule(self, path, tolerance):
        """Return ``rule``, or a plain tolerance where one is given or no budget is known."""
        known = not tolerance.is_given and self.budgets is not None and path in self.budgets
        return self.rule(path) if known else partial(gap, tolerance=replace(tolerance, through=None))

    def finest_judge(self, path, tolerance):
        """Return ``(dtype, outputs, rule)``: of what was kept in float64 where something was, else as deployed."""
        if path in self.kept and not tolerance.is_given:
            return self.budgets[path].finest, self.kept[path], self.rule(path, in_float64=True)
        theirs = self.theirs[path]
        return shortest((), theirs, self.dtypes.get(path)), theirs, self.deployed_rule(path, tolerance)

    def ours(self):
        """Yield ``(path, outputs)`` of our isolated calls, as they are made."""
        for path, outputs in self.isolated.items():
            if self.fed is None or path in self.fed:
                yield path, outputs


def shortest(layers, outputs, *dtypes):
    """Return the dtype of the least precision that values come through in layers and their outputs, and ``dtypes``."""
    arrays = [array for array in flatten(outputs) if array is not None]
    found = [*dtypes, *(layer.rounds_to for layer in layers), *(dtype_name(array.dtype) for array in arrays)]
    return max([name for name in found if name in RTOL], key=RTOL.get, default=None)
