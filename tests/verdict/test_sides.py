"""Our chained values, held against those of the reference as they come."""

import weakref

import numpy as np
import pytest

from weightscope.layers.core_dense import Dense
from weightscope.replaying.trace import Trace
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.sides import Chained

LAYERS = {"one": Dense({"name": "one", "units": 2}, "one"), "two": Dense({"name": "two", "units": 2}, "two")}


def ours():
    trace = Trace({"one": np.array([[1.0, 2.0]], "float32"), "two": np.array([[3.0, 5.0]], "float32")},
                  missing={"three": "no formula"})
    trace.output = trace["two"]
    return trace


@pytest.fixture
def chained():
    return Chained(LAYERS, ours, Tolerance())


def test_each_call_is_compared_as_it_comes(chained):
    chained.compare("one", [np.array([[1.0, 2.5]], "float32")])
    assert chained.gaps["one"].absolute == 0.5 and list(chained.gaps) == ["one"]
    assert chained.trace.missing == {"three": "no formula"} and chained.trace.output.tolist() == [[3.0, 5.0]]


def test_what_was_compared_is_let_go():
    traces = [ours()]
    held = weakref.ref(traces[0]["one"])
    chained = Chained(LAYERS, traces.pop, Tolerance())
    assert held() is not None
    chained.compare("one", [np.zeros((1, 2), "float32")])
    assert held() is None


def test_a_reference_that_begins_anew_is_compared_anew(chained):
    chained.compare("one", [np.array([[1.0, 2.5]], "float32")])
    chained.compare("two", [np.array([[3.0, 6.0]], "float32")])
    chained.compare("one", [np.array([[1.0, 2.25]], "float32")])
    assert list(chained.gaps) == ["one"] and chained.gaps["one"].absolute == 0.25
    chained.compare("two", [np.array([[3.0, 5.0]], "float32")])
    assert chained.gaps["two"].absolute == 0


def test_values_of_another_shape_take_no_place_of_ours(chained):
    theirs = {"one": np.zeros((1, 2)), "two": np.zeros((1, 3)), "unknown": np.zeros(4)}
    for path, outputs in theirs.items():
        chained.compare(path, [outputs])
    assert set(chained.fitting(theirs)) == {"one", "unknown"}
    assert "shape" in chained.gaps["two"].problem


def test_doubles_of_a_port_are_seen_in_our_float(chained):
    theirs = {"one": np.array([[1.0, 2.0 + 1e-12]]), "two": None}
    chained.compare("one", [theirs["one"]])
    assert chained.gaps["one"].absolute == 0
    aligned = chained.aligned(theirs)
    assert aligned["one"].dtype == "float32"
