"""Sizes for the axes that a model leaves open: small ones that the shape rule of every layer takes."""

import itertools
import math

from weightscope.errors import Unsupported
from weightscope.model.structure import flatten_shapes

SIZES = (8, 16, 32, 64, 96, 128, 224, 256, 512)  # tried first, each for all open axes
LONGER = tuple(2**power for power in range(10, 18))
EVERY = 640  # up to which all sizes are tried where none of those fits
MOST_AXES = 3  # whose sizes are sought independently of each other
MOST_VALUES = 1 << 27  # in the inputs
MOST_ON_THE_WAY = 1 << 28  # that a sample makes in the model
MOST_RULES = 100_000  # shape rules that are asked
LEAST_TRIES = 40


def concrete_shapes(model, samples):
    """Return ``(shapes, reason)``: a shape of so many ``samples`` for each input, and which layer refuses them, or "".

    Open axes get sizes that every layer takes: the first of SIZES for all, or else the smallest found for each of them.
    Where none is found, within bounds of time and memory, it is those that the fewest layers refuse. Raises Unsupported
    for an input whose shape the file does not tell.
    """
    for layer in model.input_layers:
        if layer.batch_shape is None:
            raise Unsupported(f"the file does not tell the shape of input {layer.name!r}; give it with --input")
    declared = [(samples, *layer.batch_shape[1:]) for layer in model.input_layers]
    places = [(index, axis) for index, shape in enumerate(declared) for axis, size in enumerate(shape) if size is None]
    if not places:
        return declared, ""
    search = _Search(model, declared)
    sizes = search.found(places)
    return search.shapes(sizes), search.refusals(sizes)


class _Search:
    """Tries sizes, ``{(input, axis): size}``, on the shape rules of a model."""

    def __init__(self, model, declared):
        self._model, self._declared, self._known = model, declared, {}
        self._left = max(MOST_RULES // max(len(model.nodes), 1), LEAST_TRIES)

    def shapes(self, sizes):
        """Return the shapes of the inputs with these sizes."""
        return [tuple(sizes[index, axis] if size is None else size for axis, size in enumerate(shape))
                for index, shape in enumerate(self._declared)]

    def refusals(self, sizes):
        """Return in words the first refusal of these sizes, "" for none."""
        return next(iter(self._tried(sizes).values()), "")

    def found(self, places):
        """Return sizes that fit, or those of SIZES that are refused least."""
        alike = [dict.fromkeys(places, size) for size in SIZES]
        for sizes in alike:
            if self._fits(sizes):
                return sizes
        by_axis = [[place for place in places if place[1] == axis] for axis in sorted({axis for _, axis in places})]
        for groups in (by_axis, [[place] for place in places]):
            sizes = self._ladder(groups)
            if sizes is not None:
                return self._tightened(sizes, groups)
        every = (dict.fromkeys(places, size) for size in [*range(2, EVERY), 1])  # 1 is spread over any size
        least = min(alike, key=lambda sizes: len(self._tried(sizes)))
        return next(filter(self._fits, every), least)

    def _ladder(self, groups):
        """Return sizes, one for each group of places, that fit: the first of all by how many values they make."""
        if len(groups) > MOST_AXES:
            return None
        steps = sorted(itertools.product(SIZES + LONGER, repeat=len(groups)), key=lambda step: (math.prod(step), step))
        return next(filter(self._fits, (_of_groups(groups, step) for step in steps)), None)

    def _tightened(self, sizes, groups):
        """Return sizes that fit, each group's halved towards the smallest."""
        for group in groups:
            low, high = SIZES[0], sizes[group[0]]
            while low < high:
                middle = (low + high) // 2
                if self._fits({**sizes, **dict.fromkeys(group, middle)}):
                    high = middle
                else:
                    low = middle + 1
            sizes = {**sizes, **dict.fromkeys(group, high)}
        return sizes

    def _fits(self, sizes):
        return not self._tried(sizes)

    def _tried(self, sizes):
        """Return ``{path: reason}`` of what refuses these sizes."""
        key = tuple(sizes.values())
        if key not in self._known:
            self._known[key] = self._asked(self.shapes(sizes))
        return self._known[key]

    def _asked(self, shapes):
        if sum(map(math.prod, shapes)) > MOST_VALUES:
            return {"": "they are too large to try"}
        if not self._left:
            return {"": "too many sizes were tried"}
        self._left -= 1
        refused = {}
        found = flatten_shapes([shape for shape in self._model.shapes(shapes, refused=refused).values() if shape])
        values = sum(math.prod(size or 1 for size in shape[1:]) for shape in found)
        return refused or ({"": "they make too many values"} if values > MOST_ON_THE_WAY else {})


def _of_groups(groups, step):
    return {place: size for group, size in zip(groups, step) for place in group}
