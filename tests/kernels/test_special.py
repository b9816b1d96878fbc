"""The error function against the C library's."""

import math

import numpy as np
import pytest

from weightscope.kernels.special import erf

POINTS = np.concatenate([np.linspace(-7, 7, 20_001), np.array([0.84375, 1.25, 1 / 0.35, 6.0, 30.0])])


@pytest.mark.parametrize(("dtype", "units"), [("float64", 1), ("float32", 6), ("float16", 1)])
def test_erf_is_within_a_few_units_in_the_last_place(dtype, units):
    x = POINTS.astype(dtype)
    exact = np.array([math.erf(value) for value in x.astype("float64")])
    ours = erf(x)
    assert ours.dtype == dtype
    assert np.max(np.abs(ours - exact) / np.spacing(np.abs(exact).astype(dtype)).astype("float64")) <= units


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_erf_of_the_extremes(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    before = x.copy()
    np.testing.assert_array_equal(erf(x), [0, 0, 1, -1, np.nan])
    assert np.signbit(erf(x)[1])
    np.testing.assert_array_equal(x, before)
