"""Merging layers against Keras."""

import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

X = (3, 4, 2)
FIRST = [[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
SECOND = [[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
ELEMENTWISE = ("Add", "Multiply", "Average", "Maximum", "Minimum")


@pytest.mark.parametrize("name", ELEMENTWISE)
@cases(
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
)
def test_element_by_element(name, case, tmp_path):
    agrees_with_keras(Case(name, case.x, case.settings, case.mask), tmp_path)


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
