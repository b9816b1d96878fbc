"""Two traces in, one Comparison out: the verdict as data. Prints nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np

from weightscope.kernels.short_floats import dtype_name, to_bfloat16
from weightscope.layers.models import Model
from weightscope.layers.structure import flatten
from weightscope.rounding import PARTS, UNITS, Budgets

# Where no budget for rounding is known: |ours - theirs| <= atol + rtol * |theirs|; atol is a share of the largest value
# of the output, for a sum of large terms that cancel carries their rounding. By the dtype of the reference's output,
# or a shorter one on the way to it.
RTOL = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1, "to int8": 1e-1, "to float8": 2e-1}
ATOL_OF_LARGEST = {
    "float64": 1e-11, "float32": 1e-5, "float16": 5e-3, "bfloat16": 2e-2, "to int8": 2e-2, "to float8": 5e-2}

ONLY_CHAINED = "what it was fed is not recorded, so the difference may come from before it"


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may be apart: None stands for the default of the dtype.

    ``through`` is the shortest dtype that the values came through: a float32 made of float16 is no better than those.
    ``layers``: ``(name, rtol, atol)`` of layers with a tolerance of their own; a name may be a path, or a pattern.
    """

    rtol: float | None = None
    atol: float | None = None
    through: str | None = None
    layers: tuple = ()

    @property
    def is_given(self):
        """Whether the caller's numbers take the place of the budgets for rounding."""
        return self.rtol is not None or self.atol is not None

    def for_layer(self, path):
        """Return the Tolerance of one call: that of the last name or pattern which fits it, else this one."""
        names = (path, path.rpartition("/")[2].partition("#")[0])
        found = [own for own in self.layers if any(name == own[0] or fnmatchcase(name, own[0]) for name in names)]
        return Tolerance(*found[-1][1:]) if found else self

    def allowed(self, theirs):
        """Return how far each value may be from one of the reference's, and 0 for how far the function may jump."""
        if theirs.dtype.kind not in "fiub":
            return np.zeros(theirs.shape), 0.0
        rtol, atol = self.of(theirs)
        size = np.abs(theirs.astype("float64"))
        return atol + rtol * np.where(np.isfinite(size), size, 0.0), 0.0

    def of(self, theirs):
        """Return ``(rtol, atol)`` for an output of the reference."""
        dtype = dtype_name(theirs.dtype)
        if dtype in RTOL and RTOL.get(self.through, 0.0) > RTOL[dtype]:
            dtype = self.through
        rtol = RTOL.get(dtype, 0.0) if self.rtol is None else self.rtol
        if self.atol is not None:
            return rtol, self.atol
        return rtol, ATOL_OF_LARGEST.get(dtype, 0.0) * _largest(theirs)


@dataclass(frozen=True)
class Gap:
    """How far one output of ours is from the reference's.

    ``absolute``, ``relative``: the largest differences; ``index``: where the tolerance is missed by most, with the
    values ``ours`` and ``theirs`` there; ``within``: whether every number is within what is allowed; ``used``: the
    largest share of that; ``ulps``: the largest difference in units in the last place of the reference's dtype;
    ``values``: how many were compared; ``edges``: how many differ because the function jumps there; ``budgeted``:
    whether a budget for rounding says what is allowed, and no tolerance; ``problem``: why they cannot be compared,
    where they cannot (other shapes).
    """

    absolute: float
    relative: float
    index: tuple[int, ...]
    ours: float
    theirs: float
    within: bool
    values: int
    used: float = 0.0
    ulps: float = 0.0
    edges: int = 0
    budgeted: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Difference:
    """One row: one call of one layer.

    ``function``: both sides in float64, each layer fed with what the reference fed it: is it the same function?
    ``isolated``: so fed too, the reference in the model's own dtypes; ``chained``: ours fed by ours; None where one
    side has no value. ``causes``: known mistakes with which the layer gives the other side's values.
    ``verdict``: agrees, diverges (its own fault), inherited (only the input was off), not replayed,
    or not compared (the reference shows no value here).
    """

    path: str
    class_name: str
    shape: object
    chained: Gap | None
    isolated: Gap | None
    verdict: str
    reason: str = ""
    function: Gap | None = None
    causes: tuple[str, ...] = ()

    @property
    def fault(self):
        """The Gap that the verdict is about."""
        missed = [found for found in (self.function, self.isolated) if found is not None and not found.within]
        return missed[0] if missed and self.verdict == "diverges" else self.chained


