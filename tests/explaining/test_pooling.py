"""Which number of a window wins, and how many a mean counts."""

import keras
import numpy as np
from explained_models import board, explained

X = np.array([[3, 9, 4], [7, 1, 8], [2, 6, 5]], "float32").reshape(1, 3, 3, 1)


def test_the_largest_of_a_window(tmp_path):
    found = explained(tmp_path, keras.layers.MaxPooling2D(2, 1), X, at=(1, 1, 0))
    assert "windows along the rows and the columns: (3 - 2)//1 + 1 = 2" in board(found)
    assert "the largest of 1, 8, 6, 5 = 8, x[1, 2, 0]" in board(found, 100)


def test_padding_is_not_counted(tmp_path):
    found = explained(tmp_path, keras.layers.AveragePooling2D(2, padding="same"), X, at=(0, 1, 0))
    assert "what is padding is not counted: 2 instead of 4" in board(found)
    assert found.value == (4 + 8) / 2


def test_the_mean_of_everything(tmp_path):
    found = explained(tmp_path, keras.layers.GlobalAveragePooling2D(), X)
    assert found.value == 5 and found.steps[-1].over == 9


def test_steps_that_are_masked_are_not_counted(tmp_path):
    x = np.array([3, 0, 5], "float32").reshape(1, 3, 1)
    found = explained(tmp_path, lambda t: keras.layers.GlobalAveragePooling1D()(keras.layers.Masking()(t)), x)
    assert "2 of 3 steps are not masked" in board(found)
    assert found.value == 4
