"""Chooses, of made-up samples, those that leave the fewest values dark: 0 in all of them, as behind a relu."""

import math

import numpy as np

from weightscope.model.structure import flatten
from weightscope.replaying.replay import replay

TIMES = 8  # as many samples as are wanted are made, to choose from
MOST_SAMPLES = 32
MOST_VALUES = 1 << 21  # that all of these make on their way through the model: more is not worth the time


def times_to_choose_from(model, shapes):
    """Return how many times as many samples as are wanted, of inputs of these ``shapes``, are worth a choice."""
    samples, entering = shapes[0][0], sum(map(math.prod, shapes))
    if samples > MOST_SAMPLES or entering * TIMES > MOST_VALUES or not _may_be_dark(model):
        return 1
    values = model.values_of_sample(shapes)
    return TIMES if values and values * samples * TIMES <= MOST_VALUES else 1


def _may_be_dark(model):
    """Tell whether a layer gives 0 for whole ranges of what it is given, and none takes its time, step by step."""
    layers = list(model.with_parts())
    activations = {str(getattr(own, "name", "")) for layer in layers for own in layer.activations().values()}
    darkening = any("relu" in name.lower() for name in activations | {layer.class_name for layer in layers})
    return darkening and not any(hasattr(layer, "step_functions") for layer in layers)


def chosen(model, arrays, samples):
    """Return so many ``samples`` of inputs, a list of arrays: the first ones, or, from the last on, better ones.

    Every other sample may have a meaning (``made_up``): so another comes from a place that is as even, or as odd.
    """
    count = len(arrays[0])
    if count <= samples:
        return arrays
    bright = _bright(replay(model, arrays), count)
    places = list(range(samples))
    for place in reversed(places[1:]):
        others = np.any([bright[i] for i in places if i != places[place]], axis=0)
        gained = [np.count_nonzero(bright[i] & ~others) for i in range(count)]
        candidates = [places[place], *(i for i in range(samples, count) if i % samples % 2 == place % 2)]
        places[place] = max(candidates, key=gained.__getitem__)
    return [array[places] for array in arrays]


def _bright(trace, count):
    """Return which features of a Trace's outputs are not 0, (samples, features), of those that are in some sample.

    A feature is a place on the last axis, at any step or pixel. None counts in samples of which an output is at its
    ends, 0, 1 or -1, throughout, if that of others is not: what a weight adds there is lost.
    """
    leaves = [leaf for outputs in trace.values() for leaf in flatten(outputs)
              if leaf.ndim > 1 and len(leaf) == count and leaf.dtype.kind in "fiu"]
    between = [((leaf != 0) & (abs(leaf) != 1)).reshape(count, -1).any(axis=1) for leaf in leaves]
    alive = np.all([np.ones(count, bool), *(found for found in between if found.any())], axis=0).reshape(-1, 1)
    found = [(leaf != 0).any(axis=tuple(range(1, leaf.ndim - 1))) & alive for leaf in leaves]
    return np.concatenate([np.zeros((count, 0), bool), *(leaf[:, ~leaf.all(axis=0)] for leaf in found)], axis=1)
