"""What ``predict`` returns, ours against the reference's own, batch by batch and then as a whole."""

from dataclasses import replace

import numpy as np

from weightscope.model.structure import flatten
from weightscope.replaying.samples import concatenate
from weightscope.verdict.gaps import gap
from weightscope.verdict.sides import in_our_float, shortest


class Outputs:
    """The outputs of the batches so far: what we give, chained, and what the calls of the reference gave."""

    def __init__(self):
        self._ours, self._theirs, self._dtype = [], [], None

    def add(self, sides):
        """Take the outputs of one batch, a ``sides.Sides``."""
        model, trace = sides.ours.model, sides.ours.trace
        self._ours.append(None if trace.problem else trace.output)
        self._theirs.append(_outputs_in(model, sides.theirs))
        self._dtype = shortest(model.with_parts(), sides.theirs)

    def ours(self, count):
        """Return what we give as a flat list of so many outputs, None for those that we do not give."""
        if any(output is None for output in self._ours):
            return [None] * count
        return [np.asarray(leaf) for leaf in flatten(concatenate(self._ours))]

    def gaps(self, predicted, rows, tolerance):
        """Return a Gap for each output of ``predict``, ours against the reference's.

        ``rows``: the Differences of all batches. Where every layer agrees by itself, what its roundings add up to is no
        fault: then it is enough that ``predict`` gives what the layers of the reference gave.
        """
        if any(output is None for output in self._ours):
            return []
        tolerance = replace(tolerance, through=self._dtype)
        pairs = zip(self.ours(len(predicted)), predicted, strict=True)
        found = [gap(a, in_our_float(b, a.dtype), tolerance) for a, b in pairs if b is not None]
        sound = all(row.isolated is not None and row.verdict == "agrees" for row in rows)
        if sound and all(output is not None for output in self._theirs) and not tolerance.is_given:
            traced = flatten(concatenate(self._theirs))
            kept = [gap(a, b, tolerance).within for a, b in zip(traced, predicted) if b is not None]
            found = [replace(one, within=one.within or fine) for one, fine in zip(found, kept)]
        return found


def _outputs_in(model, trace):
    """Return the model's outputs as a flat list out of a Trace, or None where one is missing."""
    leaves = [(flatten(trace[ref.node]), ref.index) for ref in flatten(model.outputs) if ref.node in trace]
    if len(leaves) < len(flatten(model.outputs)) or any(index >= len(found) for found, index in leaves):
        return None
    return [found[index] for found, index in leaves]
