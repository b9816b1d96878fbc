"""How far apart two outputs are, and whether that is within what is allowed: a tolerance, or a budget for rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.kernels.short_floats import dtype_name, to_bfloat16
from weightscope.model.names import is_named
from weightscope.model.structure import flatten
from weightscope.verdict.budget import PARTS, TINY, coarsest, finite

if TYPE_CHECKING:
    from weightscope.model.arrays import Array

CHAOTIC = 0.5  # of an output's largest number, moved by rounding: then what predict gives proves nothing
AT_ONCE = 2**16  # values that are compared at a time, so that they stay in cache

# Where no budget for rounding is known: |ours - theirs| <= atol + rtol * |theirs|; atol is a share of the largest value
# of the output, for a sum of large terms that cancel carries their rounding. By the dtype of the reference's output,
# or a shorter one on the way to it.
RTOL = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1, "to int8": 1e-1, "to float8": 2e-1}
ATOL_OF_LARGEST = {
    "float64": 1e-11, "float32": 1e-5, "float16": 5e-3, "bfloat16": 2e-2, "to int8": 2e-2, "to float8": 5e-2}


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may be apart: ``|ours - theirs| <= atol + rtol * |theirs|``, as ``numpy.isclose`` has it.

    ``rtol``, ``atol``: None stands for the default of the dtype, ``gaps.RTOL`` and ``gaps.ATOL_OF_LARGEST``.
    ``through`` is the shortest dtype that the values came through: a float32 made of float16 is no better than those.
    ``layers``: ``(name, rtol, atol)`` of layers with a tolerance of their own; a name may be a path, or a pattern.
    """

    rtol: float | None = None
    atol: float | None = None
    through: str | None = None
    layers: tuple[tuple[str, float | None, float | None], ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether the caller's numbers take the place of the budgets for rounding."""
        return self.rtol is not None or self.atol is not None

    def for_layer(self, path: str) -> Tolerance:
        """Return the Tolerance of the call at ``path``: that of the last name or pattern that fits it, or this one."""
        found = self.of_layer(path)
        return Tolerance(*found[1:]) if found else self

    def of_layer(self, path: str) -> tuple[str, float | None, float | None] | None:
        """Return the last ``(name, rtol, atol)`` of ``layers`` that fits the call at ``path``, None where none does."""
        found = [own for own in self.layers if is_named(path, own[0])]
        return found[-1] if found else None

    def allowed(self, theirs: Array) -> tuple[Any, Any]:
        """Return a function to how far ours may be from ``theirs``, of a slice and of the sizes of the values in it."""
        rtol, atol = self.of(theirs) if theirs.dtype.kind in "fiub" else (0.0, 0.0)

        def within(_part, size):
            found = finite(size) * rtol
            found += atol
            return found

        return within, None

    def of(self, theirs: Array) -> tuple[float, float]:
        """Return ``(rtol, atol)`` for an output of the reference, the array ``theirs``."""
        dtype, through = dtype_name(theirs.dtype), self.through or ""
        if dtype in RTOL and RTOL.get(through, 0.0) > RTOL[dtype]:
            dtype = through
        rtol = RTOL.get(dtype, 0.0) if self.rtol is None else self.rtol
        if self.atol is not None:
            return rtol, self.atol
        return rtol, ATOL_OF_LARGEST.get(dtype, 0.0) * _largest(theirs)


@dataclass(frozen=True)
class Gap:
    """How far one output of ours, NumPy's, is from the reference's, Keras'.

    ``absolute``, ``relative``: the largest differences; ``index``: where the tolerance is missed by most, with the
    values ``ours`` and ``theirs`` there; ``within``: whether every number is within what is allowed; ``of_limit``: the
    largest share of that; ``ulps``: the difference there in units in the last place of the reference's dtype, the
    largest where several outputs are seen as one; ``values``: how many were compared; ``edges``: how many
    differ because the function jumps there; ``budgeted``: whether a budget for rounding says what is allowed, and no
    tolerance; ``problem``: why they cannot be compared, where they cannot (other shapes); ``of_largest``: the largest
    difference as a share of the reference's largest number; ``overflows``: how many numbers are finite in ours and not
    in the reference's; ``dtype``: the shortest that its values came through, where a budget is for one;
    ``not_finite``: how many numbers are NaN or infinite in ours or theirs; ``passes``: where a tolerance that was given
    is missed, ``(rtol, atol)``: the least rtol with which its atol would do, and the least atol beside its rtol;
    ``span``: by how much rounding can move this output of ``predict``, as a share of the reference's largest number,
    where that had to be asked.

    The budget of a value is 4 · √k · u · magnitude: standard error analysis (Higham, 2002, chapter 3), and Higham and
    Mary (2019, doi.org/10.1137/18M1226312) for the square root; ``weightscope.verdict.budgets`` says what these are.
    """

    absolute: float
    relative: float
    index: tuple[int, ...]
    ours: float
    theirs: float
    within: bool
    values: int
    of_limit: float = 0.0
    ulps: float = 0.0
    edges: int = 0
    budgeted: bool = False
    problem: str = ""
    of_largest: float = 0.0
    overflows: int = 0
    dtype: str = ""
    not_finite: int = 0
    passes: tuple[float, float] = (0.0, 0.0)
    span: float = 0.0

    @property
    def finite(self) -> int:
        """How many numbers were compared that are neither NaN nor infinite."""
        return self.values - self.not_finite

    @property
    def is_chaotic(self) -> bool:
        """Whether rounding can make of this output almost any other, so that it proves nothing."""
        return not self.span < CHAOTIC


def gap(ours, theirs, tolerance):
    """Return the Gap between two outputs: arrays, or equal structures of arrays (the worst of them).

    None among ``theirs`` is an output that the reference does not give.
    """
    found = _gap(ours, theirs, lambda _index, array: tolerance.allowed(array))
    if found is None or found.within or found.problem or not tolerance.is_given:
        return found
    pairs = [(np.asarray(one), np.asarray(other)) for one, other in zip(flatten(ours), flatten(theirs))
             if other is not None]
    return replace(found, passes=_most([_passing(one, other, *tolerance.of(other)) for one, other in pairs
                                        if other.dtype.kind in "fiub"]))


def _passing(ours, theirs, rtol, atol):
    """Return the least rtol beside this atol, and the least atol beside this rtol, with which two arrays agree."""
    with np.errstate(all="ignore"):
        a, b = _alike(ours, theirs)
        distance, size = np.abs(a - b).astype("float64"), np.abs(b).astype("float64")
        distance = _told_apart(distance, same_numbers(a, b))
        share = np.where(distance <= atol, 0, np.where(size > 0, (distance - atol) / size, np.inf))
        return float(share.max(initial=0)), float((distance - rtol * finite(size)).max(initial=0))


def _most(pairs):
    return (max((rtol for rtol, _ in pairs), default=0.0), max((atol for _, atol in pairs), default=0.0))


def gap_in_budget(ours, theirs, budget, dtype=None, coarse=False):
    """Return the Gap between outputs of ours in float64 and the reference's, judged by a ``budget.Budget``.

    ``dtype``: the shortest that the reference's values came through, where that is shorter than their own.
    """
    def through(array):
        return coarsest([PARTS.get(array.dtype.name, dtype_name(array.dtype)), dtype or ""])

    found = _gap(ours, theirs, lambda index, array: budget.allowed(through(array), index, array.shape, coarse))
    dtypes = [through(array) for array in flatten(theirs) if array is not None]
    return found and replace(found, budgeted=True, dtype=coarsest(dtypes))


def gap_in_span(ours, theirs, tolerance, span):
    """Return the Gap between two arrays that may differ by a ``tolerance``, and by what an array ``span`` has more."""
    within, _ = tolerance.allowed(theirs)
    spans = span.reshape(-1)
    return _gap(ours, theirs, lambda _index, _array: (lambda part, size: within(part, size) + spans[part], None))


def _gap(ours, theirs, allowed):
    ours, theirs = flatten(ours), flatten(theirs)
    if len(ours) != len(theirs):
        return _no_gap(f"{len(ours)} outputs against {len(theirs)}")
    found = []
    for index, (one, other) in enumerate(zip(ours, theirs)):
        if other is not None:
            one, other = np.asarray(one), np.asarray(other)
            found.append(_no_gap(f"shape {one.shape} against {other.shape}") if one.shape != other.shape
                         else _pair_gap(one, other, *allowed(index, other)))
    return worst_gap(found)


def _pair_gap(ours, theirs, allowed, jump):
    if theirs.dtype.kind != "c":
        return _array_gap(ours, theirs, allowed, jump)
    pairs = (ours.real, theirs.real), (ours.imag, theirs.imag)
    return worst_gap([_array_gap(*pair, allowed, jump) for pair in pairs])


def _array_gap(ours, theirs, allowed, jump):
    """``allowed``: a function of a slice of the values, flat, and of the sizes of the reference's; ``jump``: flat."""
    if not ours.size:
        return Gap(0.0, 0.0, (), 0.0, 0.0, True, 0)
    if ours.dtype.kind in "SUO" or theirs.dtype.kind in "SUO":
        return _text_gap(ours.astype(str), theirs.astype(str))
    shape, one, other = ours.shape, ours.reshape(-1), theirs.reshape(-1)
    parts = [slice(start, start + AT_ONCE) for start in range(0, one.size, AT_ONCE)]
    with np.errstate(all="ignore"):
        found = [_part_gap(one[part], other[part], lambda size, part=part: allowed(part, size),
                           None if jump is None else jump[part]) for part in parts]
    largest = max(range(len(found)), key=lambda i: found[i].of_limit)
    place = found[largest].index[0] + parts[largest].start
    worst = worst_gap(found)
    return replace(worst, ulps=found[largest].ulps, index=tuple(int(i) for i in np.unravel_index(place, shape)),
                   of_largest=worst.absolute / max(_largest(other), TINY) if worst.absolute else 0.0)


def _part_gap(ours, theirs, allowed, jump):
    a, b = _alike(ours, theirs)
    distance = a - b
    np.abs(distance, out=distance)
    largest = distance.max()
    if not largest > 0 and not np.isnan(largest):
        return Gap(0.0, 0.0, (0,), float(a[0]), float(b[0]), True, a.size)
    overflows = not_finite = 0
    if not np.isfinite(largest):  # NaN and infinities agree by kind and place
        not_finite = int((~np.isfinite(a) | ~np.isfinite(b)).sum())
        overflows = int((np.isfinite(ours) & ~np.isfinite(b)).sum())
        distance = _told_apart(distance, same_numbers(a, b) | _past_the_end(a, b, theirs.dtype, allowed))
    size = np.abs(b)
    used = allowed(size)
    used += np.finfo(used.dtype).tiny
    np.divide(distance, used, out=used)
    if not np.isfinite(largest):  # nor has every value a budget
        used = np.where(distance == 0, 0, np.where(np.isnan(used), np.inf, used))
    edges = 0
    if jump is not None and used.max() > 1:
        on_edge = (used > 1) & (distance <= 2 * jump)
        edges, used = int(on_edge.sum()), np.where(on_edge, 0, used)
    worst = int(np.argmax(used))
    farthest = float(largest if np.isfinite(largest) else distance.max())
    return Gap(farthest, _relative(distance, size), (worst,), float(a[worst]), float(b[worst]),
               bool(used[worst] <= 1), a.size, float(used[worst]), _ulps(distance[worst], theirs[worst]), edges,
               overflows=overflows, not_finite=not_finite)


def same_numbers(a, b):
    """Tell where two arrays have the same number, or both NaN."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _told_apart(distance, same):
    """Return distances, 0 where numbers are the ``same``, infinity where one of them is NaN."""
    return np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))


def _past_the_end(a, b, dtype, allowed):
    """Tell where one side is infinite, and the other so near the end of a dtype that rounding takes it there."""
    if dtype.kind != "f":
        return np.zeros(a.shape, bool)
    size = np.where(np.isinf(b), np.abs(a), np.abs(b))
    reaches = size + allowed(size) > np.finfo(np.float32 if dtype.itemsize == 4 else dtype).max
    return reaches & (np.isinf(a) != np.isinf(b)) & (np.sign(a) == np.sign(b))


def _alike(ours, theirs):
    """Return both in a float that their difference is taken in: the reference's, where that is one of NumPy's."""
    if theirs.dtype.kind == "f" and theirs.dtype.itemsize >= 4 and ours.dtype.kind == "f":
        short = dtype_name(theirs.dtype) == "bfloat16" and ours.dtype == np.float64
        return to_bfloat16(ours) if short else ours.astype(theirs.dtype, copy=False), theirs
    return _in_dtype_of(theirs, ours).astype("float64"), theirs.astype("float64")


def _relative(distance, size):
    """Return the largest distance in multiples of the size, where that is not zero."""
    tiny = np.finfo(size.dtype).tiny
    shares = size + tiny
    found = float(np.divide(distance, shares, out=shares).max())
    if found < 1 / math.sqrt(tiny):
        return found
    found = np.where(size > 0, distance / size, 0)
    return float(np.where(np.isnan(found), np.inf, found).max())


def _in_dtype_of(theirs, ours):
    """Return ours, where they are in float64 and the reference's in half a float32, rounded to that."""
    return ours.astype(theirs.dtype) if ours.dtype == np.float64 and theirs.dtype.kind == "f" else ours


def _ulps(distance, value):
    """Return a distance in units in the last place of a value; those of bfloat16 are 2¹⁶ of float32's."""
    if value.dtype.kind != "f" or not distance:
        return 0.0
    unit = float(np.spacing(np.abs(value))) * (2.0**16 if dtype_name(value.dtype) == "bfloat16" else 1)
    return float(distance / unit) if math.isfinite(unit) else math.inf


def _text_gap(ours, theirs):
    other = ours != theirs
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(other)), other.shape))
    return Gap(float(other.any()), float(other.any()), index, math.nan, math.nan, not other.any(), ours.size,
               math.inf if other.any() else 0.0)


def _no_gap(problem):
    return Gap(math.inf, math.inf, (), math.nan, math.nan, False, 0, math.inf, problem=problem)


def _largest(array):
    ends = [float(end) for end in (array.max(initial=0), array.min(initial=0))]
    if not all(map(math.isfinite, ends)):
        ends = np.abs(array[np.isfinite(array)]).max(initial=0),
    return float(max(map(abs, ends)))


def worst_gap(gaps):
    """Return the worst of several gaps, counting all their values; None where there is none."""
    gaps = [found for found in gaps if found is not None]
    if not gaps:
        return None
    worst = max(gaps, key=lambda found: found.of_limit)
    return replace(worst, values=sum(found.values for found in gaps), edges=sum(found.edges for found in gaps),
                   ulps=max(found.ulps for found in gaps), overflows=sum(found.overflows for found in gaps),
                   of_largest=max(found.of_largest for found in gaps),
                   absolute=max(found.absolute for found in gaps), relative=max(found.relative for found in gaps),
                   not_finite=sum(found.not_finite for found in gaps), passes=_most([found.passes for found in gaps]))
