"""Pooling: the largest of a window, or its mean, channel by channel."""

import math
from itertools import product

import numpy as np

from weightscope.explaining import windows
from weightscope.explaining.steps import Factor, Pick, Say, Sum
from weightscope.explaining.told import NotExplained, explains
from weightscope.layers.pooling import (
    AdaptiveAveragePooling,
    AdaptiveMaxPooling,
    AveragePooling,
    GlobalAveragePooling,
    GlobalMaxPooling,
    MaxPooling,
)


@explains(MaxPooling)
def largest(told):
    places, means = yield from _window(told)
    yield from _largest(told, places, means)


@explains(AveragePooling)
def mean(told):
    places, means = yield from _window(told)
    layer, whole = told.layer, math.prod(told.layer.pool_size)
    counted = whole if layer.padding == "theano_counted" else len(places)
    if counted < whole:
        yield Say(f"what is padding is not counted: {counted} instead of {whole} numbers")
    yield from _mean(told, places, means, counted)


@explains(GlobalMaxPooling)
def largest_of_all(told):
    yield from _largest(told, _everywhere(told), told.place("x", (*_letters(told), told.at[-1])))


@explains(GlobalAveragePooling)
def mean_of_all(told):
    places, mask = _everywhere(told), told.given.get("mask")
    if mask is not None:
        kept = np.asarray(mask, bool)[told.sample]
        places = [at for at in places if kept[at[0]]]
        yield Say(f"{len(places)} of {len(kept)} steps are not masked, and counted", of_numbers=True)
    yield from _mean(told, places, told.place("x", (*_letters(told), told.at[-1])), len(places))


@explains(AdaptiveAveragePooling)
def mean_of_adaptive(told):
    places, means = yield from _adaptive(told)
    yield from _mean(told, places, means, len(places))


@explains(AdaptiveMaxPooling)
def largest_of_adaptive(told):
    places, means = yield from _adaptive(told)
    yield from _largest(told, places, means)


def _window(told):
    """Yield what is said of the window, and return the places in it and their name in symbols."""
    layer, (*window, channel) = told.layer, told.at
    axes = windows.axes_of(told.x.shape[:-1], layer.pool_size, layer.strides or layer.pool_size, layer.padding)
    yield from windows.words(axes, window)
    steps = product(*(axis.steps(number) for axis, number in zip(axes, window)))
    places = [(*(at for _, at in found), channel) for found in steps]
    return places, told.place("x", (*windows.symbols(axes, window), channel))


def _adaptive(told):
    layer, (*window, channel) = told.layer, told.at
    space = told.x.shape[:-1]
    edges = [(p * n // count, -(-(p + 1) * n // count)) for p, n, count in zip(window, space, layer.output_size)]
    for name, p, n, count, (first, last) in zip(windows.AXES[len(space)], window, space, layer.output_size, edges):
        yield Say(f"along the {name}: from ⌊{p}·{n} / {count}⌋ = {first} up to, not with, ⌈{p + 1}·{n} / {count}⌉"
                  f" = {last}")
    return ([(*at, channel) for at in product(*(range(*edge) for edge in edges))],
            told.place("x", (*windows.STEPS[:len(space)], channel)))


def _letters(told):
    return windows.STEPS[:told.x.ndim - 1]


def _everywhere(told):
    return [(*at, told.at[-1]) for at in np.ndindex(*told.x.shape[:-1])]


def _largest(told, places, means):
    values = np.array([told.x[at] for at in places])
    if not (values == told.value).any():
        raise NotExplained("numbers that are not finite are passed over, as TensorFlow has it")
    yield Pick(told.y, f"the largest {means}", told.value, values, lambda term: told.place("x", places[term]))


def _mean(told, places, means, count):
    values = np.array([told.x[at] for at in places])
    yield Sum(told.y, f"Σ {means} / {count}", told.value,
              [Factor(values, lambda term: told.place("x", places[term]))], over=count)
