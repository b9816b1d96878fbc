"""Both sides of one batch, chained: what we give, held against what the reference gives as it comes."""

from dataclasses import replace
from functools import cached_property, partial

import numpy as np

from weightscope.kernels.short_floats import dtype_name
from weightscope.model.structure import as_outputs, flatten
from weightscope.replaying.trace import Trace
from weightscope.verdict.fitting import fitted
from weightscope.verdict.gaps import RTOL, gap, gap_in_budget


def held_together(ours, calls, tolerance, forgiving=False):
    """Return the Sides of a batch: an ``Ours``, and the calls of the reference, ``(path, arrays)`` one by one.

    ``forgiving``: whether arrays of the reference may have another layout than ours.
    """
    sides = Sides(ours, tolerance, forgiving)
    for path, leaves in calls:
        sides.take(path, leaves)
    return sides


class Sides:
    """What both sides say of one batch.

    ``ours``: our side. ``gaps``: ``{path: Gap}`` of our chained values. ``theirs``: the reference's Trace; ``given``:
    the part of it that can take the place of ours. ``asked``: ``{path: Tolerance}`` of the calls that are judged.
    ``budgets``: of every call, or None. ``read_as``: ``{path: words}`` of calls whose arrays had another layout;
    ``unlike``: of those with none that is ours, which are not compared.
    """

    def __init__(self, ours, tolerance, forgiving=False):
        self.ours, self.budgets, self._forgiving = ours, ours.budgets, forgiving
        self.read_as, self.unlike = {}, {}
        layers = dict(ours.model.calls())
        self.asked = {path: tolerance.for_layer(path) for path in layers}
        self._rounding, coarse = {}, None
        for path, layer in layers.items():
            self._rounding[path] = coarse = shortest(layer.with_parts(), (), coarse)
        self._begin()

    def _begin(self):
        self.gaps, self.theirs, self.given, self._dtype = {}, Trace(), {}, None

    def take(self, path, leaves):
        """Take the outputs of a call of the reference, a list with None for those that are not known.

        Our values are let go of, so that what is kept of the reference can take their place in memory. Where the
        reference begins anew, so do we.
        """
        if path in self.theirs:
            self.ours.begin()
            self._begin()
        ours = flatten(self.ours.trace.pop(path)) if path in self.ours.trace else []
        if ours and self._forgiving and not self._is_comparable(path, leaves, ours):
            return
        dtypes, fits = [leaf.dtype for leaf in ours], not ours or _shapes(leaves) == _shapes(ours)
        if ours and path in self.asked:
            self.gaps[path] = gap(ours, _aligned(leaves, dtypes), self._chained_tolerance(path, leaves))
        del ours
        leaves = [leaf if leaf is None else np.array(leaf) for leaf in leaves]
        if fits:
            self.given[path] = as_outputs(leaves)
        self.theirs[path] = as_outputs(_aligned(leaves, dtypes))

    def _is_comparable(self, path, leaves, ours):
        """Tell whether what is recorded of a call has as many values as ours; in place, in our layout."""
        for index, (leaf, own) in enumerate(zip(leaves, ours)):
            if leaf is not None and leaf.shape != own.shape:
                leaves[index], words = fitted(leaf, own)
                if words:
                    (self.unlike if leaves[index] is None else self.read_as)[path] = words
        return path not in self.unlike

    def _chained_tolerance(self, path, leaves):
        self._dtype = shortest((), leaves, self._dtype)
        through = shortest((), (), self._dtype, self._rounding[path])
        return replace(self.asked[path], through=through)

    @cached_property
    def fed(self):
        """The paths of the calls all of whose tensors the reference gives."""
        return {path for path, by in self.ours.model.feeders() if all(other in self.given for other in by)}

    def rule(self, path, in_float64=False):
        """Return the function of a call's outputs, ours in float64 and theirs, to the Gap that judges them."""
        budget = self.budgets[path]
        if in_float64:
            return partial(gap_in_budget, budget=budget, dtype=budget.finest, coarse=budget.finest != "float64")
        return partial(gap_in_budget, budget=budget, dtype=self.ours.dtypes.get(path), coarse=True)

    def deployed_rule(self, path, tolerance):
        """Return ``rule``, or a plain tolerance where one is given or no budget is known."""
        known = not tolerance.is_given and self.budgets is not None and path in self.budgets
        return self.rule(path) if known else partial(gap, tolerance=replace(tolerance, through=None))


def _aligned(theirs, dtypes):
    """Return the reference's outputs as ours are: None for those that only we have, doubles in our own floats."""
    theirs = theirs + [None] * (len(dtypes) - len(theirs))
    return [in_our_float(leaf, dtype) for leaf, dtype in zip(theirs, dtypes)] + theirs[len(dtypes):]


def _shapes(leaves):
    return [getattr(leaf, "shape", None) for leaf in leaves]


def in_our_float(theirs, ours):
    """Return an array of the reference's, or None; in our dtype, if it has doubles: a port may compute in them."""
    double = theirs is not None and theirs.dtype == np.float64 and ours.kind == "f"
    return theirs.astype(ours, copy=False) if double else theirs


def shortest(layers, outputs, *dtypes):
    """Return the dtype of the least precision that values come through in layers and their outputs, and ``dtypes``."""
    arrays = [array for array in flatten(outputs) if array is not None]
    found = [*dtypes, *(layer.rounds_to for layer in layers), *(dtype_name(array.dtype) for array in arrays)]
    return max([name for name in found if name in RTOL], key=RTOL.get, default=None)
