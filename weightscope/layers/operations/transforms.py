"""``keras.ops.image``: images sampled elsewhere: turned, moved, stretched, or read at given coordinates."""

import itertools

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.layers.operations.dtypes import as_float, cast, is_whole, tensor, together
from weightscope.layers.operations.image import batched
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("image")
F = np.float32


# Projections. Source: tensorflow/core/kernels/image/image_ops.h, ProjectiveGenerator and MapCoordinate.


@operation(shape=same)
def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """y[row, column] = images at ((b₀ x + b₁ y + b₂) / k, …) for the numbers a₀ a₁ a₂ b₀ b₁ b₂ c₀ c₁ of transform"""
    rule = interpolation, fill_mode, fill_value
    return _projected(images, np.atleast_2d(cast(tensor(transform), "float32")), rule, data_format=data_format)


@operation(shape=same)
def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """y = the images, their four start_points brought to the end_points"""
    start, end = (cast(tensor(points), "float32").reshape(-1, 4, 2) for points in (start_points, end_points))
    rule = interpolation, "constant", fill_value
    return _projected(images, _homography(start, end), rule, data_format=data_format)


def _homography(start, end):
    """Return the eight numbers (batch, 8) of the projection that takes each end point to its start point."""
    x, y = end[..., 0], end[..., 1]
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    rows = [[x, y, ones, zeros, zeros, zeros, -start[..., 0] * x, -start[..., 0] * y],
            [zeros, zeros, zeros, x, y, ones, -start[..., 1] * x, -start[..., 1] * y]]
    matrix = np.stack([np.stack(row, axis=-1) for row in rows], axis=2).reshape(-1, 8, 8)
    return np.linalg.solve(matrix, start.reshape(-1, 8, 1))[..., 0].astype(F)


@batched
def _projected(images, transform, rule):
    interpolation, fill_mode, fill_value = rule
    _, height, width, _ = images.shape
    x, y = np.meshgrid(np.arange(width, dtype=F), np.arange(height, dtype=F))
    a = [n[:, None, None] for n in transform.T]
    depth = a[6] * x + a[7] * y + F(1)
    columns = (a[0] * x + a[1] * y + a[2]) / depth
    rows = (a[3] * x + a[4] * y + a[5]) / depth
    at = [_inside(np.where(depth == 0, F(-1e9), position), length, fill_mode.lower())
          for position, length in ((rows, height), (columns, width))]
    read = _nearest if interpolation == "nearest" else _bilinear
    found = read(images, *at, images.dtype.type(fill_value))
    return np.where((depth == 0)[..., None], images.dtype.type(fill_value), found).astype(images.dtype)


def _inside(position, length, fill_mode):
    """Bring positions beyond an axis back onto it: in a mirror, from the other end, or from the edge."""
    if fill_mode == "reflect":
        return _reflected(position, length)
    if fill_mode == "wrap":
        if length <= 1:
            return np.zeros_like(position)
        below = position + length * (np.trunc(-position / F(length - 1)) + 1)
        above = position - length * np.trunc(position / F(length - 1))
        position = np.where(position < 0, below, np.where(position > length - 1, above, position))
        return np.clip(position, 0, length - 1)
    return np.clip(position, 0, length - 1) if fill_mode == "nearest" else position


def _reflected(position, length):
    if length <= 1:
        return np.zeros_like(position)
    twice = F(2 * length)
    low = np.where(position < -twice, position + twice * np.trunc(-position / twice), position)
    low = np.where(low < -length, low + twice, -low - 1)
    high = position - twice * np.trunc(position / twice)
    high = np.where(high >= length, twice - high - 1, high)
    found = np.where(position < 0, low, np.where(position > length - 1, high, position))
    return np.clip(found, 0, length - 1)


def _read(images, rows, columns, fill_value):
    _, height, width, _ = images.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = (np.clip(n, 0, length - 1).astype(int) for n, length in ((rows, height), (columns, width)))
    row, column = np.broadcast_arrays(*places)
    row, column = (np.broadcast_to(n, (len(images), *n.shape[1:])) for n in (row, column))
    found = images[np.arange(len(images))[:, None, None], row, column]
    return np.where(inside[..., None], found, fill_value)


def _nearest(images, rows, columns, fill_value):
    return _read(images, _rounded(rows), _rounded(columns), fill_value)


def _rounded(x):
    # TensorFlow's transformation rounds halves away from zero; tf.round, of map_coordinates, to the even neighbour.
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) == 0.5, whole + np.sign(x), np.rint(x))


def _bilinear(images, rows, columns, fill_value):
    top, left = np.floor(rows), np.floor(columns)

    def along(row):
        here, there = (_read(images, row, column, fill_value) for column in (left, left + 1))
        return (left + 1 - columns)[..., None] * here + (columns - left)[..., None] * there

    return (top + 1 - rows)[..., None] * along(top) + (rows - top)[..., None] * along(top + 1)


