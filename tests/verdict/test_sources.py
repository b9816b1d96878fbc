"""Where a total error comes from: what feeds each call, and what is born in it, comes in, or grows."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import weightscope
from weightscope.verdict.comparison import Difference
from weightscope.verdict.gaps import Tolerance, gap
from weightscope.verdict.sources import with_sources
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
K = keras.layers


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    """A model in which an inner one is called on what a shared layer gives."""
    path = tmp_path_factory.mktemp("nested") / "nested.keras"
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = K.Dense(4, name="shared")
    x = keras.Input((4,), name="x")
    inner = keras.Model(x, [K.Dense(3, name="one")(x), K.Dense(3, name="two")(x)], name="inner")
    one, two = inner(shared(a))
    sum_ = K.Add(name="sum")([one, two, shared(b)[:, :3]])
    keras.Model([a, b], K.Dense(1, name="last")(sum_)).save(path)
    return weightscope.load(path)


def test_what_feeds_each_call(nested):
    found = dict(nested.feeders())
    assert found["shared"] == found["shared#2"] == []
    assert found["inner/one"] == found["inner/two"] == ["shared"]
    assert set(found["sum"]) == {"inner/one", "inner/two", "get_item"}
    assert found["get_item"] == ["shared#2"]
    assert found["last"] == ["sum"]


def row(path, total, own):
    theirs = np.array([1.0, 0.5])
    def off(by):
        return gap(theirs + by, theirs, Tolerance(1.0, 1.0))
    return Difference(path, "Dense", (None, 2), off(total), off(own), "agrees")


def test_born_come_in_and_grown(nested):
    rows = [row("shared", 1e-6, 1e-6), row("shared#2", 0.0, 0.0), row("get_item", 0.0, 0.0),
            row("inner/one", 1e-6, 1e-9), row("inner/two", 5e-5, 0.0), row("sum", 6e-5, 4e-5), row("last", 2e-6, 0.0)]
    found = {row.path: row.source for row in with_sources(rows, nested.feeders())}
    assert found["shared"].kind == "born here" and found["shared"].factor == 0
    assert found["shared#2"] is found["get_item"] is None
    assert found["inner/one"].kind == "came in" and found["inner/one"].factor == pytest.approx(1)
    assert found["inner/two"].kind == "grew here" and found["inner/two"].factor == pytest.approx(50)
    assert found["sum"].kind == "born here"
    assert found["last"].kind == "came in" and found["last"].factor == pytest.approx(1 / 30)


def test_a_call_without_values_hands_on_what_fed_it(nested):
    rows = [replace(row("shared", 1e-6, 1e-6), total=None), row("shared#2", 1e-6, 0.0),
            replace(row("get_item", 0.0, 0.0), total=None, own=None), row("inner/one", 0.0, 0.0),
            row("inner/two", 0.0, 0.0), replace(row("sum", 1e-5, 0.0), own=None), row("last", 0.0, 0.0)]
    found = {row.path: row.source for row in with_sources(rows, nested.feeders())}
    assert found["shared"] is found["get_item"] is None
    assert found["sum"].kind == "grew here" and found["sum"].factor == pytest.approx(10)


def test_an_exponential_amplifies_what_it_inherits(tmp_path):
    model = keras.Sequential([keras.Input((500,)), K.Dense(8, name="sums"), K.Activation("exponential", name="powers")])
    x = np.random.default_rng(0).uniform(0.4, 0.6, (64, 500)).astype("float32")
    model.layers[0].set_weights([np.random.default_rng(1).uniform(0.19, 0.21, (500, 8)), np.zeros(8)])
    model.save(tmp_path / "model.keras")
    sums, powers = verify(weightscope.load(tmp_path / "model.keras"), x).rows
    assert sums.source.kind == "born here" and powers.source.kind == "grew here"
    assert 5 < powers.source.factor < 100  # exp(z) moves by z times the relative change of z, which is about 50
