"""What a run said at each node: the same type from us and from Keras."""

from typing import Any

from weightscope.errors import NotReplayable
from weightscope.model.structure import flatten


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

    def without_values(self):
        """Return the same Trace with its output, and without what the nodes said."""
        found = Trace(missing=self.missing)
        found.output = self._output
        return found


def problem_in(outputs):
    """Return the NotReplayable that stands in the place of a call's outputs, or None."""
    return next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)
