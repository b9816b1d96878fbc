"""A check of the check: weights, inputs and settings are changed on our side, one by one; would the verdict notice?"""

from dataclasses import dataclass, field

import numpy as np

from weightscope.model.structure import flatten, map_structure
from weightscope.model.weight import named
from weightscope.replaying.replay import calls_of
from weightscope.verdict.budgets import SIGNS
from weightscope.verdict.causes import mistaken
from weightscope.verdict.gaps import RTOL, same_numbers
from weightscope.verdict.mistakes import mistakes, part_of, put

SAMPLED = 4  # values of each weight that are changed by themselves: the largest, and some of all sizes
COARSE = 0.5  # a change of everything, where finer ones move nothing
NUDGE = 2.0**-20  # a change of everything that a layer is given, or of a whole weight
FINEST = 2.0**-50  # the smallest change of a number in float64 that is sure to be another number
STEPS = 8.0  # between the changes of one value that are tried
MOST_RUNS, MOST_VALUES = 128, 2**22  # along an axis, in search of what nothing depends on


@dataclass
class Trial:
    """What became of the changes that were made to one call of a layer.

    ``dtype``: of the question that was asked of them: float64, or the one that the layer is deployed in, None where
    that is no float. ``made``: how many changes moved an output by more than ``gaps.RTOL`` of its largest value (text
    and whole numbers at all), which the verdict has to notice; ``missed``: the words for those that it did not.
    ``smallest``: for each weight the smallest relative change of one of its values that is noticed, ``(least, most)``
    over the values that were tried; ``unused``: the weights, or parts of them, that nothing depends on with this input;
    ``untried``: why no change was made at all, "" where one was, and for a layer that gives the same whatever it is
    fed.
    """

    path: str
    class_name: str
    dtype: str | None
    made: int = 0
    missed: list[str] = field(default_factory=list)
    smallest: dict[str, tuple[float, float]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    untried: str = ""

    @property
    def finest(self) -> tuple[str, float] | None:
        """``(weight, change)``: where the smallest change of one value is noticed; None where nothing was tried."""
        least = {name: change for name, (change, _) in self.smallest.items()}
        return min(least.items(), key=lambda entry: entry[1], default=None)


def trials_of(rows, sides, alone):
    """Return a Trial for each call of a batch that agrees when it is judged alone."""
    judges = {row.path: alone.finest_judge(row.path, sides.asked[row.path]) for row in rows
              if row.verdict == "agrees" and row.own is not None}
    calls = calls_of(sides.ours.model, sides.ours.batch, sides.given, judges)
    with sides.ours.in_float64(), np.errstate(all="ignore"):
        return [_Trying(path, *call, *judges[path]).trial() for path, call in calls]


class _Trying:
    """One call of a layer, to be changed in every way."""

    def __init__(self, path, layer, given, dtype, theirs, rule):
        self._layer, self._given, self._theirs, self._rule = layer, given, theirs, rule
        self._right = layer.run(*given)[0]
        self._found = Trial(path, layer.class_name, dtype)
        self._rng = np.random.default_rng(0)

    def trial(self):
        """Make all changes, and return what was found."""
        for words, change in self._inputs():
            self._outcome(words, change)
        for words, change in mistakes(self._layer):
            self._outcome(words, change)
        for index, part in enumerate(self._layer.with_parts()):
            for name, array in part.arrays().items():
                place = _Place(index, part, name)
                if array.size and array.dtype.kind == "f":
                    self._weight(place, array)
                elif array.size and array.dtype.kind in "iu":
                    self._outcome(f"{place.name} changed by 1", place.put(_next(array)))
        if not self._found.made:
            self._found.untried = self._coarsely()
        return self._found

    def _coarsely(self):
        """Make large changes of the inputs, where no small one shows; return why none was made, "" if one was.

        What gives the same numbers whatever it is fed, and has no weight that moves them, is all checked as it is.
        """
        floats = [leaf for leaf in map(np.asarray, flatten(self._right)) if leaf.dtype.kind in "fc"]
        if floats and not any(np.isfinite(leaf).any() for leaf in floats):
            return "all that it gives is NaN or infinite"
        for leaf in self._arrays():
            for words, other in self._coarse(leaf):
                self._outcome(words, self._with_input(leaf, other))
        moved = not self._found.made and any(
            self._moves(_Place(index, part, name).put(self._shaken(array, COARSE)))
            for index, part in enumerate(self._layer.with_parts())
            for name, array in part.arrays().items() if array.size and array.dtype.kind == "f")
        return "with this input no change moves what it gives" if moved else ""

    def _coarse(self, leaf):
        yield "its input in reverse", leaf.reshape(-1)[::-1].reshape(leaf.shape)
        if leaf.dtype.kind in "fiub":
            yield "its input all 0", np.zeros_like(leaf)
        if leaf.dtype.kind == "b":
            yield "its input inverted", ~leaf
        if leaf.dtype.kind == "f":
            yield "its input with the other sign", -leaf
            yield f"its input changed by {COARSE:g}", self._shaken(leaf, COARSE)
            yield from ((f"its input times {factor:g}", leaf * leaf.dtype.type(factor)) for factor in (1e3, 1e6))
        if leaf.dtype.kind in "SU":
            yield "its input without text", np.full_like(leaf, "")

    def _moves(self, change):
        ours = mistaken(self._layer, self._given, change)
        return ours is not None and _moved(ours, self._right) > 0

    def _outcome(self, words, change):
        """Make one change; note whether it must be noticed, and whether it is."""
        ours = mistaken(self._layer, self._given, change)
        if ours is None or not _moved(ours, self._right) > RTOL.get(self._found.dtype, 0.0):
            return
        gap = self._rule(ours, self._theirs)
        if gap.within and gap.edges:
            return
        self._found.made += 1
        self._found.missed += [words] if gap.within else []

    def _arrays(self):
        return [leaf for leaf in flatten(self._given[:2]) if isinstance(leaf, np.ndarray) and leaf.size]

    def _inputs(self):
        """Yield ``(words, change)`` for every array that the layer is given."""
        arrays = self._arrays()
        for index, leaf in enumerate(arrays):
            name = f"input {index}" if len(arrays) > 1 else "its input"
            if leaf.dtype.kind == "f":
                yield f"{name} changed by {self._nudge():.0e}", self._with_input(leaf, self._shaken(leaf))
            elif leaf.dtype.kind in "iu":
                yield from ((f"{name} changed by {step}", self._with_input(leaf, leaf + leaf.dtype.type(step)))
                            for step in (1, -1) if step > 0 or leaf.min() > 0)

    def _with_input(self, leaf, other):
        def change(copied, _given):
            run = copied.run
            copied.run = lambda args, kwargs, *masks: run(*map_structure(
                lambda one: other if one is leaf else one, [args, kwargs]), *masks)
        return change

    def _nudge(self):
        return max(NUDGE, min(100 * RTOL.get(self._found.dtype, 0.0), 0.5))

    def _shaken(self, array, size=None):
        largest = np.abs(array[np.isfinite(array)]).max(initial=0) or 1.0
        size = (size or self._nudge()) * np.where(array == 0, largest, np.abs(array))
        return array + np.where(np.isfinite(size), size, 0) * np.resize(SIGNS, array.shape)

    def _weight(self, place, array):
        """Change one weight as a whole, and some of its values."""
        shaken = self._shaken(array)
        self._outcome(f"{place.name} changed by {self._nudge():.0e}", place.put(shaken))
        unused = self._unused(place, array)
        self._found.unused += [f"{place.name}{told}" for told in unused]
        if "" in unused:
            return
        found = [self._smallest(place, array, index) for index in self._sampled(array)]
        found = [change for change in found if change is not None]
        if found:
            self._found.smallest[place.name] = min(found), max(found)

    def _sampled(self, array):
        order = np.argsort(np.abs(array), axis=None)
        places = {int(order[-1]), *(int(order[i]) for i in self._rng.integers(0, array.size, SAMPLED - 1))}
        return [tuple(map(int, np.unravel_index(place, array.shape))) for place in sorted(places)]

    def _smallest(self, place, array, index):
        """Return the smallest relative change of one value that is noticed, to a factor of ``STEPS``; None if none."""
        size = abs(array[index]) or np.abs(array).max() or 1.0
        moved = self._with(place, array, index, NUDGE * size)
        if moved is None or not _moved(moved, self._right):
            return None
        used = self._rule(moved, self._theirs).of_limit
        change = min(max(2 * NUDGE / used, FINEST), 1.0) if used else 1.0
        while change <= 1:
            if not self._rule(self._with(place, array, index, change * size), self._theirs).within:
                return float(change)
            change *= STEPS
        return None

    def _with(self, place, array, index, amount):
        changed = array.copy()
        changed[index] += amount
        return mistaken(self._layer, self._given, place.put(changed))

    def _unused(self, place, array):
        """Return words for what nothing depends on: "" the whole, else slices of it along each axis."""
        shaken = self._shaken(array, NUDGE)
        if not self._depends(place, array, shaken, ...):
            return [""]
        runs = min(MOST_RUNS, MOST_VALUES // max(array.size + sum(np.size(y) for y in flatten(self._right)), 1))
        told = []
        for axis, size in enumerate(array.shape):
            word = (place.weight.axis_words() or [""] * array.ndim)[axis] if place.weight is not None else ""
            count, whole = _found_unused(
                lambda part, axis=axis: self._depends(
                    place, array, shaken, (slice(None),) * axis + (part,)), size, runs)
            if count:
                told.append(f": {'' if whole else 'at least '}{count} of {size} along {named(word)[0] or word or axis}")
        return told

    def _depends(self, place, array, shaken, part):
        changed = array.copy()
        changed[part] = shaken[part]
        ours = mistaken(self._layer, self._given, place.put(changed))
        return ours is None or _moved(ours, self._right) > 0


class _Place:
    """A weight of a part of a layer, by where it is in every copy of the layer."""

    def __init__(self, index, part, key):
        self._index, self._key, self.weight = index, key, part.weights.get(key)
        self.name = f"{part.name}/{key}" if index else key

    def put(self, array):
        """Return the change that puts an array in the weight's place."""
        return lambda copied, _given: put(part_of(copied, self._index), **{self._key: lambda _: array})


def _next(array):
    """Return whole numbers, each changed by 1 and no further than its dtype goes."""
    return np.where(array < np.iinfo(array.dtype).max, array + array.dtype.type(1), array - array.dtype.type(1))


def _found_unused(depends, size, runs):
    """Return how many slots along an axis nothing depends on, by halving, and whether all were looked at."""
    todo, count = [(0, size)], 0
    while todo and runs > 0:
        start, stop = todo.pop()
        runs -= 1
        if not depends(slice(start, stop)):
            count += stop - start
        elif stop - start > 1:
            middle = (start + stop) // 2
            todo += [(start, middle), (middle, stop)]
    return count, not todo


def _moved(ours, right):
    """Return by how much outputs are moved, relative to the largest value: infinitely where another thing comes out."""
    found = [0.0]
    for a, b in zip(map(np.asarray, flatten(ours)), map(np.asarray, flatten(right))):
        if a.shape != b.shape or a.dtype.kind not in "fciub":
            found.append(0.0 if a.shape == b.shape and (a == b).all() else np.inf)
            continue
        moved = np.where(same_numbers(a, b), 0.0, np.abs(a * 1.0 - b * 1.0))
        largest = np.abs(b[np.isfinite(b)]).max(initial=0)
        most = float(np.nan_to_num(moved, nan=np.inf).max(initial=0))
        found.append(most / float(largest) if largest else np.inf if most else 0.0)
    return max(found)
