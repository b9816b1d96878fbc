"""Spectrograms against Keras, over grids of their settings."""

import itertools

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases
from side_by_side import agree_side_by_side

from weightscope.errors import NotReplayable
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras

SOUND = np.random.default_rng(0).normal(size=(3, 100)).astype("float32")
CHANNELS = np.random.default_rng(1).normal(size=(2, 50, 3)).astype("float32")
FIRST = {"data_format": "channels_first"}
MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
# The window only makes the kernels' first values, which the file holds; other ones would need SciPy in Keras.
FRAMES = {"frame_length": 16, "window": None}


@cases(
    Case("STFTSpectrogram", CHANNELS, FRAMES),
    Case("STFTSpectrogram", CHANNELS, {"mode": "stft", "padding": "same", **FRAMES}),
    Case("STFTSpectrogram", CHANNELS, {"mode": "imag", "expand_dims": True, **FRAMES}),
    Case("STFTSpectrogram", CHANNELS, {"mode": "psd", "dtype": "mixed_float16", **FRAMES}),
    Case("MelSpectrogram", SOUND, {"fft_length": 32, "sequence_stride": 10, "num_mel_bins": 9}),
)
def test_every_class_in_every_format(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_stft_spectrogram(data_format, tmp_path):
    x = CHANNELS if data_format == "channels_last" else np.ascontiguousarray(CHANNELS.transpose(0, 2, 1))
    settings = [{}, {"padding": "same", "frame_step": 5}, {"expand_dims": True}, {"fft_length": 32, "frame_step": 3}]
    if data_format == "channels_last":
        settings += [{"dtype": "float64"}]
    layers = [keras.layers.STFTSpectrogram(mode, data_format=data_format, **FRAMES, **each)
              for mode, each in itertools.product(MODES, settings)]
    agree_side_by_side(layers, x, tmp_path)


def test_mel_spectrogram(tmp_path):
    settings = [
        {}, {"sequence_stride": 7, "num_mel_bins": 5}, {"sequence_length": 20, "window": "hamming"},
        {"sequence_length": 21, "sequence_stride": 7}, {"sequence_length": 21, "window": None},
        {"power_to_db": False, "mag_exp": 1.0, "max_freq": 4000, "min_freq": 100.0, "sampling_rate": 22050},
        {"top_db": 20.0, "ref_power": 3.0, "min_power": 1e-3, "num_mel_bins": 20}, {"sequence_stride": 101},
        {"dtype": "float64", "power_to_db": False}, {"dtype": "float16"},
        {"sequence_length": 4, "window": [0.1, 0.2, 0.3, 1.0]},
    ]
    layers = [keras.layers.MelSpectrogram(**{"fft_length": 32, "sequence_stride": 10, **each}) for each in settings]
    layers += [keras.layers.MelSpectrogram(fft_length=31, sequence_stride=9, num_mel_bins=5)]
    agree_side_by_side(layers, SOUND, tmp_path, tolerance=1e-4)


def test_what_is_refused():
    config = {"name": "m", "fft_length": 32, "sequence_stride": 10}
    with pytest.raises(NotReplayable, match="cannot be mirrored"):
        layer_from({"class_name": "MelSpectrogram", "config": config})(np.zeros((1, 16), "float32"))
    with pytest.raises(NotReplayable, match="kaiser"):
        layer_from({"class_name": "MelSpectrogram", "config": {**config, "window": "kaiser"}})(SOUND)


def test_by_hand():
    # 1, 0, -1, 0 is one wave of four steps: magnitude 2 at frequency 1 of 0, 1, 2, and 0 where the end is mirrored.
    # The band from 0 to 4 Hz has its peak, in mel, close to that frequency's 2 Hz.
    config = {"name": "m", "fft_length": 4, "sequence_stride": 2, "num_mel_bins": 1, "window": None, "mag_exp": 1.0,
              "power_to_db": False, "sampling_rate": 8, "min_freq": 0.0, "max_freq": 4.0}
    layer = layer_from({"class_name": "MelSpectrogram", "config": config})
    y = layer(np.array([[1, 0, -1, 0, 1, 0, -1, 0]], "float32"))
    np.testing.assert_allclose(y, [[[2, 2, 2, 2, 0]]], atol=0.01)
