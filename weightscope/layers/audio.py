"""Keras' audio layers: spectra of sound over time."""

import math

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.audio import decibels, magnitudes, mel_bands, window
from weightscope.kernels.windows import output_length, pad, sliding
from weightscope.layers.preprocessing import EPSILON, DataLayer
from weightscope.model.layer import Layer, Weight, keras_layer


@keras_layer
class STFTSpectrogram(Layer):
    """Spectra of the frames of a sound: a convolution with waves of every frequency, which training may change.

    Takes (batch, time, channels); gives (batch, time, channels · frequencies), with ``expand_dims`` (batch, time,
    frequencies, channels); channels_first (batch, channels, time), and (…, channels, time, frequencies).
    """

    formula = """
        re, im = frames of x · real_kernel, frames of x · imag_kernel; power = re² + im²
        y = by mode: real: re; imag: im; angle: atan2(im, re); stft: re, im; psd: power, doubled inside;
            magnitude: √max(power, 1e-7); log: log of the magnitude"""
    ignored = ("window", "periodic", "scaling")  # of the kernels' first values only
    mode: str = "log"
    frame_length: int = 256
    frame_step: "int | None" = None
    fft_length: "int | None" = None
    padding: str = "valid"
    expand_dims: bool = False
    data_format: "str | None" = None

    def weight_specs(self):
        if self.mode != "imag":
            yield Weight("real_kernel", "frame_length 1 frequencies")
        if self.mode != "real":
            yield Weight("imag_kernel", "frame_length 1 frequencies")

    @property
    def _step(self):
        return self.frame_step or self.frame_length // 2

    def shape(self, x):
        batch, time, channels = x if self.data_format != "channels_first" else (x[0], x[2], x[1])
        length = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        frequencies = (length // 2 + 1) * (2 if self.mode == "stft" else 1)
        time = output_length(time, self.frame_length, self._step, self.padding)
        joined = None if channels is None else channels * frequencies
        if self.data_format == "channels_first":
            return (batch, channels, time, frequencies) if self.expand_dims else (batch, joined, time)
        return (batch, time, frequencies, channels) if self.expand_dims else (batch, time, joined)

    def forward(self, x, real_kernel=None, imag_kernel=None):
        first = self.data_format == "channels_first"
        x = x.transpose(0, 2, 1) if first else x
        real = None if real_kernel is None else self._waves(x, real_kernel)
        imag = None if imag_kernel is None else self._waves(x, imag_kernel)
        y = self._spectrum(real, imag)  # (batch, time, channels, frequencies)
        if self.expand_dims:
            return y.transpose(0, 2, 1, 3) if first else y.transpose(0, 1, 3, 2)
        y = y.reshape(*y.shape[:2], -1)
        return y.transpose(0, 2, 1) if first else y

    def _waves(self, x, kernel):
        size, step = (self.frame_length,), (self._step,)
        frames = sliding(np.ascontiguousarray(pad(x, size, step, self.padding)), size, step, (1,))
        return np.tensordot(frames, kernel[:, 0], axes=(2, 0))

    def _spectrum(self, real, imag):
        if self.mode in ("real", "imag"):
            return real if self.mode == "real" else imag
        if self.mode == "angle":
            return np.arctan2(imag, real)
        if self.mode == "stft":
            return np.concatenate([real, imag], axis=-1)
        power = np.square(real) + np.square(imag)
        if self.mode == "psd":
            power[..., 1:-1] *= 2
            return power
        least = power.dtype.type(EPSILON)
        magnitude = np.sqrt(np.maximum(power, least))
        if self.mode == "magnitude":
            return magnitude
        if self.mode != "log":
            raise NotReplayable(f"layer {self.name!r}: mode {self.mode!r} is none of Keras'")
        return np.log(np.maximum(magnitude, least))


@keras_layer
class MelSpectrogram(DataLayer):
    """Spectra of the frames of a sound in bands as wide as the ear's: (batch, time) → (batch, num_mel_bins, frames).

    With ``power_to_db`` the loudest value of the whole batch sets the floor, ``top_db`` below it.
    """

    keeps_samples_apart = False  # power_to_db looks for the peak of the whole batch
    formula = "y = dB(|STFT(x)| ^ mag_exp · mel bands), frames of fft_length every sequence_stride"
    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: "int | None" = None
    window: "str | list | None" = "hann"
    sampling_rate: "int | float" = 16000
    num_mel_bins: int = 128
    min_freq: "float | int" = 20.0
    max_freq: "float | int | None" = None
    power_to_db: bool = True
    top_db: "float | int" = 80.0
    mag_exp: "float | int" = 2.0
    min_power: float = 1e-10
    ref_power: "float | int" = 1.0

    def shape(self, x):
        steps = x[-1]
        frames = None if steps is None else 1 + (steps - self.fft_length % 2) // self.sequence_stride
        return *x[:-1], self.num_mel_bins, frames

    def forward(self, x):
        x = x if x.dtype in ("float32", "float64") else x.astype("float32")
        if not self.fft_length // 2 < x.shape[-1] or (self.sequence_length or 1) > self.fft_length:
            raise ValueError(f"frames of {self.fft_length} steps cannot be mirrored at the ends of {x.shape[-1]}")
        spectrum = magnitudes(x, self.fft_length, self.sequence_stride, self._taps(x.dtype))
        spectrum = spectrum ** x.dtype.type(self.mag_exp)
        high = self.max_freq or int(self.sampling_rate / 2)
        bands = mel_bands(self.num_mel_bins, spectrum.shape[-1], self.sampling_rate, self.min_freq, high)
        y = np.tensordot(spectrum, bands.astype(x.dtype), 1)
        if self.power_to_db:
            y = decibels(y, self.min_power, self.ref_power, self.top_db)
        return self.as_computed(np.swapaxes(y, -1, -2))

    def _taps(self, dtype):
        if self.window is None:
            return np.ones(self.fft_length, dtype)
        length = self.sequence_length or self.fft_length
        taps = window(self.window, length, dtype) if isinstance(self.window, str) else np.asarray(self.window, dtype)
        before = (self.fft_length - length) // 2
        return np.pad(taps, (before, self.fft_length - length - before))
