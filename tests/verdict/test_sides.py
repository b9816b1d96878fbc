"""Our chained values, held against those of the reference as they come."""

import json
import weakref

import numpy as np
import pytest

from weightscope.opening.load import build
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.ours import Ours
from weightscope.verdict.sides import Sides, held_together

X = np.array([[1.0, 2.0]], "float32")


@pytest.fixture
def sides():
    """Of a model that hands its input on through two layers, the second of which adds (0, 1)."""
    def layer(class_name, **config):
        return {"class_name": class_name, "module": "keras.layers", "config": config}

    layers = [layer("InputLayer", name="x", batch_shape=[None, 2]), layer("Identity", name="one"),
              layer("Rescaling", name="two", scale=1.0, offset=[0.0, 1.0])]
    config = {"class_name": "Sequential", "module": "keras", "config": {"name": "model", "layers": layers}}
    return Sides(Ours(build(json.loads(json.dumps(config))), [X]), Tolerance())


def test_each_call_is_compared_as_it_comes(sides):
    sides.take("one", [np.array([[1.0, 2.5]], "float32")])
    assert sides.gaps["one"].absolute == 0.5 and list(sides.gaps) == ["one"]
    assert sides.ours.trace.output.tolist() == [[1.0, 3.0]]


def test_the_calls_are_taken_one_by_one(sides):
    calls = iter([("one", [X]), ("two", [X])])
    found = held_together(sides.ours, calls, Tolerance())
    assert list(found.gaps) == list(found.theirs) == ["one", "two"] and next(calls, None) is None
    assert found.gaps["two"].absolute == 1 and found.fed == {"one", "two"}


def test_what_was_compared_is_let_go(sides):
    held = weakref.ref(sides.ours.trace["two"])
    sides.ours.trace.output = None
    assert held() is not None
    sides.take("two", [np.zeros((1, 2), "float32")])
    assert held() is None


def test_what_the_reference_gave_lasts(sides):
    lent = X.copy()
    sides.take("one", [lent])
    lent[:] = 0
    np.testing.assert_array_equal(sides.theirs["one"], X)
    np.testing.assert_array_equal(sides.given["one"], X)


def test_a_reference_that_begins_anew_is_compared_anew(sides):
    sides.take("one", [np.array([[1.0, 2.5]], "float32")])
    sides.take("two", [np.array([[3.0, 6.0]], "float32")])
    sides.take("one", [np.array([[1.0, 2.25]], "float32")])
    assert list(sides.gaps) == list(sides.theirs) == ["one"] and sides.gaps["one"].absolute == 0.25
    sides.take("two", [np.array([[1.0, 3.0]], "float32")])
    assert sides.gaps["two"].absolute == 0


def test_values_of_another_shape_take_no_place_of_ours(sides):
    theirs = {"one": np.zeros((1, 2)), "two": np.zeros((1, 3)), "unknown": np.zeros(4)}
    for path, outputs in theirs.items():
        sides.take(path, [outputs])
    assert set(sides.given) == {"one", "unknown"}
    assert "shape" in sides.gaps["two"].problem


def test_doubles_of_a_port_are_seen_in_our_float(sides):
    sides.take("one", [np.array([[1.0, 2.0 + 1e-12]])])
    assert sides.gaps["one"].absolute == 0
    assert sides.theirs["one"].dtype == "float32" and sides.given["one"].dtype == "float64"


def test_an_output_that_is_not_known_is_none(sides):
    sides.take("one", [None])
    assert sides.theirs["one"] is None and "one" not in sides.given
