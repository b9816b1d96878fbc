"""What only moves numbers: where one came from, which the layer's own ``forward`` tells of the numbers' places."""

import numpy as np

from weightscope.explaining.steps import Apply, Move, Say
from weightscope.explaining.told import NotExplained, explains
from weightscope.layers.core import Identity, Masking
from weightscope.layers.merging import Concatenate
from weightscope.layers.regularization import WhileTraining
from weightscope.layers.reshaping import Cropping, Flatten, Permute, RepeatVector, Reshape, UpSampling, ZeroPadding
from weightscope.model.structure import flatten


@explains(Flatten, Reshape)
def in_order(told):
    which, at = source_of(told)
    if len(told.x.shape) > 1 and len(told.at) == 1:
        text = str(at[0])
        for size, index in zip(told.x.shape[1:], at[1:]):
            text = f"({text})·{size} + {index}" if " " in text else f"{text}·{size} + {index}"
        yield Say(f"the last axis runs fastest: number {told.at[0]} is {text}")
    yield from moved(told, which, at)


@explains(Permute, RepeatVector, Cropping, ZeroPadding, Concatenate)
def elsewhere(told):
    yield from moved(told, *source_of(told))


@explains(UpSampling)
def enlarged(told):
    if getattr(told.layer, "interpolation", "nearest").lower() != "nearest":
        raise NotExplained(f"the weights of {told.layer.interpolation} interpolation are not written out yet")
    yield from moved(told, *source_of(told))


@explains(WhileTraining, Identity)
def left_alone(told):
    if isinstance(told.layer, WhileTraining):
        yield Say("it works while a model learns: predict leaves the numbers as they are", key="while training")
    yield Move(told.y, told.place("x", told.at), told.value, told.x[told.at])


@explains(Masking)
def masked(told):
    row, value = told.x[told.at[:-1]], told.layer.mask_value
    place = told.label("x", (*told.at[:-1], "…"))
    if (row != row.dtype.type(value)).any():
        yield Say(f"{place} has a number other than {value}: the step is kept", of_numbers=True)
        yield Move(told.y, told.label("x", told.at), told.value, told.x[told.at])
    else:
        yield Say(f"all of {place} are {value}: the step is masked, and set to 0", of_numbers=True)
        yield Apply(told.y, "0", [], told.value, lambda: 0)


def moved(told, which, at):
    """Yield that the number is that of input ``which`` at ``at``; or padding, for None."""
    if at is None:
        yield Say("here is padding, which is 0")
        yield Apply(told.y, "0", [], told.value, lambda: 0)
        return
    inputs = told.inputs
    name = "x" if len(inputs) == 1 else f"x{which + 1}"
    yield Move(told.y, told.place(name, at), told.value, inputs[which][at])


def source_of(told):
    """Return which input the number came from and its index there, both None for padding.

    The layer runs once more on the places of the numbers, counted from 1, in the place of the numbers.
    """
    inputs, places, first = told.inputs, [], 1
    for x in inputs:
        places.append(np.arange(first, first + x.size, dtype="int64").reshape(1, *x.shape))
        first += x.size
    given = dict(told.given)
    given[next(iter(given))] = places if isinstance(next(iter(told.given.values())), (list, tuple)) else places[0]
    with np.errstate(all="ignore"):
        found = int(flatten(told.layer.forward(**given))[0][(0, *told.at)]) - 1
    if found < 0:
        return None, None
    for which, x in enumerate(inputs):
        if found < x.size:
            return which, tuple(int(index) for index in np.unravel_index(found, x.shape))
        found -= x.size
    raise NotExplained("it is none of the numbers that came in")
