"""Dense layers: the sum of a row of the input, weighed by a column of the kernel."""

import numpy as np

from weightscope.explaining.activations import activated
from weightscope.explaining.steps import Apply, Factor, Matrices, Say, Sum
from weightscope.explaining.told import explains
from weightscope.layers.core_dense import Dense

MOST_WHOLE = 8  # rows and columns of a matrix that is shown as it is


@explains(Dense)
def dense(told):
    yield from _words(told)
    yield from _whole(told)
    *where, unit = told.at
    x, kernel = told.whole("x")[(told.sample, *where)], told.whole("kernel")
    row = [Factor(x, lambda i: told.label("x", (*where, i))),
           Factor(kernel[:, unit], lambda i: f"kernel[{i}, {unit}]")]
    means = f"Σ {told.label('x', (*where, 'i'))} · kernel[i, {unit}]"
    bias = told.whole("bias")[unit] if told.has("bias") else None
    more = [] if bias is None else [(f"bias[{unit}]", bias)]
    z, linear = told.noted("z"), is_linear(told.layer.activation)
    name = told.label("y" if linear else "z", told.at)
    if not told.has("scale"):
        yield Sum(name, " + ".join([means, *(label for label, _ in more)]), z[told.at], row, more)
    else:
        yield from scaled(told, name, (means, row), more)
    yield from activated(told, told.layer.activation, z)


def _words(told):
    """Yield why the kernel is this way round, and what becomes of more axes."""
    (rows, columns), inputs = told.whole("kernel").shape, told.noted("x").shape
    if len(inputs) == 1:
        yield Say(f"A sample is a row of {rows}: (1 × {rows}) · ({rows} × {columns}) → (1 × {columns}), so the kernel"
                  " has a row for each input and a column for each unit. Who writes W · x + b has samples as columns,"
                  f" and needs kernel.T, ({columns} × {rows}), for W.", key="row")
    else:
        yield Say(f"x, {inputs}, is not flattened: every row of {rows} along its last axis meets the same kernel,"
                  f" ({rows} × {columns}), and gives {columns} numbers in its place.", key="rows")


def is_linear(activation):
    """Tell whether an activation, or a layer in its place, leaves numbers as they are."""
    return activation.name == "linear" and not hasattr(activation, "forward")


def scaled(told, name, summed, more):
    """Yield the steps of a sum of whole numbers, divided by the scale of both its factors, and a bias."""
    means, row = summed
    yield Say("the numbers of input and kernel are whole ones from −127 to 127, each made by a scale; "
              "the sum is divided by the scales")
    dots, scale = told.noted("dots")[told.at], told.noted("scale")[told.at]
    yield Sum(told.label("s", told.at), means, dots, row)
    label, z = told.label("s", told.at), told.noted("z")[told.at]
    arguments = [(label, dots), ("scale", scale), *more]
    yield Apply(name, "{0} / {1} + {2}" if more else "{0} / {1}", arguments, z,
                lambda s, scale, bias=0: s / scale + bias)


def _whole(told):
    """Yield the matrices of the layer where they are small."""
    x, kernel, z = told.noted("x"), told.whole("kernel"), told.noted("z")
    if told.has("scale") or x.ndim > 2 or max(*np.atleast_2d(x).shape, *kernel.shape) > MOST_WHOLE:
        return
    summed = "x · kernel"
    arrays = [("x", x, ""), ("kernel", kernel, "")]
    if told.has("bias"):
        arrays.append(("bias", told.whole("bias"), ""))
        summed += " + bias"
    if is_linear(told.layer.activation):
        arrays.append(("y", z, summed))
    else:
        arrays += [("z", z, summed), ("y", told.outputs[0][told.sample], f"{told.layer.activation.name}(z)")]
    yield Matrices(arrays)
