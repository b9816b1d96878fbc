"""Two traces in, one Comparison out: the verdict as data. Prints nothing."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from weightscope.kernels.short_floats import dtype_name
from weightscope.layers.models import Model
from weightscope.layers.structure import flatten

# |ours - theirs| <= atol + rtol * |theirs|; atol is a share of the largest value of the output, for a sum of large
# terms that cancel carries their rounding. By the dtype of the reference's output, or a shorter one on the way to it.
RTOL = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1, "to int8": 1e-1, "to float8": 2e-1}
ATOL_OF_LARGEST = {
    "float64": 1e-11, "float32": 1e-5, "float16": 5e-3, "bfloat16": 2e-2, "to int8": 2e-2, "to float8": 5e-2}

ONLY_CHAINED = "what it was fed is not recorded, so the difference may come from before it"


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may be apart: None stands for the default of the dtype.

    ``through`` is the shortest dtype that the values came through: a float32 made of float16 is no better than those.
    """

    rtol: float | None = None
    atol: float | None = None
    through: str | None = None

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
    values ``ours`` and ``theirs`` there; ``within``: whether every number is within the tolerance; ``values``: how
    many were compared; ``problem``: why they cannot be, where they cannot (other shapes).
    """

    absolute: float
    relative: float
    index: tuple[int, ...]
    ours: float
    theirs: float
    within: bool
    values: int
    excess: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class Difference:
    """One row: one call of one layer.

    ``chained``: ours fed by ours; ``isolated``: each layer fed with what the reference fed it; None where one side has
    no value. ``verdict``: agrees, diverges (its own fault), inherited (only the input was off), not replayed, or not
    compared (the reference shows no value here).
    """

    path: str
    class_name: str
    shape: object
    chained: Gap | None
    isolated: Gap | None
    verdict: str
    reason: str = ""


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
    ours, theirs = flatten(ours), flatten(theirs)
    if len(ours) != len(theirs):
        return _no_gap(f"{len(ours)} outputs against {len(theirs)}")
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, theirs) if b is not None]
    return worst_gap([_array_gap(a, b, tolerance) for a, b in pairs])


def _array_gap(ours, theirs, tolerance):
    if ours.shape != theirs.shape:
        return _no_gap(f"shape {ours.shape} against {theirs.shape}")
    if not ours.size:
        return Gap(0.0, 0.0, (), 0.0, 0.0, True, 0)
    if ours.dtype.kind in "SUO" or theirs.dtype.kind in "SUO":
        return _text_gap(ours.astype(str), theirs.astype(str))
    rtol, atol = tolerance.of(theirs)
    a, b = ours.astype("float64"), theirs.astype("float64")
    with np.errstate(all="ignore"):
        distance = np.abs(a - b)
        size = np.abs(b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))  # NaN and infinities agree by kind and place
        distance = np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))
        allowed = atol + rtol * np.where(np.isfinite(size), size, 0.0)
        excess = np.where(distance > 0, distance / np.where(allowed > 0, allowed, np.finfo("float64").tiny), 0.0)
        relative = np.where(distance > 0, distance / np.where(size > 0, size, np.inf), 0.0)
    worst = np.unravel_index(int(np.argmax(excess)), excess.shape)
    relative = np.where(np.isnan(relative), np.inf, relative)
    return Gap(float(distance.max()), float(relative.max()), tuple(int(i) for i in worst), float(a[worst]),
               float(b[worst]), bool(excess[worst] <= 1), ours.size, float(excess[worst]))


def _text_gap(ours, theirs):
    other = ours != theirs
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(other)), other.shape))
    return Gap(float(other.any()), float(other.any()), index, math.nan, math.nan, not other.any(), ours.size,
               math.inf if other.any() else 0.0)


def _no_gap(problem):
    return Gap(math.inf, math.inf, (), math.nan, math.nan, False, 0, math.inf, problem)


def _largest(array):
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else np.abs(array)
    return float(finite.max(initial=0))


def traces(model, ours, isolated, theirs, tolerance):
    """Return a list of Difference, one for each call: ours chained and isolated against theirs.

    ``ours``: a Trace fed by itself; ``isolated``: one whose layers were fed with the reference's values; ``theirs``:
    the reference's. Input layers, and nested models as a whole, have no row: their layers have.
    """
    shapes, rows, dtype = model.shapes(), [], None
    for path, layer in calls(model):
        dtype = shortest(layer.with_parts(), theirs.get(path, ()), dtype)
        verdict = _verdict(path, ours, isolated, theirs, tolerance, replace(tolerance, through=dtype))
        rows.append(Difference(path, layer.class_name, shapes.get(path), *verdict))
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


def _verdict(path, ours, isolated, theirs, tolerance, through):
    """Return (chained, isolated, verdict, reason) of one call."""
    if path not in theirs:
        return None, None, "not compared", isolated.missing.get(path, "")
    alone = gap(isolated[path], theirs[path], tolerance) if path in isolated else None
    chained = gap(ours[path], theirs[path], through) if path in ours else None
    if alone is None and (chained is None or path in isolated.missing):
        return None, None, "not replayed", isolated.missing.get(path) or ours.missing.get(path, "")
    if alone is None:
        return chained, None, *(("agrees", "") if chained.within else ("diverges", ONLY_CHAINED))
    verdict = "diverges" if not alone.within else "inherited" if chained and not chained.within else "agrees"
    return chained, alone, verdict, ""


def joined(parts):
    """Return the rows of several batches as one list: in each row the worst gap of all batches."""
    return [_joined_row(rows) for rows in zip(*parts)]


def _joined_row(rows):
    order = ("agrees", "inherited", "not compared", "not replayed", "diverges")
    worst = max(rows, key=lambda row: order.index(row.verdict))
    return replace(worst, chained=worst_gap([row.chained for row in rows]),
                   isolated=worst_gap([row.isolated for row in rows]))


def worst_gap(gaps):
    """Return the worst of several gaps, counting all their values; None where there is none."""
    gaps = [found for found in gaps if found is not None]
    if not gaps:
        return None
    worst = max(gaps, key=lambda found: found.excess)
    return replace(worst, values=sum(found.values for found in gaps),
                   absolute=max(found.absolute for found in gaps), relative=max(found.relative for found in gaps))
