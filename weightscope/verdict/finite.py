"""Where numbers are NaN or infinite: in weights, in what a model is given, and in what it gives.

Two sides that give NaN at the same places have shown nothing of each other, so that is told apart from agreement. What
comes of NaN in the input is no fault of the model's: a sample of such an input excuses what is given for it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from weightscope.model.structure import with_paths


@dataclass(frozen=True)
class NotFinite:
    """The numbers of one array that are NaN or infinite.

    ``kind``: "weight", "input" or "output"; ``name``: the path of a weight, its layer's and its own, the name of an
    input, or the number of an output; ``index``, ``value``: of the first; ``nan``, ``infinite``: how many; ``size``: of
    the array; ``excused``: how many besides an output has for samples whose input has such numbers; ``origin``: the
    path of the layer in which those of an output began, where one can be told; ``swallowed``: how many of an output are
    so in ours, while the reference's ``predict`` gives numbers.
    """

    kind: str
    name: str
    index: tuple[int, ...]
    value: float
    nan: int
    infinite: int
    size: int
    excused: int = 0
    origin: str = ""
    swallowed: int = 0

    @property
    def count(self) -> int:
        """How many numbers are NaN or infinite, those that are excused not counted."""
        return self.nan + self.infinite


def of_array(kind, name, array, excused=None):
    """Return the NotFinite of an array, None where all of it is finite; ``excused``: booleans of its shape."""
    if array.dtype.kind not in "fc" or not array.size or _is_finite(array):
        return None
    wrong = ~np.isfinite(array)
    counted = wrong if excused is None else wrong & ~excused
    nan, every = int((counted & np.isnan(array)).sum()), int(counted.sum())
    place = int(np.argmax(counted if every else wrong))
    value = array.reshape(-1)[place]
    return NotFinite(kind, name, tuple(int(i) for i in np.unravel_index(place, array.shape)), float(np.real(value)),
                     nan, every - nan, array.size, int(wrong.sum()) - every)


def _is_finite(array):
    if array.dtype.kind == "c":
        return bool(np.isfinite(array).all())
    return math.isfinite(array.min()) and math.isfinite(array.max())  # which need no array of their own


def of_weights(model):
    """Return a NotFinite for each weight of a model that has such numbers."""
    found = [of_array("weight", f"{path}.{name}" if path else name, weight.array)
             for path, layer in [("", model), *with_paths(model)] for name, weight in layer.weights.items()
             if weight.stored is not None]
    return [one for one in found if one]


def of_stored(model, most):
    """Yield a NotFinite for each weight with such numbers; arrays of up to ``most`` bytes are read, and not kept."""
    for path, layer in with_paths(model):
        for name, weight in layer.weights.items():
            if weight.stored is not None and weight.stored.nbytes <= most:
                found = of_array("weight", f"{path}.{name}", weight.stored.read())
                if found:
                    yield found


def of_inputs(model, arrays):
    """Return a NotFinite for each input that has such numbers; ``arrays``: the inputs, in the model's order."""
    pairs = zip(model.input_layers, arrays)
    return [one for layer, array in pairs if array is not None and (one := of_array("input", layer.name, array))]


def of_outputs(model, inputs, ours, theirs):
    """Return a NotFinite for each output with such numbers on either side; both flat lists, None for what is not known.

    ``inputs``: the arrays that the model was given.
    """
    found, excused = [], _excused_samples(model, inputs)
    for index, pair in enumerate(zip(ours, theirs)):
        known = [array for array in pair if array is not None]
        one = next((one for array in known if (one := of_array("output", str(index), array, _along(excused, array)))),
                   None)
        found += [replace(one, swallowed=_swallowed(*pair))] if one else []
    return found


def follow_from_given(model, inputs, array):
    """Return booleans of an output's shape: which of it are NaN or infinite because weights or inputs are."""
    if array.dtype.kind not in "fc" or not array.size or _is_finite(array):
        return np.zeros(array.shape, bool)
    given = True if of_weights(model) else _along(_excused_samples(model, inputs), array)
    return ~np.isfinite(array) & given


def _swallowed(ours, theirs):
    """Return how many numbers are not finite in ours and finite in theirs."""
    if ours is None or theirs is None or ours.dtype.kind not in "fc" or ours.shape != theirs.shape:
        return 0
    return int((~np.isfinite(ours) & np.isfinite(theirs)).sum())


def _excused_samples(model, inputs):
    """Return a boolean a sample, whether an input has such numbers for it; all alike where samples are mixed."""
    floats = [array for array in inputs if array is not None and array.dtype.kind == "f" and array.ndim]
    if not floats:
        return np.zeros(1, bool)
    found = np.zeros(len(floats[0]), bool)
    for array in floats:
        if not _is_finite(array):
            found |= ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    mixed = any(getattr(layer, "stateful", False) or not layer.keeps_samples_apart for layer in model.with_parts())
    return np.full(1, found.any()) if mixed or any(len(array) != len(found) for array in floats) else found


def _along(excused, array):
    if not array.ndim or len(array) != len(excused):
        return np.full(array.shape, excused.any())
    return np.broadcast_to(excused.reshape(-1, *[1] * (array.ndim - 1)), array.shape)


def with_origins(found, rows, model):
    """Return NotFinites of outputs with the layer in which they began, going back from the output's own."""
    fed_by, outputs = dict(model.feeders()), model.sources()
    wrong = {row.path for row in rows if any(gap is not None and gap.not_finite for gap in (row.own, row.total))}
    return [replace(one, origin=_origin(outputs[int(one.name)][0], wrong, fed_by)) for one in found]


def _origin(path, wrong, fed_by):
    while path in wrong:
        before = next((by for by in fed_by[path] if by in wrong), None)
        if before is None:
            return path
        path = before
    return ""


def proves_nothing(row):
    """Tell whether all that was compared of a Difference is NaN or infinite."""
    gaps = [gap for gap in (row.own_in_float64, row.own) if gap is not None] or [row.total]
    return all(gap is not None and 0 < gap.values == gap.not_finite for gap in gaps)


def not_agreeing(rows, weights):
    """Return the Differences, ``not finite`` in the place of ``agrees`` where nothing but such numbers was compared.

    And where a layer has one of these ``weights``, NotFinites.
    """
    broken = [one.name for one in weights if one.kind == "weight"]

    def is_wrong(row):
        layer = re.sub(r"#\d+(?=/|$)", "", row.path)
        return proves_nothing(row) or any(name.startswith((f"{layer}.", f"{layer}/")) for name in broken)

    return [replace(row, verdict="not finite") if row.verdict == "agrees" and is_wrong(row) else row for row in rows]