@dataclass
class Sides:
    """What both sides said of one batch.

    ``chained``, ``isolated``: our Traces; ``theirs``: the reference's. With ``budgets``, ``isolated`` is in float64,
    and ``dtypes`` says the shortest dtype of each call; ``rounded``: a function that returns our isolated Trace in the
    model's own dtypes. ``twin``: our Trace and the reference's, both in float64, or None.
    """

    chained: dict
    isolated: dict
    theirs: dict
    budgets: Budgets | None = None
    dtypes: dict = field(default_factory=dict)
    twin: tuple | None = None
    rounded: Callable = dict


@dataclass
class Comparison:
    """What a check found. True when every layer, and the output, agrees and something was checked.

    ``rows``: a Difference for each call, in call order; ``outputs``: a Gap for each output of the model, ours against
    the reference's own ``predict``; ``samples``: how many samples were run; ``partial``: the reference offers some
    values only, so that calls it has none for are no gap in the check.
    """

    rows: list[Difference]
    outputs: list[Gap]
    samples: int
    tolerance: Tolerance
    reference: str = "Keras"
    notes: list[str] = field(default_factory=list)
    partial: bool = False
    no_twin: str = ""

    def __bool__(self):
        return self.verdict == "agrees"

    @property
    def verdict(self):
        """agrees; diverges; or unchecked, where nothing, or not every layer, could be compared."""
        if self.first is not None or not all(gap.within for gap in self.outputs):
            return "diverges"
        enough = ("agrees", "not compared") if self.partial else ("agrees",)
        complete = all(row.verdict in enough for row in self.rows)
        checked = sum(gap.values for gap in self.outputs)
        if self.partial:
            checked += sum(row.chained.values for row in self.compared if row.chained)
        return "agrees" if complete and checked and self.rows else "unchecked"

    @property
    def same_function(self):
        """Whether every layer that both sides ran in float64 is the same function; None where nothing was asked."""
        asked = [row.function.within for row in self.rows if row.function is not None]
        return all(asked) if asked else None

    @property
    def compared(self):
        """The rows that both sides have a value for."""
        return [row for row in self.rows if row.verdict not in ("not compared", "not replayed")]

    @property
    def first(self):
        """The first row that diverges by itself, else the first whose inherited difference is too large, or None."""
        for verdict in ("diverges", "inherited"):
            found = next((row for row in self.rows if row.verdict == verdict), None)
            if found is not None:
                return found
        return None

    @property
    def exit_code(self):
        """0 agrees, 1 diverges, 3 not enough was checked."""
        return {"agrees": 0, "diverges": 1, "unchecked": 3}[self.verdict]


def gap(ours, theirs, tolerance):
    """Return the Gap between two outputs: arrays, or equal structures of arrays (the worst of them).

    None among ``theirs`` is an output that the reference does not give.
    """
    return _gap(ours, theirs, lambda _index, _ours, array: tolerance.allowed(array))


def gap_in_budget(ours, theirs, budget, dtype=None, coarse=False):
    """Return the Gap between outputs of ours in float64 and the reference's, judged by a ``rounding.Budget``.

    ``dtype``: the shortest that the reference's values came through, where that is shorter than their own.
    """
    def allowed(index, array, given):
        names = PARTS.get(given.dtype.name, dtype_name(given.dtype)), dtype or ""
        name = max(names, key=lambda name: UNITS.get(name, 0.0))
        own = budget.of(name, index, coarse) if index < len(budget.magnitude) else np.zeros(())
        jump = budget.jump[index] if index < len(budget.jump) else np.zeros(())
        return (own, jump) if own.shape == array.shape else (np.zeros(array.shape), np.zeros(array.shape))

    found = _gap(ours, theirs, allowed)
    return found and replace(found, budgeted=True)


