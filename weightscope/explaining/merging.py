"""Merging: the numbers of several inputs at one place, and the dot product of two."""

import numpy as np

from weightscope.explaining.steps import Apply, Factor, Pick, Sum
from weightscope.explaining.told import NotExplained, explains
from weightscope.layers.merging import Add, Average, Dot, Maximum, Minimum, Multiply, Subtract


@explains(Add)
def add(told):
    labels, values = _unmasked(told)
    yield Sum(told.y, " + ".join(labels), told.value, [Factor(values, labels.__getitem__)])


@explains(Average)
def average(told):
    labels, values = _unmasked(told)
    yield Sum(told.y, f"({' + '.join(labels)}) / {len(labels)}", told.value, [Factor(values, labels.__getitem__)],
              over=len(labels))


@explains(Subtract)
def subtract(told):
    labels, values = _unmasked(told)
    yield Apply(told.y, "{0} - {1}", list(zip(labels, values)), told.value, lambda x, y: x - y)


@explains(Multiply)
def multiply(told):
    labels, values = _unmasked(told)
    yield Apply(told.y, " · ".join(f"{{{number}}}" for number in range(len(labels))), list(zip(labels, values)),
                told.value, lambda *factors: np.prod([float(factor) for factor in factors]))


@explains(Maximum, Minimum)
def extremum(told):
    labels, values = _unmasked(told)
    word = "largest" if isinstance(told.layer, Maximum) else "smallest"
    yield Pick(told.y, f"the {word} of {', '.join(labels)}", told.value, np.array(values), labels.__getitem__, word)


def _unmasked(told):
    """Return the labels and the numbers of all inputs at the place that is asked about."""
    masks = told.given.get("mask")
    if masks is not None and any(mask is not None for mask in masks):
        raise NotExplained("the merge of masked inputs is not written out yet")
    labels, values, rank = [], [], max(x.ndim for x in told.inputs)
    if len({x.shape for x in told.inputs if x.ndim == rank}) > 1 and isinstance(told.layer, (Add, Average)):
        raise NotExplained("the sum of inputs of several shapes is not written out yet")
    for number, x in enumerate(told.inputs, start=1):
        at = tuple(0 if size == 1 else index for size, index in zip(x.shape, told.at[rank - x.ndim:]))
        labels.append(told.label(f"x{number}", at))
        values.append(x[at])
    return labels, values


@explains(Dot)
def dot(told):
    first, second = told.inputs
    one, other = (axis - 1 for axis in told.layer.axes_of((first.ndim + 1, second.ndim + 1)))
    if told.layer.normalize:
        raise NotExplained("the product of rows divided by their lengths is not written out yet")
    at = told.at[:first.ndim - 1], told.at[first.ndim - 1:][:second.ndim - 1]

    def place(which, k):
        axis = (one, other)[which]
        return (*at[which][:axis], k, *at[which][axis:])

    size = first.shape[one]
    factors = [Factor([x[place(which, k)] for k in range(size)],
                      lambda k, which=which: told.label(f"x{which + 1}", place(which, k)))
               for which, x in enumerate((first, second))]
    means = " · ".join(told.label(f"x{which + 1}", place(which, "k")) for which in (0, 1))
    yield Sum(told.y, f"Σ {means}", told.value, factors)
