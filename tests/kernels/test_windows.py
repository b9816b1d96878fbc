"""The arithmetic of windows, by hand and against Keras' shape rules."""

import itertools

import numpy as np
import pytest
from keras.src.ops.operation_utils import compute_conv_output_shape

from weightscope.kernels.windows import enlarge, margins, output_length, output_lengths, pad, sliding, tap

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_lengths_are_those_of_keras(padding):
    for length, size, stride, dilation in itertools.product((None, 9, 10, 23), (1, 2, 5), (1, 2, 3), (1, 2)):
        theirs = compute_conv_output_shape((None, length, 1), 1, (size,), stride, padding, dilation_rate=dilation)[1]
        assert output_length(length, size, stride, padding, dilation) == theirs


def test_margins_by_hand():
    assert margins(10, 3, 1, "valid") == (0, 0)
    assert margins(10, 3, 1, "same") == (1, 1)
    assert margins(10, 3, 2, "same") == (0, 1)  # five windows reach over eleven steps: the odd zero comes last
    assert margins(10, 4, 3, "same") == (1, 2)
    assert margins(10, 1, 4, "same") == (0, 0)
    assert margins(10, 3, 1, "same", 3) == (3, 3)
    assert margins(10, 3, 2, "causal", 3) == (6, 0)


@pytest.mark.parametrize("padding", ["same", "causal"])
def test_padded_windows_are_as_many_as_promised(padding):
    for length, size, stride, dilation in itertools.product((1, 2, 7, 8), (1, 2, 5), (1, 2, 3), (1, 2)):
        padded = pad(np.ones((1, length, 1)), (size,), (stride,), padding, (dilation,))
        promised = output_length(length, size, stride, padding, dilation)
        assert output_length(padded.shape[1], size, stride, "valid", dilation) == promised


def test_enlarge_and_tap():
    x = np.arange(6.0).reshape(1, 2, 3, 1)
    assert enlarge(x, [(0, 0), (0, 0)]) is x
    larger = enlarge(x, [(1, 0), (0, 2)], value=-1)
    np.testing.assert_array_equal(larger[0, ..., 0], [[-1] * 5, [0, 1, 2, -1, -1], [3, 4, 5, -1, -1]])
    np.testing.assert_array_equal(tap(larger, (1, 1), (2, 2), (1, 2))[0, ..., 0], [[1, -1], [4, -1]])


def test_sliding_windows_are_views_of_the_input():
    x = np.arange(7.0).reshape(1, 7, 1)
    windows = sliding(x, (3,), (2,), (2,))
    np.testing.assert_array_equal(windows[0, ..., 0], [[0, 2, 4], [2, 4, 6]])
    assert np.shares_memory(windows, x)
    assert not windows.flags.writeable


def test_what_cannot_be():
    with pytest.raises(ValueError, match="a window over 5 steps does not fit into 4"):
        output_lengths((4,), (3,), (1,), "valid", (2,))
    with pytest.raises(ValueError, match="not 'full'"):
        output_length(4, 3, 1, "full")
    with pytest.raises(ValueError, match="start at 1"):
        output_length(4, 3, 0, "valid")
