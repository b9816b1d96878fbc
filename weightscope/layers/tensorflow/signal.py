"""TensorFlow's tf.signal: frames of a signal, Fourier and cosine transforms.

NumPy transforms in float64; the results have the dtype of the input, complex or real, as in TensorFlow.
"""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.tensorflow.table import enter, function

_COMPLEX = {"float32": "complex64", "float64": "complex128"}
_REAL = {"complex64": "float32", "complex128": "float64"}


def _like(y, x):
    """Return a transform in the dtype that TensorFlow gives it for an input ``x``."""
    kind = x.dtype.name
    if y.dtype.kind == "c":
        return y.astype(_COMPLEX.get(kind, kind))
    return y.astype(_REAL.get(kind, kind))


for _names, _function, _said in (
    ("signal.fft FFT", np.fft.fft, "y = fft of x: y[k] = Σ x[n] · exp(−2πi k n / N)"),
    ("signal.ifft IFFT", np.fft.ifft, "y = ifft of x: y[n] = Σ x[k] · exp(2πi k n / N) / N"),
    ("signal.fft2d FFT2D", np.fft.fft2, "y = fft along the last two axes"),
    ("signal.ifft2d IFFT2D", np.fft.ifft2, "y = ifft along the last two axes"),
):
    enter(_names, lambda input, _function=_function: _like(_function(np.asarray(input)), np.asarray(input)), _said)


@function("signal.rfft")
def _rfft(input_tensor, fft_length=None):
    """y = fft of real numbers along the last axis, up to N / 2"""
    return _like(np.fft.rfft(input_tensor, _length(fft_length)), input_tensor)


@function("signal.irfft")
def _irfft(input_tensor, fft_length=None):
    """y = the real numbers whose rfft is x"""
    return _like(np.fft.irfft(input_tensor, _length(fft_length)), input_tensor)


def _length(given):
    return None if given is None else int(np.ravel(given)[0])


# Frames of a signal.


@function("signal.frame")
def _frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1):
    """y = frames of x: y[i] = x[i·frame_step : i·frame_step + frame_length]"""
    signal = np.moveaxis(signal, axis, -1)
    if pad_end:
        missing = max(0, frame_length + frame_step * (-(-signal.shape[-1] // frame_step) - 1) - signal.shape[-1])
        signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)], constant_values=pad_value)
        count = -(-(signal.shape[-1] - missing) // frame_step)
    else:
        count = max(0, 1 + (signal.shape[-1] - frame_length) // frame_step)
    places = np.arange(count)[:, None] * frame_step + np.arange(frame_length)
    found = signal[..., places]
    first = axis if axis >= 0 else axis - 1
    return np.moveaxis(found, (-2, -1), (first, first + 1))


def _windowed(window, share):
    def made(window_length, periodic=True, dtype="float32"):
        if window_length == 1:
            return np.ones(1, dtype)
        length = window_length + (1 if periodic and window_length % 2 == 0 else 0) - 1
        return (share - (1 - share) * np.cos(2 * np.pi * np.arange(window_length) / length)).astype(dtype)

    enter(f"signal.{window}_window", made, f"y = {share} − {1 - share} · cos(2π n / window_length)")
    return made


_hann, _hamming = _windowed("hann", 0.5), _windowed("hamming", 0.54)


@function("signal.stft")
def _stft(signals, frame_length, frame_step, fft_length=None, window_fn="hann_window", pad_end=False):
    """y = rfft of each frame of x under the window"""
    found = _frame(signals, frame_length, frame_step, pad_end)
    if fft_length is None:
        fft_length = 1 << (int(frame_length) - 1).bit_length()
    return _like(np.fft.rfft(found * _window(window_fn, frame_length, found.dtype), fft_length), signals)


def _window(window_fn, length, dtype):
    if window_fn is None:
        return dtype.type(1)
    name = window_fn.get("config") if isinstance(window_fn, dict) else window_fn  # as .keras files write a function
    made = {"hann_window": _hann, "hamming_window": _hamming}.get(name if isinstance(name, str) else None)
    if made is None:
        raise NotReplayable(f"window {window_fn!r} of a stft is not replayed")
    return made(length, dtype=dtype)


@function("signal.overlap_and_add")
def _overlap_and_add(signal, frame_step):
    """y = frames added up where they overlap, frame_step apart"""
    *front, count, length = signal.shape
    y = np.zeros((*front, length + frame_step * (count - 1)), signal.dtype)
    for i in range(count):
        y[..., i * frame_step:i * frame_step + length] += signal[..., i, :]
    return y


@function("signal.inverse_stft")
def _inverse_stft(stfts, frame_length, frame_step, fft_length=None, window_fn="hann_window"):
    """y = the frames whose rfft is x, under the window, added up where they overlap"""
    found = _irfft(stfts, fft_length or 1 << (int(frame_length) - 1).bit_length())[..., :frame_length]
    found = np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, frame_length - found.shape[-1])])
    return _overlap_and_add(found * _window(window_fn, frame_length, found.dtype), frame_step)


