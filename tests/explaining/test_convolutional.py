"""The window that an output of a convolution sees, by hand; and what Keras gives for it."""

import keras
import numpy as np
from explained_models import board, explained

COUNT = np.arange(1, 8, dtype="float32").reshape(1, 7, 1)
KERNEL = np.array([1, 10, 100], "float32").reshape(3, 1, 1)


def test_the_window_of_a_sequence(tmp_path):
    layer = keras.layers.Conv1D(1, 3, strides=2)
    found = explained(tmp_path, layer, COUNT, weights=[KERNEL, np.array([0.5])], at=(1, 0))
    assert "windows along the steps: (7 - 3)//2 + 1 = 3" in board(found)
    assert "window 1 sees steps 2 to 4 of x" in board(found)
    assert found.value == 3 * 1 + 4 * 10 + 5 * 100 + 0.5
    assert found.steps[-1].label(0) == "x[2, 0] · kernel[0, 0, 0]"


def test_padding_that_is_not_the_same_on_both_sides(tmp_path):
    layer = keras.layers.Conv1D(1, 4, padding="same", use_bias=False)
    found = explained(tmp_path, layer, COUNT, weights=[np.ones((4, 1, 1))], at=(6, 0))
    assert "⌈7 / 1⌉ = 7" in board(found)
    assert "(7 - 1)·1 + 4 - 7 = 3 steps of padding, 1 before and 2" in board(found)
    assert "steps 5 to 8 (7, 8 are padding)" in board(found)
    assert found.steps[-1].terms.tolist() == [6, 7]


def test_a_window_that_sees_nothing_of_what_is_to_come(tmp_path):
    layer = keras.layers.Conv1D(1, 3, padding="causal", dilation_rate=2, use_bias=False)
    found = explained(tmp_path, layer, COUNT, weights=[KERNEL], at=(3, 0))
    assert "sees steps -1 to 3, every 2nd (-1 is padding)" in board(found)
    assert found.value == 2 * 10 + 4 * 100


def test_a_group_sees_its_channels(tmp_path):
    x = np.arange(16, dtype="float32").reshape(1, 2, 2, 4)
    found = explained(tmp_path, keras.layers.Conv2D(4, 1, groups=2), x, at=(1, 1, 3))
    assert [found.steps[-1].label(term) for term in (0, 1)] == [
        "x[1, 1, 2] · kernel[0, 0, 0, 3]", "x[1, 1, 3] · kernel[0, 0, 1, 3]"]


def test_each_channel_by_itself_and_then_a_mixture(tmp_path):
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype("float32")
    depthwise = explained(tmp_path, keras.layers.DepthwiseConv2D(3, depth_multiplier=2), x, at=(0, 1, 3))
    assert "output channel 3 sees channel 1 alone: 3 = 1·2 + 1" in board(depthwise)
    separable = explained(tmp_path, keras.layers.SeparableConv2D(3, 2, activation="relu"), x, at=(0, 1, 2))
    assert [step.name for step in separable.steps if step.value is not None][1:] == ["z[0, 1, 2]", "y[0, 1, 2]"]


def test_what_meets_where_a_sequence_is_spread(tmp_path):
    layer = keras.layers.Conv1DTranspose(1, 3, strides=2, use_bias=False)
    found = explained(tmp_path, layer, COUNT, weights=[KERNEL], at=(4, 0))
    assert "p = 1 by t = 2 and p = 2 by t = 0" in board(found)
    assert found.value == 2 * 100 + 3 * 1
    cut = explained(tmp_path, keras.layers.Conv1DTranspose(1, 3, padding="same", use_bias=False), COUNT,
                    weights=[KERNEL], at=(0, 0))
    assert "cuts 1 of them off before" in board(cut)
    assert cut.value == 1 * 10 + 2 * 1


def test_channels_that_stand_first_are_named_so(tmp_path):
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype("float32")
    found = explained(tmp_path, keras.layers.Conv2D(2, 2, data_format="channels_first"), x, at=(1, 0, 2))
    assert found.steps[-1].name == "y[1, 0, 2]"
    assert found.steps[-1].label(0) == "x[0, 0, 2] · kernel[0, 0, 0, 1]"
