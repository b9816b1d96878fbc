"""Layers and operations of the Keras that comes next, by hand: there is none yet to hold them against."""

import math

import numpy as np
import pytest
from next_keras import CLASSES, OPERATIONS

from weightscope.kernels.quantizing import trits
from weightscope.kernels.special import gamma_below
from weightscope.layers import families
from weightscope.model.layer import known_classes, known_operations, layer_from

families.bring_all()
X = np.array([[1.0, -2, 3, 0.5], [0, 4, -1, 2]], "float32")
KERNEL = np.array([[0.5, -0.1], [-1.5, 0.4], [0.05, -0.9], [0.2, 0.0]], "float32")


class Given:
    """An array in memory, where a file's would be."""

    def __init__(self, array):
        self.shape, self.dtype, self._array = array.shape, array.dtype.name, array

    def read(self):
        return self._array


def layer(weights, **config):
    found = layer_from({"class_name": "TernaryDense", "module": "keras.layers", "config": {
        "name": "t", "units": 2, "activation": "linear", **config}})
    for name, array in weights.items():
        found.weights[name].stored = Given(array)
    assert found.refusal() is None
    return found


def operation(module, class_name, *args, **config):
    found = layer_from({"class_name": class_name, "module": module, "config": {"name": "o", **config}})
    return found.run(args)[0]


def test_all_names_are_known():
    assert known_classes().keys() >= CLASSES
    assert known_operations() >= OPERATIONS


def test_ternary_dense_keeps_signs_of_what_is_large():
    bias = np.array([1.0, -1.0], "float32")
    # The mean of the sizes is 3.65 / 8: what is up to half of it counts nothing, and the sums are scaled by it.
    signs = np.array([[1, 0], [-1, 1], [0, -1], [0, 0]], "float32")
    y = layer({"kernel": KERNEL, "bias": bias})(X)
    np.testing.assert_allclose(y, X @ signs * np.float32(3.65 / 8) + bias, rtol=1e-6)
    signs = np.array([[1, 0], [-1, 1], [0, -1], [1, 0]], "float32")
    y = layer({"kernel": KERNEL}, threshold=0.1, use_bias=False, activation="relu")(X)
    np.testing.assert_allclose(y, np.maximum(X @ signs, 0), rtol=1e-6)


def test_ternary_dense_of_five_numbers_to_a_byte():
    # 1 and the lowest digit of 121 = 11111 in base 3 is 0 of -1, 0, 1; 0 is five times -1, 242 five times 1.
    np.testing.assert_array_equal(trits(np.array([[121, 0], [242, 5]], "uint8"), 7),
                                  [[0, -1]] * 5 + [[1, 1], [1, 0]])
    signs = np.array([[1, 0], [-1, 1], [0, -1], [0, 0]])
    packed = (((signs + 1) * [[1], [3], [9], [27]]).sum(axis=0) + 81)[None].astype("uint8")
    y = layer({"kernel": packed, "kernel_scale": np.float32(0.5), "bias": np.float32([1, 2])},
              dtype="ternary_from_float32")(X)
    np.testing.assert_allclose(y, X @ signs * 0.5 + [1, 2], rtol=1e-6)


@pytest.mark.parametrize(("a", "x", "expected"), [
    (1.0, 0.7, 1 - math.exp(-0.7)), (1.0, 30.0, 1.0), (0.5, 2.0, math.erf(math.sqrt(2))), (3.0, 0.0, 0.0),
    (2.0, 5.0, 1 - 6 * math.exp(-5)), (0.5, 0.01, math.erf(0.1)), (4.0, math.inf, 1.0)])
def test_gammainc_where_it_has_a_closed_form(a, x, expected):
    y = operation("keras.src.ops.math", "Gammainc", np.float32(a)[None], np.float32(x)[None])
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [expected], rtol=1e-6)
    np.testing.assert_allclose(gamma_below(np.array([a]), np.array([x])), [expected], rtol=1e-13)


def test_gammainc_outside_of_its_domain():
    assert np.isnan(gamma_below(np.array([-1.0, 0.0, 1.0, np.nan]), np.array([1.0, 1.0, -1.0, 1.0]))).all()


def test_column_stack_and_matrix_power():
    found = operation("keras.src.ops.numpy", "ColumnStack", [np.float32([1, 2]), np.float32([[3, 4], [5, 6]])])
    np.testing.assert_array_equal(found, [[1, 3, 4], [2, 5, 6]])
    x = np.float32([[[1, 1], [0, 1]], [[2, 0], [0, 4]]])
    for n, expected in ((0, [[[1, 0], [0, 1]]] * 2), (3, [[[1, 3], [0, 1]], [[8, 0], [0, 64]]]),
                        (-2, [[[1, -2], [0, 1]], [[0.25, 0], [0, 0.0625]]])):
        np.testing.assert_allclose(operation("keras.src.ops.linalg", "MatrixPower", x, n=n), expected)
