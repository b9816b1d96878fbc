"""What a run said at each node: the same type from us and from Keras."""

from typing import Any

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.model.structure import flatten, map_structure


class Trace(dict):
    """What a run said at each node: ``{path: outputs}`` in call order. The same type from us and from Keras.

    Outputs are an array, or a list or mapping of arrays. A path is the layer's name, with ``#2`` for its second call
    and ``model/layer`` inside a nested model. ``output`` is what ``predict`` returns; ``missing`` is
    ``{path: reason}`` of the nodes that could not be replayed.
    """

    def __init__(self, outputs=(), missing=()):
        super().__init__(outputs)
        self.missing = dict(missing)
        self._output = None

    @property
    def problem(self):
        """The NotReplayable that stands where the output should be, or None."""
        return problem_in(self._output)

    @property
    def output(self) -> Any:
        """The model's output, structured as ``predict`` structures it; raises NotReplayable where it is missing."""
        if self.problem:
            raise self.problem
        return self._output

    @output.setter
    def output(self, value):
        self._output = value

    def put(self, path, outputs, part, samples):
        """Take the outputs of a node on a part of so many samples: a slice of them."""
        whole = self.get(path)
        if whole is None:  # two threads may get here, and one of them makes what lasts
            whole = self.setdefault(path, map_structure(
                lambda x: np.empty((samples, *x.shape[1:]), x.dtype), outputs))
        for leaf, share in zip(flatten(whole), flatten(outputs)):
            leaf[part] = share


def problem_in(outputs):
    """Return the NotReplayable that stands in the place of a call's outputs, or None."""
    return next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)
