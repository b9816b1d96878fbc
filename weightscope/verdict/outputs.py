"""What ``predict`` returns, ours against the reference's own, batch by batch and then as a whole."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.model.structure import flatten
from weightscope.replaying.samples import concatenate
from weightscope.verdict import float64
from weightscope.verdict.fitting import fitted
from weightscope.verdict.gaps import gap, gap_in_span
from weightscope.verdict.sides import in_our_float, shortest
from weightscope.verdict.spans import moved_outputs


class Outputs:
    """The outputs of the batches so far: what we give, chained, and what the calls of the reference gave."""

    def __init__(self):
        self._ours, self._theirs, self._batches, self._dtype, self._model = [], [], [], None, None

    def add(self, sides):
        """Take the outputs of one batch, a ``sides.Sides``."""
        model, trace = sides.ours.model, sides.ours.trace
        self._model = model
        self._batches.append(sides.ours.batch)
        self._ours.append(None if trace.problem else trace.output)
        self._theirs.append(_outputs_in(model, sides.theirs))
        self._dtype = shortest(model.with_parts(), sides.theirs)

    def ours(self, count):
        """Return what we give as a flat list of so many outputs, None for those that we do not give."""
        return [None] * count if self._given is None else self._given

    @cached_property
    def _given(self):
        """What we give on all batches, a flat list, made when no more is added; None where we do not give all."""
        if any(output is None for output in self._ours):
            return None
        return [np.asarray(leaf) for leaf in flatten(concatenate(self._ours))]

    def in_our_layout(self, predicted):
        """Return recorded outputs, each in the layout of ours where it has as many values, and words on those."""
        found, told = [], []
        for index, (own, theirs) in enumerate(zip(self.ours(len(predicted)), predicted, strict=True)):
            fits, words = (theirs, "") if own is None or theirs is None else fitted(theirs, own)
            found.append(theirs if fits is None else fits)
            told += [f"output {index} of predict is {words}"] if words and fits is not None else []
        return found, told

    def gaps(self, predicted, rows, tolerance):
        """Return a Gap for each output of ``predict``, ours against the reference's.

        ``rows``: the Differences of all batches. Where every layer agrees by itself, what its roundings add up to is no
        fault: then it is enough that ``predict`` gives what the layers of the reference gave, as far as rounding
        on the way lets it; and where that may be anything, or is no number, the layers decide.
        """
        if self._given is None:
            return []
        tolerance = replace(tolerance, through=self._dtype)
        sound = all(row.own is not None and row.verdict == "agrees" for row in rows)
        sound = sound and all(output is not None for output in self._theirs)
        traced = flatten(concatenate(self._theirs)) if sound else []
        predicted = [_as_called(*pair) for pair in zip(traced, predicted)] if sound else predicted
        pairs = zip(self.ours(len(predicted)), predicted, strict=True)
        found = [gap(a, in_our_float(b, a.dtype), tolerance) for a, b in pairs if b is not None]
        if sound and not tolerance.is_given:
            kept = [gap(a, b, tolerance).within for a, b in zip(traced, predicted) if b is not None]
            found = [replace(one, within=one.within or fine) for one, fine in zip(found, kept)]
            if not all(one.within for one in found) and float64.reason_against(self._model) is None:
                found = self._in_their_spans(found, traced, predicted, tolerance)
        return found

    def _in_their_spans(self, found, traced, predicted, tolerance):
        """Return the Gaps of outputs, those that are too wide judged by how far rounding can move each sample.

        That is how far it moves the calls of the reference from what they would be in float64, twice, or what the
        budgets of all calls come to at the end.
        """
        try:
            exact, spans = moved_outputs(self._model, self._batches)
        except NotReplayable:
            return found
        told = [leaves for leaves in zip(traced, predicted, exact, spans) if leaves[1] is not None]
        return [one if one.within else _in_span(one, *leaves, tolerance) for one, leaves in zip(found, told)]


def _outputs_in(model, trace):
    """Return the model's outputs as a flat list out of a Trace, or None where one is missing."""
    leaves = [(flatten(trace[ref.node]), ref.index) for ref in flatten(model.outputs) if ref.node in trace]
    if len(leaves) < len(flatten(model.outputs)) or any(index >= len(found) for found, index in leaves):
        return None
    return [found[index] for found, index in leaves]


def _as_called(traced, predicted):
    """Return an output of ``predict``, with what the calls gave where that is no number.

    What TensorFlow makes of several calls at once, a product and its relu, may take NaN for 0.
    """
    if predicted is None or predicted.dtype.kind != "f" or traced.shape != predicted.shape:
        return predicted
    lost = ~np.isfinite(traced)
    return np.where(lost, traced, predicted) if lost.any() else predicted


def _in_span(one, traced, predicted, exact, span, tolerance):
    """Return the Gap ``one`` of an output of ``predict``, which is within where rounding can make it of ``traced``."""
    if one.problem or predicted.dtype.kind != "f":
        return one
    with np.errstate(all="ignore"):
        run = np.abs(traced - exact, dtype="float64")
    axes = tuple(range(1, predicted.ndim))
    whole = np.where(np.isfinite(traced), np.maximum(2 * run, span), 0).max(axis=axes, keepdims=True, initial=0)
    span = np.broadcast_to(np.where(np.isfinite(whole), whole, np.inf), predicted.shape)
    kept = gap_in_span(traced, predicted, tolerance, span)
    largest = float(np.abs(predicted[np.isfinite(predicted)]).max(initial=0))
    found = replace(one, span=float(span.max(initial=0)) / (largest or 1.0))
    within = kept.within or (found.is_chaotic and np.isfinite(kept.absolute))
    return replace(found, within=bool(within), of_limit=min(kept.of_limit, 1.0) if within else one.of_limit)
