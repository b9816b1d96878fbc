"""What counts as agreement between two outputs, and what a Comparison says."""

import numpy as np
import pytest

from weightscope.kernels.short_floats import BFLOAT16
from weightscope.verdict.comparison import Comparison, Difference
from weightscope.verdict.gaps import Tolerance, gap, worst_gap
from weightscope.verdict.sides import shortest

EXACT = Tolerance(0.0, 0.0)


def test_the_worst_number_is_named_with_both_values():
    theirs = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    ours = theirs.copy()
    ours[1, 0] = 3.5
    found = gap(ours, theirs, Tolerance(rtol=1e-3, atol=0.0))
    assert (found.absolute, found.index, found.ours, found.theirs, found.within) == (0.5, (1, 0), 3.5, 3.0, False)
    assert found.relative == pytest.approx(0.5 / 3)
    assert found.values == 4


def test_within_is_absolute_plus_relative():
    theirs = np.array([100.0, 0.0])
    ours = np.array([100.9, 0.1])
    assert gap(ours, theirs, Tolerance(rtol=0.01, atol=0.1)).within
    assert not gap(ours, theirs, Tolerance(rtol=0.008, atol=0.09)).within


def test_nan_and_infinity_agree_by_kind_and_place():
    values = np.array([np.nan, np.inf, -np.inf, 1.0])
    assert gap(values, values.copy(), EXACT).within
    for other in ([np.inf, np.inf, -np.inf, 1.0], [np.nan, -np.inf, -np.inf, 1.0], [np.nan, np.inf, 0.0, 1.0]):
        found = gap(np.array(other), values, Tolerance(1.0, 1.0))
        assert not found.within
        assert found.absolute == np.inf


def test_an_infinity_agrees_with_what_rounding_takes_past_the_end():
    theirs = np.array([np.inf, 1.0], "float16")
    assert gap(np.array([65_000.0, 1.0]), theirs, Tolerance(0.02, 0.0)).within
    for other in (60_000.0, -65_000.0, np.nan):
        assert not gap(np.array([other, 1.0]), theirs, Tolerance(0.02, 0.0)).within


def test_default_tolerance_follows_the_dtype_and_the_largest_value():
    theirs = np.array([1000.0, 0.0], "float32")
    ours = theirs + np.array([0.0, 5e-3], "float32")
    assert gap(ours, theirs, Tolerance()).within
    assert not gap(ours.astype("float64"), theirs.astype("float64"), Tolerance()).within


def test_other_shapes_never_agree():
    found = gap(np.zeros((2, 3)), np.zeros((3, 2)), Tolerance(1e9, 1e9))
    assert not found.within
    assert "shape" in found.problem


def test_the_worst_of_several_counts_all_values():
    good, bad = gap([1.0], [1.0], EXACT), gap([1.0], [2.0], EXACT)
    worst = worst_gap([good, None, bad])
    assert (worst.absolute, worst.values, worst.within) == (1.0, 2, False)
    assert worst_gap([None]) is None


def _row(path, verdict):
    same = gap([1.0], [1.0], EXACT)
    return Difference(path, "Dense", (None, 1), same, same, verdict)


def test_verdicts():
    same, other = gap([1.0], [1.0], EXACT), gap([1.0], [2.0], EXACT)

    def verdict(rows, outputs):
        comparison = Comparison(rows, outputs, 1, EXACT)
        return comparison.verdict, comparison.exit_code, bool(comparison)

    assert verdict([_row("a", "agrees")], [same]) == ("agrees", 0, True)
    assert verdict([_row("a", "agrees")], [other]) == ("diverges", 1, False)
    assert verdict([_row("a", "inherited")], [same]) == ("diverges", 1, False)
    assert verdict([_row("a", "not replayed")], []) == ("unchecked", 3, False)
    assert verdict([], [same]) == ("unchecked", 3, False)
    assert verdict([], []) == ("unchecked", 3, False)


def test_first_prefers_the_layer_at_fault():
    rows = [_row("a", "agrees"), _row("b", "inherited"), _row("c", "diverges")]
    assert Comparison(rows, [], 1, EXACT).first.path == "c"
    assert Comparison(rows[:2], [], 1, EXACT).first.path == "b"
    assert Comparison(rows[:1], [], 1, EXACT).first is None


def test_a_float32_that_came_through_a_shorter_dtype_is_held_to_that_one():
    theirs = np.array([1.0, -2.0], "float32")
    ours = theirs * np.float32(1.01)
    assert not gap(ours, theirs, Tolerance()).within
    assert gap(ours, theirs, Tolerance(through="float16")).within
    assert not gap(ours, theirs, Tolerance(rtol=1e-3, atol=0.0, through="float16")).within
    assert not gap(np.array([3], "int8"), np.array([4], "int8"), Tolerance(through="to int8")).within


def test_bfloat16_is_told_from_float32():
    theirs = np.array([1.0, -2.0], "float32").view(BFLOAT16)
    assert gap(theirs.astype("float32") * np.float32(1.01), theirs, Tolerance()).within
    assert shortest([], [theirs, np.ones(2, "float16")]) == "bfloat16"
    assert shortest([], [theirs.astype("int8")]) is None
