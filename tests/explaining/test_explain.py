"""Which number is explained, and by what: checked by hand on the sample models."""

from pathlib import Path

import numpy as np
import pytest

from weightscope.errors import NoSuchLayer, Unreadable
from weightscope.explaining.explain import Asked, explain
from weightscope.explaining.steps import Apply, Factor, Move, Pick, Sum
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

SAMPLES = Path(__file__).parents[2] / "sample_models"
XOR = load(SAMPLES / "xor_relu.h5")
X = np.load(SAMPLES / "xor_relu_input.npy")


def only(*arguments, **options):
    """Return the one Explanation that is asked for."""
    (_, found), = explain(*arguments, **options)
    return found


def test_a_dense_layer_is_a_sum_and_an_activation():
    found = only(XOR, X, "dense", sample=1, asked=Asked(unit=2))
    *_, summed, activated = found.steps
    kernel, bias = XOR["dense"].get_weights()
    assert summed.terms.tolist() == [0.0, float(kernel[1, 2])]  # 0 and 1 come in
    assert summed.more == [("bias[2]", float(bias[2]))]
    assert activated.means == "relu(z[2])"
    assert found.value == activated.value == replay(XOR, X)["dense"][1, 2].item()


def test_without_a_unit_it_is_the_largest_output():
    trace = replay(XOR, X)
    for sample in range(4):
        assert only(XOR, X, "dense", sample=sample).value == trace["dense"][sample].max()


def test_all_layers_come_in_their_order():
    assert [path for path, _ in explain(XOR, X)] == ["dense", "dense_1"]


@pytest.mark.parametrize("asked", [{"unit": 4}, {"unit": -5}, {"at": (0, 0)}, {"at": ()}], ids=str)
def test_a_number_that_is_not_there(asked):
    with pytest.raises(Unreadable, match="there is none at"):
        only(XOR, X, "dense", asked=Asked(**asked))


def test_a_sample_or_a_layer_that_is_not_there():
    with pytest.raises(Unreadable, match="the input has 4, counted from 0"):
        only(XOR, X, "dense", sample=4)
    with pytest.raises(NoSuchLayer, match="Did you mean dense"):
        only(XOR, X, "dens")


def test_a_step_that_does_not_give_its_number_says_so():
    factors = [Factor([1.0, 2.0], str), Factor([3.0, 4.0], str)]
    assert Sum("y", "", 11.0, factors).problem() is None
    assert "sum to 11.0, not 12.0" in Sum("y", "", 12.0, factors).problem()
    assert Sum("y", "", 12.0, factors, [("b", 1.0)]).problem() is None
    assert Sum("y", "", 5.5, factors, over=2).problem() is None
    assert Apply("y", "{0}²", [("x", 3.0)], 9.0, np.square).problem() is None
    assert "gives 9.0" in Apply("y", "{0}²", [("x", 3.0)], 8.0, np.square).problem()
    assert Pick("y", "", 2.0, [1.0, 2.0], str).problem() is None
    assert "not the largest" in Pick("y", "", 1.0, [1.0, 2.0], str).problem()
    assert Move("y", "x", 2.0, 2.0).problem() is None
    assert "x 3.0" in Move("y", "x", 2.0, 3.0).problem()


def test_a_sum_shows_its_largest_terms_first():
    factors = [Factor([1.0, -9.0, 3.0], lambda i: f"x[{i}]")]
    found = Sum("y", "", -5.0, factors)
    assert [found.label(term) for term in found.order()] == ["x[1]", "x[2]", "x[0]"]
