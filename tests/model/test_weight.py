"""A Weight is an array to NumPy and to Python's operators, and a key all the same."""

import copy
import operator
from types import SimpleNamespace

import numpy as np
import pytest

from weightscope.errors import NotReplayable
from weightscope.model.weight import Weight

VALUES = np.array([[1.5, -2.0, 3.0], [0.0, 5.0, -6.25]], "float32")
X = np.array([[1, 2], [3, 4], [5, 6]], "float32")
NUMPY_2 = int(np.__version__.split(".")[0]) >= 2


def bound(values=VALUES, axes="in units"):
    """Return a weight whose array is ``values``, and a list that has an entry for each reading."""
    weight, read = Weight("kernel", axes), []
    weight.stored = SimpleNamespace(
        shape=values.shape, dtype=values.dtype.name, size=values.size, read=lambda: read.append(1) or values.copy())
    return weight, read


def test_numpy_sees_the_numbers():
    weight, read = bound()
    found = np.asarray(weight)
    assert type(found) is np.ndarray and found.dtype == "float32"
    np.testing.assert_array_equal(found, VALUES)
    assert np.asarray(weight) is weight.array
    assert len(read) == 1


@pytest.mark.parametrize("dtype", ["float64", "float16", np.int32, np.dtype("float32"), None])
def test_numpy_sees_them_in_another_dtype(dtype):
    found = np.asarray(bound()[0], dtype=dtype)
    np.testing.assert_array_equal(found, VALUES.astype(dtype or "float32"))
    assert found.dtype == (dtype or "float32")


def test_a_copy_is_one():
    weight, _ = bound()
    for found in (np.array(weight), weight.__array__(copy=True), np.array(weight, dtype="float32")):
        found[0, 0] = 99
        assert weight.array[0, 0] == 1.5
    assert weight.__array__() is weight.__array__(copy=False) is weight.array
    if NUMPY_2:
        assert np.array(weight, copy=False) is weight.array
        with pytest.raises(ValueError, match="without a copy"):
            np.asarray(weight, dtype="float64", copy=False)


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
             operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("function", OPERATORS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("other", [2, 2.5, np.float32(3), VALUES, VALUES[0], [1.0, 2.0, 3.0]], ids=str)
def test_operators_are_those_of_the_array(function, other):
    weight, _ = bound()
    with np.errstate(all="ignore"):
        for found, expected in ((function(weight, other), function(VALUES, other)),
                                (function(other, weight), function(other, VALUES)),
                                (function(weight, weight), function(VALUES, VALUES))):
            assert isinstance(found, np.ndarray)
            np.testing.assert_array_equal(found, expected)


def test_products_and_signs():
    weight, _ = bound()
    np.testing.assert_array_equal(X @ weight, X @ VALUES)
    np.testing.assert_array_equal(X.tolist() @ weight, X @ VALUES)
    np.testing.assert_array_equal(weight @ X, VALUES @ X)
    np.testing.assert_array_equal(weight @ weight.T, VALUES @ VALUES.T)
    np.testing.assert_array_equal(-weight, -VALUES)
    np.testing.assert_array_equal(+weight, VALUES)
    np.testing.assert_array_equal(abs(weight), abs(VALUES))


def test_functions_of_numpy_take_it():
    weight, _ = bound()
    np.testing.assert_array_equal(np.maximum(weight, 0), np.maximum(VALUES, 0))
    assert np.mean(weight) == VALUES.mean() and np.max(weight, axis=0).tolist() == VALUES.max(axis=0).tolist()
    assert np.concatenate([weight, weight]).shape == (4, 3)
    assert np.stack([weight, weight]).shape == np.array([weight, weight]).shape == (2, 2, 3)
    assert np.shape(weight) == (2, 3) and np.ndim(weight) == 2 and np.size(weight) == 6
    assert np.allclose(weight, VALUES) and np.array_equal(weight, VALUES)


def test_it_is_indexed_and_gone_through_as_an_array():
    weight, _ = bound()
    assert weight[0, 1] == -2 and weight[-1].tolist() == VALUES[-1].tolist()
    assert weight[:, 1:].shape == (2, 2) and weight[weight > 0].tolist() == [1.5, 3, 5]
    assert len(weight) == 2 and [row.tolist() for row in weight] == VALUES.tolist()
    assert weight.T.shape == (3, 2) and 5.0 in weight and 7.0 not in weight


def test_its_shape_needs_no_reading():
    weight, read = bound()
    assert (weight.ndim, weight.shape, weight.size, weight.dtype) == (2, (2, 3), 6, "float32")
    assert "kernel (in units) (2, 3) float32" in repr(weight)
    assert not read


def test_equal_numbers_are_no_equal_weights():
    one, other = bound()[0], bound()[0]
    assert (one == other).all()
    assert len({one, other}) == 2 and {one: "a", other: "b"}[one] == "a"
    assert hash(one) == hash(one) != hash(other)
    assert not (one == None).any()  # noqa: E711
    assert (one != None).all()  # noqa: E711


def test_many_numbers_are_neither_true_nor_false():
    with pytest.raises(ValueError, match="ambiguous"):
        bool(bound()[0])
    assert bound(np.array([1.0]), "units")[0] and not bound(np.array([0.0]), "units")[0]


@pytest.mark.parametrize("change", [operator.iadd, operator.isub, operator.imul, operator.imatmul, operator.itruediv,
                                    operator.ifloordiv, operator.imod, operator.ipow])
def test_nothing_takes_its_place(change):
    weight, _ = bound()
    with pytest.raises(TypeError, match="not changed in place"):
        change(weight, 1)
    with pytest.raises(TypeError):
        weight[0] = 1


def test_what_only_the_array_has_is_named():
    weight, _ = bound()
    with pytest.raises(AttributeError, match=r"no 'mean': its array has, w\.array\.mean"):
        weight.mean()
    with pytest.raises(AttributeError, match=r"no 'values'$"):
        weight.values  # noqa: B018
    assert copy.copy(weight).name == "kernel" and copy.deepcopy(weight) is weight


def test_what_is_not_in_the_file_says_so():
    weight = Weight("bias", "units")
    for use in (np.asarray, len, lambda w: w + 1, lambda w: w == 0, lambda w: w.ndim, lambda w: w[0]):
        with pytest.raises(NotReplayable, match="'bias' is not in the file"):
            use(weight)
    assert repr(weight) == "<Weight bias (units) not in the file>"


def test_zeros_of_keras_are_zeros():
    weight = Weight("counter", "units", zeros=lambda: (3,))
    np.testing.assert_array_equal(np.asarray(weight), np.zeros(3, "float32"))
    assert (weight.ndim, len(weight)) == (1, 3)


def test_names_from_a_file_are_shown_as_data():
    assert repr(Weight("a\x1b[31mb\n", "")) == "<Weight a\\x1b[31mb\\n not in the file>"
