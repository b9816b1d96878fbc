"""Inputs that are made up: seeded, and such that what reads them uses all of its weights, as far as they reach."""

import math

import numpy as np

from weightscope.errors import Unsafe, Unsupported
from weightscope.model.running import MISFITS
from weightscope.model.wanted import Wanted
from weightscope.replaying.lengths import MOST_VALUES, concrete_shapes
from weightscope.replaying.reaching import chosen, times_to_choose_from
from weightscope.replaying.uses import Use, used_as

SMALL_WHOLE_NUMBERS = 10  # whole numbers nobody looks up are 0 … 9
WORDS = ("one", "two", "three")  # of text that nobody looks up
WORDS_OF_A_TEXT = 8  # whose length nobody tells
MOST_WORDS = 1024
OPPOSITE = -0.8  # every second sample is so many times the one before: what is below 0 in one is above it in the other


def random_inputs(model, seed, samples):
    """Return ``(arrays, reason)``: one random array for each input, and which layer refuses their sizes, or "".

    Floats are standard normal, every second sample turned round, or of the range that a Rescaling expects; numbers and
    words that are looked up are spread over the whole table; where steps can be masked, every second sample ends in
    masked steps. Raises Unsupported for inputs of a kind that cannot be made up, Unsafe for sizes that are too large.
    """
    shapes, reason = concrete_shapes(model, samples)
    uses = [used_as(model, layer.name) for layer in model.input_layers]
    free = not reason and not any(use.is_table for use in uses)  # a table's rows are spread over just these samples
    arrays, times = [], times_to_choose_from(model, shapes) if free else 1
    for index, (layer, shape, use) in enumerate(zip(model.input_layers, shapes, uses)):
        _check_size(layer, shape)
        generator = np.random.default_rng([seed, index])
        arrays.append(np.concatenate([_made(layer, shape, use, generator) for _ in range(times)]))
    return chosen(model, arrays, samples), reason


def _made(layer, shape, use, generator):
    try:
        return _Made(layer, shape, use, generator).array()
    except MISFITS:  # what a damaged file wants need not fit its inputs
        return _Made(layer, shape, Use(), generator).array()


def _check_size(layer, shape):
    if any(size < 0 for size in shape) or math.prod(shape) > MOST_VALUES:
        raise Unsafe(f"input {layer.name!r} of shape {shape} would take {math.prod(shape):,} values; give a smaller"
                     " one with --input, or lower --samples")


class _Made:
    """One input to be made, of a shape, for a ``uses.Use``."""

    def __init__(self, layer, shape, use, generator):
        self._layer, self._shape, self._use, self._generator = layer, shape, use, generator
        self._wanted = use.wanted or Wanted()

    def array(self):
        """Return the array."""
        dtype = self._layer.compute_dtype
        if dtype == "string":
            return self._text()
        kind = np.dtype("float32" if dtype == "bfloat16" else dtype or "O")
        if kind.kind not in "biuf":
            raise Unsupported(f"input {self._layer.name!r} takes {self._layer.policy}, which cannot be made up; give it"
                              " with --input")
        if self._use.is_mask:
            return self._counted().astype(kind)
        counted = np.ones(self._shape, bool) if self._use.masked is None else self._counted()
        array = np.full(self._shape, 0 if self._use.masked is None else self._use.masked).astype(kind)
        array[counted] = self._looked_up(kind, counted.sum()) if self._use.is_table else self._numbers(kind)[counted]
        return array

    def _counted(self):
        """Return which values count: in every second sample, or the only one, none of the steps at the end."""
        axis = len(self._shape) - 1 if self._use.is_table or self._use.is_mask else 1
        if len(self._shape) < 2 or self._shape[axis] < 2:
            return np.ones(self._shape, bool)
        lengths = np.full(self._shape[:axis], self._shape[axis])
        shortened = lengths[min(1, len(lengths) - 1)::2]
        shortened[:] = self._generator.integers(1, self._shape[axis], shortened.shape)
        counted = np.arange(self._shape[axis]) < lengths[..., None]
        return np.broadcast_to(counted.reshape(*counted.shape, *(1,) * (len(self._shape) - axis - 1)), self._shape)

    def _looked_up(self, kind, count):
        """Return so many numbers that are looked up."""
        if self._wanted.values:
            return np.asarray(self._wanted.values)[self._spread(len(self._wanted.values), count)].astype(kind)
        rows = self._wanted.rows if kind.kind == "f" else min(self._wanted.rows, _largest(kind) + 1)
        low = 1 if rows > 1 and self._use.masked == 0 else 0
        return (low + self._spread(rows - low, count)).astype(kind)

    def _spread(self, rows, count):
        """Return ``count`` whole numbers below ``rows``: all of them, if they are so many, else from all parts."""
        if count >= rows:
            orders = [self._generator.permutation(rows) for _ in range(math.ceil(count / rows))]
            return np.concatenate(orders)[:count]
        found = ((np.arange(count) + self._generator.random(count)) * (rows / count)).astype("int64")
        found[:1], found[1:][-1:] = 0, rows - 1
        return self._generator.permutation(found)

    def _numbers(self, kind):
        """Return numbers that nothing looks up."""
        if self._wanted.scale is not None:
            return self._scaled(kind)
        if kind.kind == "f":
            return _turned(self._generator.standard_normal(self._shape, "float32"), OPPOSITE, 0.0).astype(kind)
        most = {"b": 2, "u": 256 if kind.itemsize == 1 else SMALL_WHOLE_NUMBERS}.get(kind.kind, SMALL_WHOLE_NUMBERS)
        return self._generator.integers(0, most, self._shape).astype(kind)

    def _scaled(self, kind):
        ends = self._wanted.ends
        behind = self._generator.standard_normal(self._shape) if ends is None else self._generator.uniform(
            *ends, self._shape)
        behind = _turned(behind, OPPOSITE, 0.0) if ends is None else _turned(behind, -1.0, sum(ends))
        array = (behind - np.asarray(self._wanted.offset)) / np.asarray(self._wanted.scale)
        if kind.kind == "f":
            return array.astype(kind)
        return np.clip(np.rint(array), 0 if kind.kind in "ub" else -_largest(kind), _largest(kind)).astype(kind)

    def _text(self):
        wanted = self._wanted
        values = [str(value) for value in wanted.values or range(wanted.rows or 0)] or list(WORDS)
        if wanted.words is None:
            return self._tokens(values, self._shape)
        words = self._tokens(values, (*self._shape, min(wanted.words or WORDS_OF_A_TEXT, MOST_WORDS)))
        return np.array([wanted.between.join(filter(None, row)) for row in words.reshape(-1, words.shape[-1])]
                        ).reshape(self._shape)

    def _tokens(self, values, shape):
        ends = self._wanted.words is not None or self._use.masked is not None
        self._shape, own = shape, self._shape
        counted = self._counted() if ends else np.ones(shape, bool)
        self._shape = own
        found = np.full(shape, str(self._use.masked or ""), dtype=object)
        found[counted] = np.asarray(values, object)[self._spread(len(values), counted.sum())]
        return found.astype(str)


def _turned(array, factor, offset):
    """Return samples, every second of which is the one before it, times ``factor`` and moved by ``offset``."""
    array[1::2] = array[::2][:len(array[1::2])] * factor + offset
    return array


def _largest(kind):
    return 1 if kind.kind == "b" else int(np.iinfo(kind).max)
