"""Resizing images (batch, height, width, channels) as ``tf.image.resize`` does, and repeating steps.

Every interpolation is separable: one small matrix (to, from) per axis says how much of each old pixel is in each new
one. Pixel i has its centre at i + ½. Positions and weights are computed in float32, as TensorFlow computes them: their
rounding shows in the results. Sources: tensorflow/core/kernels/image/{resize_bilinear,resize_bicubic,resize_area,
resize_nearest_neighbor,scale_and_translate}_op.cc and sampling_kernels.h.
"""

import numpy as np

F = np.float32


def resize(x, size, interpolation="bilinear", antialias=False):
    """``x`` (batch, height, width, channels) at ``size`` (height, width).

    ``interpolation`` is nearest, bilinear, bicubic, lanczos3, lanczos5 or area, or Keras 2's
    mitchellcubic; ``antialias`` widens the kernel of
    all but nearest and area when it shrinks. The result has the dtype of ``x`` and, except for nearest, float32's
    accuracy; integers are rounded and held within their range. Raises ``ValueError`` for any other interpolation.
    """
    if interpolation == "nearest":
        rows, columns = (nearest(length, to) for length, to in zip(x.shape[1:3], size, strict=True))
        return x[:, rows][:, :, columns]
    weights = weights_of(interpolation, antialias)
    y = x.astype(F, copy=False)
    for axis, to in zip((1, 2), size, strict=True):
        matrix = weights(x.shape[axis], to)
        y = np.moveaxis(np.tensordot(matrix, y, axes=(1, axis)), 0, axis)
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        y = np.clip(np.rint(y), limits.min, limits.max)
    return np.ascontiguousarray(y, x.dtype)


def repeat(x, times):
    """Every step of each spatial axis of ``x`` (batch, *space, channels), ``times`` over; one integer per axis."""
    for axis, time in enumerate(times, start=1):
        x = np.repeat(x, time, axis=axis)
    return x


def weights_of(interpolation, antialias):
    """The function (length, to) → matrix (to, length) of an interpolation's name."""
    kernels = {"bilinear": triangle, "bicubic": keys_cubic, "lanczos3": lanczos(3), "lanczos5": lanczos(5),
               "mitchellcubic": (mitchell_weight, 2)}
    direct = {"bilinear": bilinear, "bicubic": bicubic, "area": area}
    if interpolation in direct and not (antialias and interpolation in kernels):
        return direct[interpolation]
    if interpolation not in kernels:
        known = ", ".join(sorted({"nearest", *direct, *kernels}))
        raise ValueError(f"interpolation is one of {known}, not {interpolation!r}")
    return lambda length, to: sampled(length, to, *kernels[interpolation], antialias)


def nearest(length, to):
    """The old step under the centre of each of ``to`` new ones."""
    return np.minimum(np.floor(centres(length, to)).astype(int), length - 1)


def centres(length, to):
    """Where the centres of ``to`` new pixels lie on an axis of ``length`` old ones."""
    return (np.arange(to, dtype=F) + F(0.5)) * (F(length) / F(to))


def bilinear(length, to):
    """Two neighbours, by distance; beyond the first and last centre the edge pixel counts alone."""
    position = centres(length, to) - F(0.5)
    below = np.floor(position)
    share = position - below
    matrix, rows = np.zeros((to, length), F), np.arange(to)
    np.add.at(matrix, (rows, np.clip(below.astype(int), 0, length - 1)), 1 - share)
    np.add.at(matrix, (rows, np.clip(below.astype(int) + 1, 0, length - 1)), share)
    return matrix


def bicubic(length, to):
    """Four neighbours by Keys' cubic (a = −½), those outside left out and the rest brought to a sum of 1."""
    position = centres(length, to) - F(0.5)
    below = np.floor(position)
    # TensorFlow reads the cubic from a table with 1,024 steps between two pixels.
    share = np.rint((position - below) * F(1024)) / F(1024)
    matrix = np.zeros((to, length), F)
    for offset in (-1, 0, 1, 2):
        index = below.astype(int) + offset
        inside = (index >= 0) & (index < length)
        matrix[np.flatnonzero(inside), index[inside]] = keys_cubic[0](np.abs(share - F(offset)))[inside]
    return matrix / matrix.sum(axis=1, keepdims=True)


def area(length, to):
    """Every old pixel by the share of the new pixel that it covers."""
    scale = F(length) / F(to)
    edges = np.arange(to + 1, dtype=F)[:, None] * scale
    old = np.arange(length, dtype=F)
    overlap = np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old)
    within = (old < edges[:-1]) & (old + 1 > edges[1:])
    return np.where(within, 1, np.clip(overlap, 0, None) / scale).astype(F)


def sampled(length, to, kernel, radius, antialias):
    """Any kernel, evaluated at the distances between centres, each row brought to a sum of 1."""
    scale = F(1) / (F(to) / F(length))
    stretch = max(scale, F(1)) if antialias else F(1)
    centre = (np.arange(to, dtype=F) + F(0.5)) * scale
    distance = np.abs(np.arange(length, dtype=F) + F(0.5) - centre[:, None])
    matrix = np.where(distance <= radius * stretch, kernel(distance / stretch), F(0)).astype(F)
    return matrix / matrix.sum(axis=1, keepdims=True)


def cubic_weight(x):
    """Keys' cubic convolution kernel with a = −½ (IEEE Transactions on ASSP 29, 1981)."""
    inner = ((F(1.5) * x - F(2.5)) * x) * x + 1
    outer = ((F(-0.5) * x + F(2.5)) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, F(0)))


def mitchell_weight(x):
    """The cubic of Mitchell and Netravali with B = C = ⅓ (SIGGRAPH 1988)."""
    inner = (F(7 / 6) * x - 2) * x * x + F(16 / 18)
    outer = ((F(-7 / 18) * x + 2) * x - F(10 / 3)) * x + F(16 / 9)
    return np.where(x < 1, inner, np.where(x < 2, outer, F(0)))


def lanczos(radius):
    """The windowed sinc of ``radius`` lobes, and its radius."""

    def weight(x):
        angle = F(np.pi) * np.maximum(x, F(1e-3))
        return np.where(x <= F(1e-3), F(1), radius * np.sin(angle) * np.sin(angle / radius) / (angle * angle))

    return weight, radius


triangle = (lambda x: np.maximum(1 - x, 0)), 1
keys_cubic = cubic_weight, 2
