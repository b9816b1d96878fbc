"""What a port records in another layout is read in the layer's; what is no layout of it is not."""

import numpy as np
import pytest

from weightscope.verdict.fitting import fitted

OURS = np.random.default_rng(0).normal(size=(3, 6, 5, 4)).astype("float32")
STEPS = np.random.default_rng(1).normal(size=(3, 6, 4)).astype("float32")
ALIKE = np.random.default_rng(2).normal(size=(3, 4, 4, 4)).astype("float32")


@pytest.mark.parametrize(("ours", "theirs", "told"), [
    (OURS, OURS, ""),
    (OURS, OURS.reshape(3, 120), "recorded as (3, 120): read as (3, 6, 5, 4)"),
    (OURS, OURS.reshape(-1), ""),
    (OURS, OURS.transpose(0, 3, 1, 2), "recorded as (3, 4, 6, 5), channels first: read as (3, 6, 5, 4)"),
    (OURS, OURS.transpose(0, 3, 1, 2).reshape(3, 120), "recorded as (3, 120), channels first: read as (3, 6, 5, 4)"),
    (OURS[:1], OURS[0], "recorded as (6, 5, 4): read as (1, 6, 5, 4)"),
    (OURS[:1], OURS[0].transpose(2, 0, 1), "recorded as (4, 6, 5), channels first: read as (1, 6, 5, 4)"),
    (STEPS, STEPS.transpose(1, 0, 2), "recorded as (6, 3, 4), steps first: read as (3, 6, 4)"),
    (STEPS, STEPS.transpose(2, 0, 1), "recorded as (4, 3, 6), axes in the order (2, 0, 1): read as (3, 6, 4)"),
    (ALIKE, ALIKE.transpose(0, 2, 1, 3).reshape(3, 64),
     "recorded as (3, 64), axes in the order (0, 2, 1, 3): read as (3, 4, 4, 4)"),
])
@pytest.mark.parametrize("noise", [0, 1e-4])
def test_a_layout_is_known_by_its_values(ours, theirs, told, noise):
    found, words = fitted(theirs + np.float32(noise), ours)
    assert words == told
    np.testing.assert_array_equal(found, ours + np.float32(noise))


def test_where_no_order_comes_near_the_values_stay_in_theirs():
    other = np.random.default_rng(3).normal(size=(3, 120))
    found, words = fitted(other, OURS)
    np.testing.assert_array_equal(found.reshape(3, 120), other)
    assert words == "recorded as (3, 120): read as (3, 6, 5, 4)"
    turned = np.random.default_rng(3).normal(size=(3, 4, 6, 5))
    found, words = fitted(turned, OURS)
    np.testing.assert_array_equal(found, turned.transpose(0, 2, 3, 1))
    assert "channels first" in words


@pytest.mark.parametrize("shape", [(3, 119), (2, 6, 5, 4), (3, 6, 5, 4, 2), ()])
def test_what_has_other_counts_is_no_layout(shape):
    found, words = fitted(np.zeros(shape, "float32"), OURS)
    assert found is None
    assert str(shape) in words


@pytest.mark.parametrize("theirs", [np.full((3, 120), np.nan), np.zeros((3, 120)), np.full((3, 120), np.inf)])
def test_values_that_tell_nothing_are_only_reshaped(theirs):
    found, words = fitted(theirs, OURS)
    assert found.shape == OURS.shape
    assert "first" not in words and "order" not in words
