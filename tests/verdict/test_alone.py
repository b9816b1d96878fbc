"""Calls judged as they are made on both sides, in whatever order the reference makes them in float64."""

import keras
import numpy as np
import pytest
from judging import Live, both_sides

import weightscope
from weightscope.errors import NoTwin
from weightscope.verdict import alone
from weightscope.verdict.differences import differences_of
from weightscope.verdict.gaps import Tolerance

pytestmark = pytest.mark.keras
K = keras.layers
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("alone") / "model.keras"
    x = keras.Input((4,))
    one, two = K.Dense(3, "tanh", name="one")(x), K.Dense(3, "gelu", name="two")(x)
    keras.Model(x, K.Dense(2, name="last")(K.Add(name="sum")([one, two]))).save(file)
    return file


def rows_of(path, in_float64, change=None):
    """Return the rows by path, and the Alone; ``in_float64``: makes of Keras' calls in float64 what is judged."""
    model, live = weightscope.load(path), Live(path, [X])
    if change:
        model.parts[change].weights["kernel"].array[0, 0] += 0.01
    twin = live.twin
    live.twin = lambda: in_float64(twin())
    sides, found = both_sides(model, live)
    return {row.path: row for row in differences_of(sides, found)}, found


def backwards(calls):
    return reversed(list(calls))


def begun_again(calls):
    calls = list(calls)
    yield from calls[:3]
    yield from calls


def given_up(calls):
    yield from list(calls)[:3]
    raise NoTwin("no kernel")


@pytest.mark.parametrize("in_float64", [iter, backwards, begun_again])
@pytest.mark.parametrize("ahead", [0, alone.AHEAD])
def test_every_call_is_judged_in_float64(path, monkeypatch, in_float64, ahead):
    monkeypatch.setattr(alone, "AHEAD", ahead)
    rows, found = rows_of(path, in_float64)
    assert list(rows) == ["one", "two", "sum", "last"]
    assert all(row.verdict == "agrees" and row.own_in_float64 and row.of_limit < 1 for row in rows.values())
    assert not found.kept and not found.missed


@pytest.mark.parametrize("in_float64", [iter, backwards])
def test_what_misses_is_kept(path, in_float64):
    rows, found = rows_of(path, in_float64, change="two")
    assert {path for path, row in rows.items() if row.verdict == "diverges"} == {"two"}
    assert set(found.kept) == set(found.missed) == {"two"}
    assert not rows["two"].own_in_float64.within and found.finest_judge("two", Tolerance())[0] == "float64"


def test_a_twin_that_gives_up_counts_for_nothing(path):
    rows, found = rows_of(path, given_up)
    assert all(row.verdict == "agrees" and row.own_in_float64 is None for row in rows.values())
    rows, found = rows_of(path, given_up, change="one")
    assert rows["one"].verdict == "diverges" and rows["one"].own_in_float64 is None and not found.kept


FOREIGN = '''
import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("foreign")
class Turned(keras.layers.Layer):
    kept = "complex64"

    def call(self, x):
        return tf.cast(x * 3, self.kept) / 7

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, self.kept)


@keras.saving.register_keras_serializable("foreign")
class Shortened(Turned):
    kept = "float32"


@keras.saving.register_keras_serializable("foreign")
class Transformed(Turned):
    def call(self, x):
        return tf.signal.fft(tf.complex(x, x * 2))
'''


def test_operations_behind_a_call_that_is_not_replayed_are_judged_in_one_float(tmp_path):
    """Keras gives complex64, or in its float64 complex128, where ours has nothing to cast."""
    (tmp_path / "foreign.py").write_text(FOREIGN)
    space = {}
    exec(FOREIGN, space)
    x = keras.Input((4,))
    for name in ("Turned", "Shortened", "Transformed"):
        foreign = space[name]()(x)
        keras.Model(x, K.Dense(2)(keras.ops.log(keras.ops.abs(foreign * foreign) + 0.1))).save(tmp_path / "m.keras")
        reference = weightscope.Reference("keras", (str(tmp_path / "foreign.py"),))
        comparison = weightscope.verify(weightscope.load(tmp_path / "m.keras"), X, against=reference)
        verdicts = [row.verdict for row in comparison.rows]
        assert verdicts[0] == "not replayed" and set(verdicts[1:]) == {"agrees"}, (name, verdicts)
