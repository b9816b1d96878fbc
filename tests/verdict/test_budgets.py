"""Budgets for rounding: by hand, by their limits, and never exceeded by Keras on random layers of many scales."""

import math

import keras
import numpy as np
import pytest
from how_many import how_many
from random_budgets import verdicts

import weightscope
from weightscope.replaying.replay import replay
from weightscope.verdict import float64
from weightscope.verdict.budget import UNITS, Budget
from weightscope.verdict.budgets import Budgets

pytestmark = pytest.mark.keras
K = keras.layers


def budgets_of(folder, layers, x):
    """Return the Budgets of the calls of a Sequential on ``x``."""
    keras.Sequential([keras.Input(x.shape[1:]), *layers]).save(folder / "model.keras")
    model, found = weightscope.load(folder / "model.keras"), Budgets()
    with float64.in_float64(model):
        replay(model, x, call=found)
    return found


def test_a_sum_of_products_by_hand(tmp_path):
    x = np.array([[1.0, -2.0]], "float32")
    dense = K.Dense(1, name="dense")
    dense.build((None, 2))
    dense.set_weights([np.array([[3.0], [4.0]]), np.array([5.0])])
    found = budgets_of(tmp_path, [dense], x)["dense"]
    # |1| · |3| + |-2| · |4| + |5| = 16, and 3 - 8 + 5 = 0 comes out; two terms count as four, and 4/256 of a block
    assert found.magnitude[0].tolist() == [[16.0]]
    expected = 4 * math.sqrt(4 + 4 / 256) * 2.0**-24 * 16
    assert found.of("float32")[0, 0] == pytest.approx(expected)


def test_what_only_moves_values_has_none(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    found = budgets_of(tmp_path, [K.MaxPooling2D(name="pool"), K.ZeroPadding2D(name="pad"), K.Flatten(name="flat")], x)
    assert all(not found[name].of("float16").any() for name in ("pool", "pad", "flat"))


def test_a_budget_grows_with_the_unit_of_the_dtype():
    one = np.ones((1,))
    budget = Budget(100, [one], [one], [one])
    sizes = [budget.of(dtype)[0] for dtype in ("float64", "float32", "float16", "bfloat16")]
    assert sizes == sorted(sizes)
    assert sizes[1] / sizes[0] == pytest.approx(UNITS["float32"] / UNITS["float64"])
    assert not budget.of("int32").any()


def test_where_roundings_move_an_exponent_too_far_all_is_allowed():
    one = np.array([1.0, 1.0])
    budget = Budget(4, [one], [one], [], exponents=[np.array([1e3, 1e-3])])
    assert np.isinf(budget.of("bfloat16")).tolist() == [True, False]
    assert np.isfinite(budget.of("float64")).all()


# Of the last five, three have a mean of one value; in bfloat16, one has a softmax of numbers that it tells apart by 64,
# and one an exponential that it does not hold.
SEEDS = (*range(how_many(20, 300)), 118, 366, 598, 565, 847)


@pytest.mark.parametrize("seed", SEEDS)
def test_keras_stays_within_on_random_layers(seed, tmp_path):
    assert verdicts(seed, tmp_path) == ["agrees"]


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_xla_stays_within_on_random_layers(seed, tmp_path):
    assert verdicts(seed, tmp_path, jit=True) == ["agrees"]