def _gap(ours, theirs, allowed):
    ours, theirs = flatten(ours), flatten(theirs)
    if len(ours) != len(theirs):
        return _no_gap(f"{len(ours)} outputs against {len(theirs)}")
    found = []
    for index, (one, other) in enumerate(zip(ours, theirs)):
        if other is not None:
            one, other = np.asarray(one), np.asarray(other)
            found.append(_no_gap(f"shape {one.shape} against {other.shape}") if one.shape != other.shape
                         else _pair_gap(one, other, *allowed(index, one, other)))
    return worst_gap(found)


def _pair_gap(ours, theirs, allowed, jump):
    if theirs.dtype.kind != "c":
        return _array_gap(ours, theirs, allowed, jump)
    pairs = (ours.real, theirs.real), (ours.imag, theirs.imag)
    return worst_gap([_array_gap(*pair, allowed, jump) for pair in pairs])


def _array_gap(ours, theirs, allowed, jump):
    if not ours.size:
        return Gap(0.0, 0.0, (), 0.0, 0.0, True, 0)
    if ours.dtype.kind in "SUO" or theirs.dtype.kind in "SUO":
        return _text_gap(ours.astype(str), theirs.astype(str))
    with np.errstate(all="ignore"):
        a, b = _in_dtype_of(theirs, ours).astype("float64"), theirs.astype("float64")
        distance, size = np.abs(a - b), np.abs(b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))  # NaN and infinities agree by kind and place
        distance = np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))
        used = np.where(distance > 0, distance / np.where(allowed > 0, allowed, np.finfo("float64").tiny), 0.0)
        edges = (used > 1) & (distance <= 2 * jump)
        used = np.where(edges, 0.0, used)
        relative = np.where(distance > 0, distance / np.where(size > 0, size, np.inf), 0.0)
    worst = np.unravel_index(int(np.argmax(used)), used.shape)
    relative = np.where(np.isnan(relative), np.inf, relative)
    return Gap(float(distance.max()), float(relative.max()), tuple(int(i) for i in worst), float(a[worst]),
               float(b[worst]), bool(used[worst] <= 1), ours.size, float(used[worst]),
               _ulps(distance, theirs), int(edges.sum()))


def _in_dtype_of(theirs, ours):
    """Return ours, where they are in float64 and the reference's in a shorter float, rounded to that."""
    if ours.dtype != np.float64 or theirs.dtype.kind != "f":
        return ours
    return to_bfloat16(ours) if dtype_name(theirs.dtype) == "bfloat16" else ours.astype(theirs.dtype)


def _ulps(distance, theirs):
    """Return the largest distance in units in the last place; those of bfloat16 are 2¹⁶ of float32's."""
    if theirs.dtype.kind != "f":
        return 0.0
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(theirs)).astype("float64") * (2.0**16 if dtype_name(theirs.dtype) == "bfloat16" else 1)
        found = np.where(distance > 0, distance / unit, 0.0)
    return float(np.max(np.where(np.isnan(found), np.inf, found)))


def _text_gap(ours, theirs):
    other = ours != theirs
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(other)), other.shape))
    return Gap(float(other.any()), float(other.any()), index, math.nan, math.nan, not other.any(), ours.size,
               math.inf if other.any() else 0.0)


def _no_gap(problem):
    return Gap(math.inf, math.inf, (), math.nan, math.nan, False, 0, math.inf, problem=problem)


def _largest(array):
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else np.abs(array)
    return float(finite.max(initial=0))


def traces(model, sides, tolerance):
    """Return a list of Difference, one for each call.

    Input layers, and nested models as a whole, have no row: their layers have.
    """
    shapes, rows, dtype = model.shapes(), [], None
    for path, layer in calls(model):
        dtype = shortest(layer.with_parts(), sides.theirs.get(path, ()), dtype)
        faulty = any(row.verdict == "diverges" for row in rows)
        rows.append(_row(path, sides, tolerance.for_layer(path), dtype, faulty))
        rows[-1] = replace(rows[-1], class_name=layer.class_name, shape=shapes.get(path))
    return rows