# Cosine transforms.


@function("signal.dct")
def _dct(input, type=2, n=None, axis=-1, norm=None):
    """y = dct of x: y[k] = 2 Σ x[n] · cos(π k (2n + 1) / 2N), or another of the four types"""
    x = input[..., :n] if n is None or n <= input.shape[-1] else np.pad(
        input, [(0, 0)] * (input.ndim - 1) + [(0, n - input.shape[-1])])
    return _like(x.astype("float64") @ _cosines(x.shape[-1], type, norm), input)


@function("signal.idct")
def _idct(input, type=2, n=None, axis=-1, norm=None):
    """y = the numbers whose dct is x, times 2N without norm"""
    return _dct(input, {2: 3, 3: 2}.get(type, type), n, axis, norm)


def _cosines(length, kind, norm):
    """Return the matrix (n, k) of a cosine transform of numbers n to frequencies k."""
    n, k = np.arange(length)[:, None], np.arange(length)
    if kind == 1:
        ends = np.where((n == 0) | (n == length - 1), 1.0, 2.0)
        return ends * np.cos(np.pi * n * k / (length - 1))
    if kind == 2:
        matrix = 2 * np.cos(np.pi * k * (2 * n + 1) / (2 * length))
        scale = np.where(k == 0, 0.5, np.sqrt(0.5)) / np.sqrt(length) if norm == "ortho" else 1.0
    elif kind == 3:
        matrix = np.where(n == 0, 1.0, 2.0) * np.cos(np.pi * (2 * k + 1) * n / (2 * length))
        scale = np.where(n == 0, 1.0, np.sqrt(0.5)) / np.sqrt(length) if norm == "ortho" else 1.0
    elif kind == 4:
        matrix = 2 * np.cos(np.pi * (2 * k + 1) * (2 * n + 1) / (4 * length))
        scale = 1 / np.sqrt(2 * length) if norm == "ortho" else 1.0
    else:
        raise NotReplayable(f"type {kind!r} of a dct is not replayed")
    return matrix * scale


@function("signal.mfccs_from_log_mel_spectrograms")
def _mfccs(log_mel_spectrograms):
    """y = dct of x over √2N"""
    x = log_mel_spectrograms
    return _dct(x) * x.dtype.type(1 / np.sqrt(2.0 * x.shape[-1]))


# Complex numbers.


for _names, _function, _said in (
    ("math.real real Real", np.real, "y = the real part of x"),
    ("math.imag imag Imag", np.imag, "y = the imaginary part of x"),
    ("math.angle angle Angle", np.angle, "y = the angle of x"),
    ("math.conj conj Conj", np.conj, "y = the real part of x, less i · its imaginary part"),
):
    enter(_names, lambda input, _function=_function: _function(np.asarray(input)), _said)


@function("dtypes.complex", "complex", "Complex")
def _complex(real, imag):
    """y = real + i · imag"""
    real, imag = np.asarray(real), np.asarray(imag)
    return (real + 1j * imag).astype(_COMPLEX[real.dtype.name])
