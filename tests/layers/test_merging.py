"""Merging layers against Keras."""

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases, each

from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import predict

pytestmark = pytest.mark.keras

X = (3, 4, 2)
FIRST = [[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
SECOND = [[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
ELEMENTWISE = ("Add", "Multiply", "Average", "Maximum", "Minimum")


@cases(*each(
    {name: {} for name in ELEMENTWISE},
    Case("", [X, X]),
    Case("", [X, X, X, X]),
    Case("", [X, (3, 1, 2)]),
    Case("", [(3, 2), X]),
    Case("", [(3, 2), (3, 5, 1), (3, 4, 5, 2)]),
    Case("", [X, X], mask={0: FIRST, 1: SECOND}),
    Case("", [X, X], mask={0: FIRST}),
    Case("", [X, X], mask={1: SECOND}),
    Case("", [X, X, X], mask={0: FIRST, 1: SECOND}),
    Case("", [X, X, X], mask={1: FIRST, 2: SECOND}),
    Case("", [X, X, X], mask={0: SECOND, 1: FIRST, 2: SECOND}),
    Case("", [X, (3, 1, 4, 2)], mask={0: FIRST}),
    Case("", [X, X], {"dtype": "float64"}, {0: FIRST}),
    Case("", [X, X], {"dtype": "mixed_float16"}, {0: FIRST, 1: SECOND}),
))
def test_element_by_element(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(
    Case("Subtract", [X, X]),
    Case("Subtract", [X, (3, 1, 2)], mask={0: FIRST}),
    Case("Subtract", [(3, 2), X]),
    Case("Subtract", [X, X], mask={0: FIRST, 1: SECOND}),
    Case("Concatenate", [X, (3, 4, 3)]),
    Case("Concatenate", [X, (3, 4, 3), X], {"axis": 2}),
    Case("Concatenate", [X, (3, 1, 2)], {"axis": 1}),
    Case("Concatenate", [X, (3, 1, 2)], {"axis": -2}),
    Case("Concatenate", [X, (3, 4, 3)], mask={0: FIRST, 1: SECOND}),
    Case("Concatenate", [X, (3, 4, 3)], mask={1: SECOND}),
    Case("Concatenate", [X, X], {"axis": 1}, {0: FIRST, 1: SECOND}),
    Case("Concatenate", [X, X], {"axis": 1}, {0: FIRST}),
    Case("Concatenate", [X, X], {"dtype": "mixed_float16"}),
    Case("Dot", [(3, 4), (3, 4)], {"axes": 1}),
    Case("Dot", [(3, 4), (3, 4)], {"axes": -1, "normalize": True}),
    Case("Dot", [X, (3, 5, 2)], {"axes": 2}),
    Case("Dot", [X, (3, 2, 5)], {"axes": (2, 1)}),
    Case("Dot", [X, (3, 2, 5)], {"axes": [-1, -2], "normalize": True}),
    Case("Dot", [X, X], {"axes": 1}, {0: FIRST}),
    Case("Dot", [(3, 4), (3, 5, 4)], {"axes": (1, 2)}),
    Case("Dot", [(3, 5, 4), (3, 4)], {"axes": (2, 1)}),
    Case("Dot", [(3, 2, 4, 5), (3, 4, 6, 7)], {"axes": (2, 1)}),
    Case("Dot", [(3, 4), (3, 4)], {"axes": 1, "dtype": "float64"}),
    Case("Dot", [np.zeros((2, 4), "float32"), np.ones((2, 4), "float32")], {"axes": 1, "normalize": True}),
)
def test_other_merges(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_by_hand():
    x, y = np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]])

    def merged(class_name, **config):
        return layer_from({"class_name": class_name, "config": {"dtype": "float64", **config}})([x, y]).tolist()
    assert merged("Add") == [[4, -2]]
    assert merged("Subtract") == [[-2, 6]]
    assert merged("Multiply") == [[3, -8]]
    assert merged("Average") == [[2, -1]]
    assert merged("Maximum") == [[3, 2]]
    assert merged("Minimum") == [[1, -4]]
    assert merged("Concatenate") == [[1, 2, 3, -4]]
    assert merged("Dot", axes=1) == [[-5]]


@pytest.mark.parametrize("name", ["Add", "Average", "Subtract"])
@cases(
    Case("", [(1, 3, 3), (1, 3, 1)]),
    Case("", [(2, 3, 3), (2, 3, 1)]),
    Case("", [(4, 3, 4), (4, 1, 1)]),
    Case("", [(1, 3, 3, 2), (1, 1, 3, 1)]),
    Case("", [(1, 3, 3, 2), (1, 3, 2)]),
)
def test_one_long_axis(name, case, tmp_path):
    """Keras takes what has one axis longer than 1 for a bias, and the batch counts."""
    agrees_with_keras(Case(name, case.x if name != "Subtract" else case.x[:2]), tmp_path)


def test_samples_of_a_sum_are_shared_out_only_where_it_does_not_matter(tmp_path):
    keras = pytest.importorskip("keras")
    for second, shared in (((300, 300), True), ((300, 1), False), ((1, 1), False)):
        entries = [keras.Input((300, 300)), keras.Input(second)]
        model = keras.Model(entries, keras.layers.Add()([keras.layers.ReLU()(entries[0]), entries[1]]))
        model.save(tmp_path / "model.keras")
        rng = np.random.default_rng(0)
        x = [rng.normal(size=(3, *entry.shape[1:])).astype("float32") for entry in entries]
        opened = load(tmp_path / "model.keras")
        np.testing.assert_allclose(predict(opened, x), model.predict(x, verbose=0), atol=1e-5)
        assert (opened.values_of_sample([a.shape for a in x]) is not None) == shared


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float16"])
def test_average_of_numbers_of_other_dtypes(dtype, tmp_path):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    for settings in ({}, {"dtype": "float64"}):
        agrees_with_keras(Case("Average", [x, x[::-1].copy()], settings), tmp_path)