def shortest(layers, outputs, dtype=None):
    """Return the dtype of the least precision that values come through in layers and their outputs, and ``dtype``."""
    arrays = [array for array in flatten(outputs) if array is not None]
    found = [dtype, *(layer.rounds_to for layer in layers), *(dtype_name(array.dtype) for array in arrays)]
    return max([name for name in found if name in RTOL], key=RTOL.get, default=None)


def calls(model, prefix=""):
    """Yield ``(path, layer)`` of every call that computes something, nested models opened."""
    inputs = set(flatten(model.inputs))
    for node in model.nodes:
        if isinstance(node.layer, Model):
            yield from calls(node.layer, prefix + node.path + "/")
        elif node.path not in inputs:
            yield prefix + node.path, node.layer


def _row(path, sides, tolerance, dtype, faulty):
    """Return the Difference of one call; ``faulty``: whether a call before it diverges by its own fault."""
    missing = sides.isolated.missing.get(path, "")
    if path not in sides.theirs:
        return Difference(path, "", None, None, None, "not compared", missing)
    alone, function = _alone(path, sides, tolerance), _function(path, sides, tolerance)
    through = replace(tolerance, through=dtype)
    chained = gap(sides.chained[path], sides.theirs[path], through) if path in sides.chained else None
    if alone is None and (chained is None or missing):
        return Difference(path, "", None, None, None, "not replayed", missing or sides.chained.missing.get(path, ""))
    if alone is None:
        return Difference(path, "", None, chained, None, *(
            ("agrees", "") if chained.within else ("diverges", ONLY_CHAINED)))
    own = alone.within and (function is None or function.within)
    inherited = chained and not chained.within and (faulty or sides.budgets is None)
    verdict = "diverges" if not own else "inherited" if inherited else "agrees"
    return Difference(path, "", None, chained, alone, verdict, "", function)


def _alone(path, sides, tolerance):
    if path not in sides.isolated:
        return None
    ours, theirs = sides.isolated[path], sides.theirs[path]
    if tolerance.is_given or sides.budgets is None or path not in sides.budgets:
        return gap(ours, theirs, tolerance)
    found = gap_in_budget(ours, theirs, sides.budgets[path], sides.dtypes.get(path), coarse=True)
    rounded = None if found.within else sides.rounded().get(path)
    if rounded is None:
        return found
    # Some numbers are made to be lost: what is masked has -1e9 added to it. Computed in the same dtype, ours lose them.
    again = gap_in_budget(rounded, theirs, sides.budgets[path], sides.dtypes.get(path), coarse=True)
    return again if again.within else found


def _function(path, sides, tolerance):
    if sides.twin is None or tolerance.is_given:
        return None
    ours, theirs = sides.twin
    if path not in ours or path not in theirs:
        return None
    budget = sides.budgets[path]
    return gap_in_budget(ours[path], theirs[path], budget, budget.finest, coarse=budget.finest != "float64")


def joined(parts):
    """Return the rows of several batches as one list: in each row the worst gap of all batches."""
    return [_joined_row(rows) for rows in zip(*parts)]


def _joined_row(rows):
    order = ("agrees", "inherited", "not compared", "not replayed", "diverges")
    worst = max(rows, key=lambda row: order.index(row.verdict))
    return replace(worst, causes=next((row.causes for row in rows if row.causes), ()),
                   chained=worst_gap([row.chained for row in rows]),
                   isolated=worst_gap([row.isolated for row in rows]),
                   function=worst_gap([row.function for row in rows]))


def worst_gap(gaps):
    """Return the worst of several gaps, counting all their values; None where there is none."""
    gaps = [found for found in gaps if found is not None]
    if not gaps:
        return None
    worst = max(gaps, key=lambda found: found.used)
    return replace(worst, values=sum(found.values for found in gaps), edges=sum(found.edges for found in gaps),
                   ulps=max(found.ulps for found in gaps),
                   absolute=max(found.absolute for found in gaps), relative=max(found.relative for found in gaps))
