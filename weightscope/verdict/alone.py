"""Each call alone, fed with what fed the reference: in float64 on both sides, and as it is deployed."""

import numpy as np

from weightscope.errors import NoTwin
from weightscope.model.structure import flatten, map_structure
from weightscope.replaying.cores import in_parallel

AHEAD = 2**28  # bytes of our values that wait for the reference's


def judged(sides, asked, keep=False):
    """Return ``{path: (Gap in float64, Gap as deployed)}``, None where one side has no value.

    ``sides``: a ``sides.Sides``; ``asked``: ``{path: Tolerance}``; ``keep``: keep the reference's values in float64
    of all calls, not only of those that miss something.
    """
    judging = _Judging(sides, asked)
    if sides.twin is None:
        judging.by_themselves()
    else:
        judging.in_step(keep)
    if sides.exactly and sides.missed:
        sides.budgets, sides.exactly = sides.exactly(), None
        judging.again()
    return judging.found()


class _Judging:
    """Our calls, each judged as it is made, and again when the reference's twin has made it."""

    def __init__(self, sides, asked):
        self._sides, self._asked, self._made = sides, asked, iter(sides.ours())
        self._alone, self._function, self._waiting = {}, {}, {}

    def found(self):
        return {path: (self._function.get(path), self._alone.get(path)) for path in {**self._alone, **self._function}}

    def by_themselves(self):
        """Judge the calls as deployed, and nothing else."""
        in_parallel(self._as_deployed, [(path, outputs) for path, outputs in self._made if path in self._asked])

    def in_step(self, keep):
        """Judge the calls as they are made on both sides."""
        self._go_ahead()  # while the reference is still at something else
        try:
            for path, theirs in self._sides.twin:
                ours = self._take(path)
                if ours is not None and not self._asked[path].is_given:
                    self._in_float64(path, ours, theirs, keep)
        except NoTwin:
            self._function.clear()
            self._sides.kept.clear()
        while self._make() is not None:
            self._waiting.clear()

    def again(self):
        """Judge once more what missed something."""
        for path, ours in list(self._sides.missed.items()):
            self._as_deployed((path, ours))
            if path in self._sides.kept:
                self._function[path] = self._sides.rule(path, in_float64=True)(ours, self._sides.kept[path])

    def _as_deployed(self, call):
        path, ours = call
        sides = self._sides
        if path in sides.theirs:
            self._alone[path] = sides.deployed_rule(path, self._asked[path])(ours, sides.theirs[path])
        if not self._is_well(path):
            sides.missed[path] = ours

    def _in_float64(self, path, ours, theirs, keep):
        sides = self._sides
        if path in sides.budgets:
            self._function[path] = sides.rule(path, in_float64=True)(ours, theirs)
        if not self._is_well(path):
            sides.missed[path] = ours
        if keep or path in sides.missed:
            sides.kept[path] = map_structure(np.array, theirs)

    def _is_well(self, path):
        known = self._sides.budgets is None or path in self._sides.budgets
        return known and all(found.get(path) is None or found[path].within for found in (self._alone, self._function))

    def _make(self):
        """Make and judge the next call, and return its path; None behind the last."""
        for path, outputs in self._made:
            if path in self._asked:
                self._as_deployed((path, outputs))
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
        if path not in self._asked:
            return None
        while path not in self._waiting and path not in self._alone:
            if self._make() is None:
                break
        return self._waiting.pop(path, None)
