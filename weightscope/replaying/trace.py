"""What a run said at each node: the same type from us and from Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.errors import NoSuchLayer, NotReplayable
from weightscope.model.names import Shown, did_you_mean
from weightscope.model.structure import flatten, map_structure

if TYPE_CHECKING:
    from weightscope.model.arrays import Outputs


class Trace(dict[str, "Outputs"], Shown):
    """What a run said at each node: ``{path: outputs}`` in call order. The same type from us and from Keras.

    Outputs are an array (batch, …), or a list or mapping of arrays where a layer gives several, in the dtype that the
    layer computes in. A path is the layer's name, with ``#2`` for its second call and ``model/layer`` inside a nested
    model; ``model[path]`` is the layer. ``output`` is what ``predict`` returns; ``missing`` is ``{path: reason}`` of
    the nodes that could not be replayed. ``trace[path]`` raises NoSuchLayer, a KeyError, for any other path.

    ``outputs``, ``missing``: what to begin with.
    """

    def __init__(self, outputs: Mapping[str, Outputs] | Iterable[tuple[str, Outputs]] = (),
                 missing: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(outputs)
        self.missing = dict(missing)
        self._output: Any = None

    def __missing__(self, path: str) -> Outputs:
        reason = self.missing.get(path)
        why = f"was not replayed: {reason}" if reason else f"has no value in this trace.{did_you_mean(str(path), self)}"
        raise NoSuchLayer(f"{path!r} {why}")

    @property
    def problem(self) -> NotReplayable | None:
        """The NotReplayable that stands where the output should be, or None."""
        return problem_in(self._output)

    @property
    def output(self) -> Outputs:
        """The model's output, structured as ``predict`` structures it; raises NotReplayable where it is missing."""
        if self.problem:
            raise self.problem
        return self._output

    @output.setter
    def output(self, value: Any) -> None:
        self._output = value

    def put(self, path, outputs, part, samples):
        """Take the ``outputs`` of the node at ``path`` on a ``part``, a slice, of so many ``samples``."""
        whole = self.get(path)
        if whole is None:  # two threads may get here, and one of them makes what lasts
            whole = self.setdefault(path, map_structure(
                lambda x: np.empty((samples, *x.shape[1:]), x.dtype), outputs))
        for leaf, share in zip(flatten(whole), flatten(outputs)):
            leaf[part] = share

    def __repr__(self) -> str:
        missing = f", {len(self.missing):,} not replayed" if self.missing else ""
        return f"<Trace of {len(self):,} nodes{missing}>"


def problem_in(outputs):
    """Return the NotReplayable that stands in the place of a call's outputs, or None."""
    return next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)
