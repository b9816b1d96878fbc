"""Sound: short-time Fourier transforms, mel bands and decibels."""

import numpy as np

MEL_BREAK, MEL_FACTOR = 700.0, 1127.0  # Hz, and mel for each e-fold (HTK book, section 5.4)


def window(name, length, dtype):
    """Return the window "hann" or "hamming" of ``length`` steps; raise ValueError for another name.

    Periodic for an even length, symmetric for an odd one: so does ``tf.signal``, though asked for periodic ones.
    """
    if name not in ("hann", "hamming"):
        raise ValueError(f"window is hann or hamming, not {name!r}")
    if length == 1:
        return np.ones(1, dtype)
    steps = np.arange(length, dtype=dtype)
    share = dtype.type(0.5 if name == "hann" else 0.54)
    angle = dtype.type(2 * np.pi) * steps / dtype.type(length if length % 2 == 0 else length - 1)
    return share - (1 - share) * np.cos(angle)


def magnitudes(x, length, stride, taps):
    """Return the spectra of the frames of ``x`` (..., steps), without phase: (..., frames, ``length`` // 2 + 1).

    Frames of ``length`` steps, ``stride`` apart, centred on 0, ``stride``, …, mirrored at both ends of the signal, and
    multiplied by ``taps``. The signal has more than half as many steps as a frame.
    """
    half = length // 2
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, length, axis=-1)[..., ::stride, :]
    spectrum = np.fft.rfft(frames * taps)
    return np.sqrt(np.square(spectrum.real) + np.square(spectrum.imag)).astype(x.dtype)


def mel_bands(count, bins, sampling_rate, low, high):
    """Return the share of each of ``bins`` frequencies in each mel band, triangles in mel: (``bins``, ``count``)."""
    frequencies = np.linspace(0, np.float32(sampling_rate) / 2, bins, dtype="float32")[1:]
    position = mel(frequencies)[:, None]
    edges = np.linspace(mel(np.float32(low)), mel(np.float32(high)), count + 2, dtype="float32")
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    shares = np.minimum((position - left) / (centre - left), (right - position) / (right - centre))
    return np.pad(np.maximum(shares, 0), [(1, 0), (0, 0)])


def mel(frequency):
    """Return a frequency in hertz on the mel scale."""
    return np.float32(MEL_FACTOR) * np.log(1 + frequency / np.float32(MEL_BREAK))


def decibels(x, least, reference, drop):
    """Return powers in decibels over ``reference``, ``least`` at the least; what is more than ``drop``
    below the peak of all of ``x``, the whole batch, is brought up to there.
    """
    number = x.dtype.type
    level = number(10) * np.log10(np.maximum(x, number(least)))
    level -= number(10) * np.log10(np.maximum(number(abs(reference)), number(least)))
    return np.maximum(level, level.max() - number(drop))
