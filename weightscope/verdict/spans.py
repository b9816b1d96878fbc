"""How far rounding can move what a model gives: the budget of each call, carried on through the layers behind it."""

from itertools import count

import numpy as np

from weightscope.model.structure import flatten, map_structure
from weightscope.replaying.replay import replay
from weightscope.replaying.samples import concatenate
from weightscope.verdict import float64
from weightscope.verdict.budgets import Budgets, Dtypes

RUNS = 4  # in each of which all calls are moved at once, up or down by chance


def moved_outputs(model, batches):
    """Return ``(exact, spans)``: flat lists of the outputs in float64, and of how far rounding can move them.

    ``batches``: those of the inputs, flat lists, in their order. A span is an array as its output is. Raises
    NotReplayable where a layer does not take what is moved.
    """
    found, states = [], [{} for _ in range(RUNS + 1)]
    for batch in batches:
        budgets, dtypes = Budgets(), Dtypes(float64.own_dtypes(model))
        with float64.in_float64(model):
            exact = replay(model, batch, states=states[0], call=budgets).output
            others = [replay(model, batch, states=states[run], call=_Moved(budgets, dtypes, run)).output
                      for run in range(1, RUNS + 1)]
        found.append((exact, [_distance(exact, other) for other in others]))
    exact = flatten(concatenate([own for own, _ in found]))
    runs = [flatten(concatenate([distances[run] for _, distances in found])) for run in range(RUNS)]
    return exact, [np.maximum.reduce(leaves) for leaves in zip(*runs)]


class _Moved:
    """Calls layers, and moves what they give by all that rounding may do, each number up or down by chance."""

    def __init__(self, budgets, dtypes, seed):
        self._budgets, self._dtypes, self._random = budgets, dtypes, np.random.default_rng(seed)

    def __call__(self, path, layer, given):
        outputs, masks = layer.run(*given)
        budget, places = self._budgets.get(path), count()
        if budget is None or not budget.terms:
            return outputs, masks
        dtype = self._dtypes.of_call(layer, given)
        return map_structure(lambda leaf: self._moved(leaf, budget, next(places), dtype), outputs), masks

    def _moved(self, leaf, budget, index, dtype):
        if leaf.dtype.kind != "f":
            return leaf
        within, _ = budget.allowed(dtype, index, leaf.shape, coarse=True)
        size = np.abs(leaf, dtype="float64")
        amount = within(slice(None), size.reshape(-1)).reshape(leaf.shape)
        amount = np.where(np.isfinite(amount), amount, size)
        return leaf + amount * self._random.choice((-1.0, 1.0), leaf.shape)


def _distance(exact, other):
    with np.errstate(all="ignore"):
        return [np.abs(a - b) if a.dtype.kind in "fc" else np.zeros(a.shape)
                for a, b in zip(flatten(exact), flatten(other))]
