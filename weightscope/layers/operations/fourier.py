"""``keras.ops.math``: Fourier transforms, of pairs (real, imaginary), and the frames of a signal.

NumPy transforms in float64; the results have the dtype of the input, as in TensorFlow.
"""

import numpy as np

from weightscope.layers.operations.dtypes import cast, tensor
from weightscope.layers.operations.table import operations_of, shape_of

operation = operations_of("math")


def _complex(x):
    real, imaginary = x
    return real + 1j * imaginary


def _pair(y, like):
    return np.asarray(y.real, like.dtype), np.asarray(y.imag, like.dtype)


def _pair_shape(x):
    return [shape_of(x[0])] * 2


@operation(shape=_pair_shape)
def fft(x):
    """y[k] = Σ x[n] · exp(−2πi k n / N) along the last axis"""
    return _pair(np.fft.fft(_complex(x)), x[0])


@operation(shape=_pair_shape)
def fft2(x):
    """y = fft along the last two axes"""
    return _pair(np.fft.fft2(_complex(x)), x[0])


@operation(shape=_pair_shape)
def ifft2(x):
    """y[n] = Σ x[k] · exp(2πi k n / N) / N along the last two axes"""
    return _pair(np.fft.ifft2(_complex(x)), x[0])


def _rfft_shape(x, fft_length=None):
    length = shape_of(x)[-1] if fft_length is None else fft_length
    return [(*shape_of(x)[:-1], None if length is None else length // 2 + 1)] * 2


@operation(shape=_rfft_shape)
def rfft(x, fft_length=None):
    """y[k] = Σ x[n] · exp(−2πi k n / N) along the last axis, for k up to N / 2"""
    return _pair(np.fft.rfft(x, fft_length), x)


def _irfft_shape(x, fft_length=None):
    length = shape_of(x[0])[-1]
    length = None if length is None else 2 * (length - 1)
    return *shape_of(x[0])[:-1], fft_length or length


@operation(shape=_irfft_shape)
def irfft(x, fft_length=None):
    """y = the real signal whose rfft is x"""
    return np.asarray(np.fft.irfft(_complex(x), fft_length), x[0].dtype)


# Frames of a signal.


def frames(x, length, step):
    """Return frames (…, frame, length) of the last axis of ``x``, ``step`` apart; what fills no frame is left out."""
    return np.lib.stride_tricks.sliding_window_view(x, length, axis=-1)[..., ::step, :]


def _frame_count(length, frame, step):
    return None if length is None else max((length - frame) // step + 1, 0)


@operation(shape=lambda x, sequence_length, sequence_stride: (
    *shape_of(x)[:-1], _frame_count(shape_of(x)[-1], sequence_length, sequence_stride), sequence_length))
def extract_sequences(x, sequence_length, sequence_stride):
    """y[i] = x[i·sequence_stride : i·sequence_stride + sequence_length]"""
    return frames(x, sequence_length, sequence_stride).copy()


def window_of(window, sequence_length, fft_length, dtype):
    """Return a window's values (fft_length,): hann, hamming, values given, or ones for None; zeros at both ends."""
    if window is None:
        return np.ones(fft_length, dtype)
    if isinstance(window, str):
        share = {"hann": 0.5, "hamming": 0.54}[window]
        # A periodic window of even length; of odd length TensorFlow's is not.
        turn = 2 * np.pi * np.arange(sequence_length) / (sequence_length - sequence_length % 2)
        window = share - (1 - share) * np.cos(turn)
    before = (fft_length - sequence_length) // 2
    return np.pad(np.asarray(window, dtype), (before, fft_length - sequence_length - before))


def _stft_shape(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    *front, length = shape_of(x)
    length = None if length is None else length + (fft_length // 2 * 2 if center else 0)
    return [(*front, _frame_count(length, fft_length, sequence_stride), fft_length // 2 + 1)] * 2


@operation(shape=_stft_shape)
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """y = rfft of each frame of x under the window; center: the first frame's middle is the first value"""
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2,) * 2], "reflect")
    under = frames(x, fft_length, sequence_stride) * window_of(window, sequence_length, fft_length, x.dtype)
    return _pair(np.fft.rfft(under), x)


def _istft_shape(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    *front, count, _ = shape_of(x[0])
    full = None if count is None else fft_length + sequence_stride * (count - 1)
    return *front, length or (full if full is None or not center else full - fft_length // 2 * 2)


@operation(shape=_istft_shape)
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """y = the signal whose stft is x: frames under the inverse window, added up where they overlap"""
    parts = np.fft.irfft(_complex(x), fft_length)
    values = window_of(window, sequence_length, fft_length, "float64")
    if window is not None:
        parts = parts * _inverse_window(values, sequence_stride)
    *front, count, _ = parts.shape
    y = np.zeros((*front, fft_length + sequence_stride * (count - 1)))
    for i in range(count):
        y[..., i * sequence_stride:i * sequence_stride + fft_length] += parts[..., i, :]
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else y.shape[-1] - start
    return cast(y[..., start:end], tensor(x[0]).dtype)


def _inverse_window(window, step):
    """Return the window over the sum of its squares at all frames that meet a value (``tf.signal`` has it so)."""
    padded = np.pad(window**2, (0, -len(window) % step))
    total = padded.reshape(-1, step).sum(axis=0)
    return window / np.tile(total, -(-len(window) // step))[:len(window)]
