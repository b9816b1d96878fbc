"""Brightness of images (batch, height, width, channels) spread out by histograms of their tiles."""

import numpy as np

LEVELS = 256
F = np.float32


def equalized(x, tile_grid_size, clip_limit):
    """Return ``x``, of values 0 … 255, with the contrast of each tile stretched: float32, of the shape of ``x``.

    Each of ``tile_grid_size`` (rows, columns) tiles gets a curve from its histogram, in which no level counts more than
    ``clip_limit`` times the mean (0: as much as it likes); a pixel is seen through the curves of the four tiles around
    it, by distance. Source: K. Zuiderveld, Contrast Limited Adaptive Histogram Equalization (Graphics Gems IV, 1994),
    as ``keras.layers.ContrastLimitedAdaptiveHistogramEqualization`` does it.
    """
    rows, columns = tile_grid_size
    height, width = x.shape[1:3]
    tile = -(-height // rows), -(-width // columns)
    around = [(0, 0), (0, tile[0] * rows - height), (0, tile[1] * columns - width), (0, 0)]
    levels = np.clip(np.pad(x, around, mode="symmetric"), 0, LEVELS - 1).astype(int)
    curves = _curves(levels, tile_grid_size, tile, clip_limit)
    curves = np.pad(curves, [(0, 0), (1, 1), (1, 1), (0, 0), (0, 0)], mode="edge")
    return _through(curves, levels, tile)[:, :height, :width]


def _curves(levels, grid, tile, clip_limit):
    """Return the curve of each tile: (batch, rows, columns, channels, levels)."""
    batch, _, _, channels = levels.shape
    tiles = levels.reshape(batch, grid[0], tile[0], grid[1], tile[1], channels).transpose(0, 1, 3, 5, 2, 4)
    counts = _histograms(tiles.reshape(-1, tile[0] * tile[1]))
    if clip_limit > 0:
        kept = np.minimum(counts, F(clip_limit * (tile[0] * tile[1]) / 256.0))
        counts = kept + np.sum(counts - kept, axis=-1, keepdims=True) / F(LEVELS)
    summed = np.cumsum(counts, axis=-1)
    least = summed.min(axis=-1, keepdims=True)
    span = F(tile[0] * tile[1]) - least
    curves = np.clip((summed - least) * F(255) / np.where(span == 0, F(1), span), 0, 255)
    return curves.reshape(batch, *grid, channels, LEVELS)


def _histograms(rows):
    cells = np.arange(len(rows))[:, None] * LEVELS + rows
    return np.bincount(cells.ravel(), minlength=len(rows) * LEVELS).reshape(len(rows), LEVELS).astype(F)


def _through(curves, levels, tile):
    """Return every pixel through the four curves nearest to it; ``curves`` has a border of one tile all round."""
    (y, down), (x, right) = (_between(levels.shape[axis], tile[axis - 1]) for axis in (1, 2))
    batch, channel = np.arange(len(levels))[:, None, None, None], np.arange(levels.shape[-1])
    y, down = y[:, None, None], down[:, None, None]
    x, right = x[:, None], right[:, None]

    def seen(row, column):
        return curves[batch, row, column, channel, levels]

    top = seen(y, x) * (1 - right) + seen(y, x + 1) * right
    bottom = seen(y + 1, x) * (1 - right) + seen(y + 1, x + 1) * right
    return top * (1 - down) + bottom * down


def _between(length, tile):
    """Return for each pixel of an axis the tile before it, counted from the border, and the share of the next."""
    position = (np.arange(length, dtype=F) - F(tile / 2)) / F(tile) + 1
    before = np.floor(position)
    return before.astype(int), position - before
