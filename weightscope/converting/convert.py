"""Rewrites a model of any Keras as one that Keras 3 loads, and proves that it computes the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weightscope.converting import writing
from weightscope.converting.own_keras import OwnKeras
from weightscope.converting.rewriting import Rewriter
from weightscope.converting.unsupported import unsupported
from weightscope.errors import NothingChecked, ReferenceFailed, Unreadable, Unsupported
from weightscope.model.model import check_is_model
from weightscope.model.structure import flatten
from weightscope.opening.load import build, load
from weightscope.opening.loose import Loose
from weightscope.reference import safety
from weightscope.reference.choosing import Reference
from weightscope.replaying.replay import predict
from weightscope.replaying.samples import samples_of
from weightscope.verdict import finite, gaps
from weightscope.verdict.gaps import Gap

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs
    from weightscope.model.model import Model


@dataclass(frozen=True)
class Converted:
    """A converted model: a file, and whether Keras computes with it what the old one gives.

    ``data``: the bytes of the file; ``gaps``: a Gap for each output, the replay of the old file against ``predict`` of
    Keras on the new one, empty where that was not asked for; ``reference``: which Keras that was, None for none.
    ``own``: the Keras of the old file, where it runs that, "" else; ``own_gap``: the widest Gap of ``predict`` of
    ``reference`` on the new file against its own on the old one; ``not_own``: why it was not asked.
    """

    data: bytes
    gaps: list[Gap]
    reference: str | None
    own: str = ""
    own_gap: Gap | None = None
    not_own: str = ""

    @property
    def agrees(self) -> bool:
        """Whether Keras gives on the new file what the old one gives by hand, and in its own Keras."""
        return all(gap.within for gap in self.gaps) and (self.own_gap is None or self.own_gap.within)


def convert(model: Model, inputs: Inputs | None = None, weights_only: bool = False) -> Converted:
    """Return a loaded model as Converted: the bytes of a ``.keras``, or of a ``.weights.h5`` with ``weights_only``.

    ``model``: as ``load`` returns it, of Keras 1 or 2; ``inputs``: what to hold the new file against the old one on, as
    ``replay`` takes them; None for not at all. The old file is then run by its own Keras too, where that is here and
    can: it has to give the same. Raises Unsupported, naming the layer, for what Keras 3 cannot express, and for a file
    that contradicts itself where nobody chose (``load(…, bind=…)``); Unsafe for one that no Keras is to be given;
    NothingChecked where all that the old one gives is NaN or infinite; ReferenceFailed where Keras 3 is not installed
    or does not load what was written.
    """
    check_is_model(model)
    if not model.is_part and model.ledger.contested and not model.ledger.chosen:
        raise Unsupported(f"{model.saved.path}: {model.ledger.contested[0]}: which is meant? --bind order, as Keras"
                          " loads them, or --bind names")
    if inputs is not None:
        safety.refuse(model.saved, ignore_code=True)  # what it was compiled with is not written
    if isinstance(model, Loose):
        raise Unsupported(f"{model.saved.path}: nothing to convert: {model.refusal()}")
    if inputs is not None:
        _take_shapes(model, inputs)
    try:
        config, new = rewritten(model)
    except Unsupported as error:
        raise Unsupported(f"{model.saved.path}: {error}") from error
    weights_file = writing.weights(new)
    data = writing.archive(config, weights_file)
    written = weights_file if weights_only else data
    return Converted(written, [], None) if inputs is None else _checked(model, data, written, inputs)


def _take_shapes(model, inputs):
    """Take the shape of an input that the file does not tell from the arrays that are given for it."""
    for layer, array in zip(model.input_layers, model.standardize(inputs)):
        if layer.batch_shape is None:
            layer.batch_shape = (None, *array.shape[1:])


def rewritten(model):
    """Return ``(config, model)`` in Keras 3's words: the serialised form, and the model of ours built from it."""
    rewriter = Rewriter()
    config = rewriter.model(model)
    new = build(config)
    for path, arrays in rewriter.values.items():
        layer = new
        for name in _steps(path, new):
            layer = layer.parts[name]
        for name, array in arrays.items():
            if name not in layer.weights:
                raise unsupported(layer, f"the file's {name!r} becomes nothing in it")
            layer.weights[name].stored = _Given(np.asarray(array))
    missing = [(layer, weight) for layer in new.with_parts() for weight in layer.weights.values()
               if weight.tracked and weight.shape is None]
    for layer, weight in missing[:1]:
        raise unsupported(layer, f"nothing in the file becomes its {weight.name!r}")
    return config, new


class _Given:
    """An array in memory, in the place of one in a file."""

    def __init__(self, array):
        self.shape, self.dtype, self._array = array.shape, array.dtype.name, array

    def read(self):
        """Return the array."""
        return self._array


def _steps(path, layer):
    """Yield the names of the parts on a path; names, and attributes of wrappers, may have slashes in them."""
    while path:
        name = max((part for part in layer.parts if path == part or path.startswith(part + "/")), key=len, default=None)
        if name is None:
            raise Unreadable(f"the layer at {path!r} was not rewritten")
        yield name
        layer, path = layer.parts[name], path[len(name) + 1:]


def _checked(model, data, written, inputs):
    """Return what is written as Converted, held against our replay of the old file, and against its own Keras."""
    ours = [np.asarray(output) for output in flatten(predict(model, inputs))]
    with OwnKeras(model, inputs) as own:
        theirs, version = _predicted(model, data, inputs)
        old = own.predicted()
    arrays, tolerance = samples_of(model, inputs).arrays, gaps.Tolerance()
    new, old = [_told(model, arrays, ours, outputs) for outputs in (theirs, old)]
    found = [gaps.gap(a, b, tolerance) for a, b in zip(ours, new, strict=True)]
    if any(gap.values for gap in found) and not any(gap.finite for gap in found):
        raise NothingChecked(f"{model.saved.path}: all that it gives is NaN or infinite, which proves nothing: give"
                             " other inputs, or write it with --unverified")
    own_gap = gaps.gap(new, old, tolerance) if old else None
    return Converted(written, found, version, own.version, own_gap, own.reason)


def _told(model, arrays, ours, theirs):
    """Return what Keras gives, but ours where NaN or infinities in weights or ``arrays`` make that no number.

    What Keras' predict makes of several layers at once may take NaN for 0, which says nothing of what was written.
    """
    follows = [finite.follow_from_given(model, arrays, one) for one in ours]
    return theirs and [np.where(lost, one, other) if lost.any() and one.shape == other.shape else other
                       for lost, one, other in zip(follows, ours, theirs, strict=True)]


def _predicted(model, data, inputs):
    """Return the flat outputs of Keras 3 on what was written, and its version text."""
    with tempfile.TemporaryDirectory(prefix="weightscope-") as folder:
        path = Path(folder) / "converted.keras"
        path.write_bytes(data)
        new = load(path)
        samples = samples_of(new, inputs)
        try:
            with new.saved, Reference("keras").begin(new, samples, twin=False) as run:
                version = run.ready()
                return run.predicted(), version
        except ReferenceFailed as error:
            said = str(error).removeprefix(f"{path}: ")
            raise ReferenceFailed(f"{model.saved.path}: what it became: {said}", error.words) from error
