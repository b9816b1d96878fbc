"""Statistics and values of weights."""

import numpy as np
import pytest

from weightscope.files.datasets import boxes
from weightscope.files.saved import Stored
from weightscope.model.layer import Weight
from weightscope.show import values
from weightscope.show.values import array_text, blocks_of_values, corners, statistics


class Kept:
    def __init__(self, array):
        self.shape, self.dtype = array.shape, str(array.dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_statistics_are_numpys(dtype, monkeypatch):
    monkeypatch.setattr(values, "SLICE", 100)  # several slices
    array = (np.random.default_rng(0).normal(3, 2, (17, 31)) * (np.arange(31) % 3 > 0)).clip(0).astype(dtype)
    found, exact = statistics([array]), array.astype("float64")
    assert (found.min, found.max, found.zeros) == (exact.min(), exact.max(), (exact == 0).sum())
    np.testing.assert_allclose([found.mean, found.std], [exact.mean(), exact.std()], rtol=1e-12)
    assert found.nan == found.infinite == 0


def test_nan_and_infinity_are_counted_and_left_out():
    found = statistics([np.array([1.0, np.nan, np.inf, -np.inf, 3.0, 0.0], "float32")])
    assert (found.min, found.max, found.mean, found.zeros, found.nan, found.infinite) == (0, 3, 4 / 3, 1, 1, 2)


def test_nothing_to_tell_of_no_values():
    assert vars(statistics([np.zeros((0, 3))])) == {
        "min": None, "max": None, "mean": None, "std": None, "zeros": 0, "nan": 0, "infinite": 0}
    assert statistics([np.array([np.nan])]).mean is None


def test_a_mean_does_not_lose_small_values_among_many():
    array = np.full(3_000_000, 0.1, "float32")
    assert statistics([array]).mean == pytest.approx(float(np.float32(0.1)), rel=1e-12)
    assert statistics([array]).std == pytest.approx(0, abs=1e-12)


def test_blocks_of_gates_come_one_by_one():
    array = np.arange(2 * 6).reshape(2, 6)
    weight = Weight("bias", "input|recurrent z|r|h:units")
    weight.stored = Kept(array)
    found = dict(blocks_of_values(weight, array))
    assert list(found) == [f"[{slot}, {gate}] (2 units)" for slot in ("input", "recurrent") for gate in "zrh"]
    np.testing.assert_array_equal(found["[recurrent, r] (2 units)"], [8, 9])
    weight = Weight("kernel", "in i|f:units")
    weight.stored = Kept(array)
    found = dict(blocks_of_values(weight, array))
    np.testing.assert_array_equal(found["[f] (2 in × 3 units)"], [[3, 4, 5], [9, 10, 11]])
    weight = Weight("kernel", "in units")
    weight.stored = Kept(array)
    (label, whole), = blocks_of_values(weight, array)
    assert label == "" and whole is array


def test_few_values_are_written_to_the_last_digit_and_many_are_not():
    few = np.array([[0.1, 1 / 3]], "float32")
    assert [np.float32(word) for word in array_text(few, 80).strip("[] ").split()] == few.ravel().tolist()
    assert len(array_text(np.zeros((1000, 1000)), 80)) < 1000


@pytest.mark.parametrize(("shape", "axes"), [((70, 90), "in units"), ((9, 400), "in i|f|c|o:units"), ((3000,), "units"),
                                             ((2, 3 * 300), "input|recurrent z|r|h:units"), ((5, 4, 2, 90), "h w a b"),
                                             ((400, 2), "units i|o:two")])
def test_corners_are_written_as_the_whole_is(shape, axes, monkeypatch):
    """Of a large array only what is written is taken out of its pieces."""
    monkeypatch.setattr(values, "SLICE", 100)
    array = np.arange(np.prod(shape), dtype="float32").reshape(shape) / 7
    weight = Weight("kernel", axes)
    weight.stored = Stored("w", shape, "float32", array.size, array.nbytes, lambda: array, lambda: (
        (corner, array[tuple(slice(low, low + size) for low, size in zip(corner, extent))])
        for corner, extent in boxes(shape, 64)))
    few = corners(weight)
    assert few is not array and (few != array).any()
    assert [(label, array_text(block, 80)) for label, block in blocks_of_values(weight, few)] == [
        (label, array_text(block, 80)) for label, block in blocks_of_values(weight, array)]
