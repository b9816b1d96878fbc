"""Where a number came from that is only moved, merged with others, or looked up."""

import keras
import numpy as np
import pytest
from explained_models import board, explained

X = np.arange(24, dtype="float32").reshape(1, 2, 3, 4)


@pytest.mark.parametrize(("layer", "at", "source"), [
    (keras.layers.Flatten(), (17,), "x[1, 1, 1] = 17"),
    (keras.layers.Permute((3, 1, 2)), (3, 1, 0), "x[1, 0, 3] = 15"),
    (keras.layers.Reshape((6, 4)), (4, 2), "x[1, 1, 2] = 18"),
    (keras.layers.Cropping2D((0, 1)), (1, 0, 2), "x[1, 1, 2] = 18"),
    (keras.layers.ZeroPadding2D(1), (1, 1, 0), "x[0, 0, 0] = 0"),
    (keras.layers.ZeroPadding2D(1), (0, 1, 0), "here is padding, which is 0"),
    (keras.layers.UpSampling2D(2), (3, 5, 1), "x[1, 2, 1] = 21"),
    (keras.layers.Dropout(0.5), (1, 2, 3), "x[1, 2, 3] = 23"),
])
def test_where_a_number_came_from(layer, at, source, tmp_path):
    assert source in board(explained(tmp_path, layer, X, at=at))


def test_the_last_axis_runs_fastest(tmp_path):
    assert "number 17 is (1·3 + 1)·4 + 1" in board(explained(tmp_path, keras.layers.Flatten(), X, at=(17,)))


def test_inputs_side_by_side(tmp_path):
    pair = np.ones((1, 2), "float32"), np.array([[5, 6, 7]], "float32")
    found = explained(tmp_path, lambda *x: keras.layers.Concatenate()(list(x)), *pair, at=(3,))
    assert "y[3] = x2[1] = 6" in board(found)


@pytest.mark.parametrize(("layer", "told"), [
    (keras.layers.Add(), "= 2 + 5 = 7"), (keras.layers.Average(), "= (2 + 5) / 2 = 3.5"),
    (keras.layers.Subtract(), "2 - 5 = -3"), (keras.layers.Multiply(), "2 · 5 = 10"),
    (keras.layers.Maximum(), "the largest of 2, 5 = 5, x2[1]"), (keras.layers.Dot(1), "= 1 · 4 + 2 · 5 = 14"),
])
def test_numbers_of_two_inputs(layer, told, tmp_path):
    pair = np.array([[1, 2]], "float32"), np.array([[4, 5]], "float32")
    at = (0,) if isinstance(layer, keras.layers.Dot) else (1,)
    assert told in board(explained(tmp_path, lambda *x: layer(list(x)), *pair, at=at))


def test_a_row_of_a_table(tmp_path):
    found = explained(tmp_path, keras.layers.Embedding(5, 2), np.array([[3, 1]], "int32"), at=(0, 1))
    assert "x[0] = 3" in board(found) and "embeddings[3, 1]" in board(found)
