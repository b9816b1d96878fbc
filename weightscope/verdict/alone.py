"""Each call alone, fed with what fed the reference: in float64 on both sides, and as it is deployed."""

import numpy as np

from weightscope.errors import NoTwin
from weightscope.model.structure import flatten, map_structure
from weightscope.replaying.cores import in_parallel
from weightscope.verdict.sides import shortest

AHEAD = 2**28  # bytes of our values that wait for the reference's


def judged_alone(sides, twin=None, keep=False):
    """Return an Alone: every call of ours, fed with what the reference was fed with, held against the reference's.

    ``twin``: yields ``(path, outputs)`` of the reference's calls in float64, each fed as ours and lasting until the
    next; None where it has none, or is not asked. ``keep``: keep its values of all calls, not only of those that miss
    something.
    """
    found = Alone(sides)
    with sides.ours.in_float64():
        replay = sides.ours.alone(sides.given)
        if twin is None:
            found.by_themselves(replay.trace().items())
        else:
            _InStep(found, replay.calls(), sides.asked).judge(twin, keep)
    found.missing = replay.missing
    if sides.budgets is not None and found.missed:
        sides.budgets = sides.ours.exact_budgets(sides.given)
        found.again()
    return found


class Alone:
    """What the calls alone are worth.

    ``function``: ``{path: Gap}`` of both sides in float64; ``deployed``: of the reference's own dtypes against our
    float64; ``missing``: ``{path: reason}`` of calls that cannot be replayed; ``kept``: what was kept of the twin,
    ``missed``: of ours, where something missed.
    """

    def __init__(self, sides):
        self._sides, self.function, self.deployed = sides, {}, {}
        self.missing, self.kept, self.missed = {}, {}, {}

    def is_asked(self, path):
        """Tell whether a call is to be judged: one that computes, and that the reference fed."""
        return path in self._sides.asked and path in self._sides.fed

    def by_themselves(self, calls):
        """Judge the calls as deployed, and nothing else."""
        in_parallel(self.judge_deployed, [call for call in calls if self.is_asked(call[0])])

    def judge_deployed(self, call):
        """Judge ``(path, outputs)`` of ours against what the reference gives in its own dtypes."""
        path, ours = call
        if path in self._sides.theirs:
            rule = self._sides.deployed_rule(path, self._sides.asked[path])
            self.deployed[path] = rule(ours, self._sides.theirs[path])
        if not self._is_well(path):
            self.missed[path] = ours

    def judge_in_float64(self, path, ours, theirs, keep):
        """Judge a call of ours against the twin's, which is kept if something missed, or in any case."""
        if path in self._sides.budgets:
            self.function[path] = self._sides.rule(path, in_float64=True)(ours, theirs)
        if not self._is_well(path):
            self.missed[path] = ours
        if keep or path in self.missed:
            self.kept[path] = map_structure(np.array, theirs)

    def no_twin(self):
        """Forget what a twin said that gave up on the way."""
        self.function.clear()
        self.kept.clear()

    def again(self):
        """Judge once more what missed something."""
        for path, ours in list(self.missed.items()):
            self.judge_deployed((path, ours))
            if path in self.kept:
                self.function[path] = self._sides.rule(path, in_float64=True)(ours, self.kept[path])

    def _is_well(self, path):
        known = self._sides.budgets is None or path in self._sides.budgets
        return known and all(found.get(path) is None or found[path].within for found in (self.deployed, self.function))

    def finest_judge(self, path, tolerance):
        """Return ``(dtype, outputs, rule)``: of what was kept in float64 where something was, else as deployed."""
        sides = self._sides
        if path in self.kept and not tolerance.is_given:
            return sides.budgets[path].finest, self.kept[path], sides.rule(path, in_float64=True)
        theirs = sides.theirs[path]
        return shortest((), theirs, sides.ours.dtypes.get(path)), theirs, sides.deployed_rule(path, tolerance)


class _InStep:
    """Our calls, each judged as it is made, and again when the reference's twin has made it."""

    def __init__(self, alone, calls, tolerances):
        self._alone, self._calls, self._tolerances, self._waiting = alone, calls, tolerances, {}

    def judge(self, twin, keep):
        """Judge the calls as they are made on both sides; ``keep``: what the twin says of all of them."""
        self._go_ahead()  # while the reference is still at something else
        try:
            for path, theirs in twin:
                ours = self._take(path)
                if ours is not None and not self._tolerances[path].is_given:
                    self._alone.judge_in_float64(path, ours, theirs, keep)
        except NoTwin:
            self._alone.no_twin()
        while self._make() is not None:
            self._waiting.clear()

    def _make(self):
        """Make and judge the next call, and return its path; None behind the last."""
        for path, outputs in self._calls:
            if self._alone.is_asked(path):
                self._alone.judge_deployed((path, outputs))
                self._waiting[path] = outputs
                return path
        return None

    def _go_ahead(self):
        size = 0
        while size < AHEAD:
            path = self._make()
            if path is None:
                return
            size += sum(leaf.nbytes for leaf in flatten(self._waiting[path]))

    def _take(self, path):
        """Return our outputs of a call, made now or waiting; None where there are none, or where they were taken."""
        while path not in self._waiting and self._alone.is_asked(path) and path not in self._alone.deployed:
            if self._make() is None:
                break
        return self._waiting.pop(path, None)