# Coordinates.


@operation(shape=lambda inputs, coordinates, order, **_: _coordinates_shape(coordinates))
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """y = inputs read at the coordinates: the nearest value (order 0), or its neighbours' mean by distance (order 1)"""
    points = [tensor(axis) for axis in coordinates]
    neighbours = [_neighbours(point, order) for point in points]
    y = 0
    for corner in itertools.product(*neighbours):
        found = [_held(index, n, fill_mode) for (index, _), n in zip(corner, inputs.shape)]
        weight = np.prod([weight for _, weight in corner], axis=0, dtype=points[0].dtype)
        values = cast(inputs[tuple(index for index, _ in found)], weight.dtype)
        inside = np.all([valid for _, valid in found], axis=0)
        y = y + weight * np.where(inside, values, weight.dtype.type(inputs.dtype.type(fill_value)))
    return cast(np.rint(y) if is_whole(inputs) else y, inputs.dtype)


def _coordinates_shape(coordinates):
    if isinstance(coordinates, list):
        return shape_of(coordinates[0])
    return shape_of(coordinates)[1:]


def _neighbours(point, order):
    if order == 0:
        return [(np.rint(point).astype(int), np.ones_like(point))]
    if order != 1:
        raise NotReplayable(f"order {order} of map_coordinates is not replayed: Keras has 0 and 1")
    low = np.floor(point)
    share = point - low
    return [(low.astype(int), 1 - share), (low.astype(int) + 1, share)]


def _held(index, n, fill_mode):
    """Return indices within an axis of ``n`` and which of them count, as Keras' ``map_coordinates`` does."""
    everywhere = np.ones(index.shape, bool)
    if fill_mode == "constant":
        return np.clip(index, 0, n - 1), (index >= 0) & (index < n)
    if fill_mode == "nearest":
        return np.clip(index, 0, n - 1), everywhere
    if fill_mode == "wrap":
        return index % n, everywhere
    turned = np.abs(index) % (2 * n)
    back = 2 * n - turned - (1 if fill_mode == "reflect" else 0)
    found = np.where(turned < n, turned, back)
    if np.any(found >= n):
        raise NotReplayable("a mirrored coordinate falls beyond its axis, where Keras reads zeros or fails")
    return found, everywhere


# Stretching.


def _lanczos(radius):
    def weight(x):
        y = radius * np.sin(np.pi * x) * np.sin(np.pi * x / radius)
        y = np.where(x > 1e-3, y / np.where(x != 0, np.pi**2 * x**2, 1), 1)
        return np.where(x > radius, 0, y)

    return weight


def _cubic(x):
    y = ((1.5 * x - 2.5) * x) * x + 1
    y = np.where(x >= 1, ((-0.5 * x + 2.5) * x - 4) * x + 2, y)
    return np.where(x >= 2, 0, y)


def _triangle(x):
    return np.maximum(0, 1 - np.abs(x))


_METHODS = {"lanczos3": _lanczos(3), "lanczos5": _lanczos(5), **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
            **dict.fromkeys(("linear", "bilinear", "trilinear"), _triangle)}  # fmt: skip


@operation(shape=lambda images, output_shape, *_, **__: tuple(output_shape))
def scale_and_translate(images, output_shape, scale, translation, spatial_dims=(), method="linear", antialias=True):
    """y[p] = images at (p − translation) / scale, as method mixes their values"""
    scale, translation = together(scale, translation)
    y = as_float(images)
    for i, d in enumerate(spatial_dims):
        length, to = images.shape[d], output_shape[d]
        matrix = _weights(length, to, scale[i], translation[i], _METHODS[method], antialias)
        y = np.moveaxis(np.tensordot(y, matrix.astype(y.dtype), (d, 0)), -1, d)
    return cast(np.clip(np.rint(y), images.min(), images.max()), images.dtype) if is_whole(images) else y


def _weights(length, to, scale, translation, kernel, antialias):
    """Return how much of each old value is in each new one (length, to)."""
    dtype, inverse = scale.dtype, 1 / scale
    wide = np.maximum(inverse, 1) if antialias else 1
    at = (np.arange(to, dtype=dtype) + dtype.type(0.5)) * inverse - translation * inverse - dtype.type(0.5)
    weights = kernel(np.abs(at - np.arange(length, dtype=dtype)[:, None]) / wide)
    total = weights.sum(axis=0)
    weights = np.where(np.abs(total) > 1000 * np.finfo("float32").eps, weights / np.where(total != 0, total, 1), 0)
    return np.where((at >= -0.5) & (at <= length - 0.5), weights, 0)
