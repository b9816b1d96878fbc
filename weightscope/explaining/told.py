"""One number of one call that was listened to: what a family needs to derive it, and the table of families."""

import numpy as np

from weightscope.errors import WeightscopeError
from weightscope.kernels.short_floats import as_plain
from weightscope.model.structure import flatten

EXPLAINERS = {}


class NotExplained(WeightscopeError):
    """Raised for a number whose arithmetic is not written out; says why in words."""


def explains(*layer_classes):
    """Return the decorator that enters a function of a Told, which yields Steps, for layers of these classes."""
    def enter(function):
        EXPLAINERS.update(dict.fromkeys(layer_classes, function))
        return function

    return enter


class Told:
    """One number of one call: ``heard``, the call; ``sample``; ``at``, its index in the sample's output.

    ``step``: the step of a sequence that is asked about, None for the last; ``names``: what its input and output are
    called. Of a layer over space ``at`` has its channels last, as ``forward`` has them.
    """

    def __init__(self, heard, sample, at, step=None, names=("x", "y")):
        self.heard, self.sample, self.step, self.names = heard, sample, step, names
        self.layer, self.at = heard.layer, tuple(at)

    @property
    def turned(self):
        """Whether the file's tensors have their channels first."""
        return getattr(self.layer, "channels_first", False)

    @property
    def eps(self):
        """A rounding of the dtype in which the layer computes."""
        short = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
        return short.get(self.layer.compute_dtype) or np.finfo(
            "float64" if self.outputs[0].dtype == np.float64 else "float32").eps

    @property
    def outputs(self):
        """The outputs, a flat list of arrays with their channels last."""
        return [self.channels_last(as_plain(leaf)) for leaf in flatten(self.heard.outputs)]

    @property
    def value(self):
        """The number itself."""
        return self.outputs[0][(self.sample, *self.at)]

    @property
    def given(self):
        """The arguments of the call by name."""
        return self.heard.given

    @property
    def x(self):
        """The sample of the first input, an array with its channels last."""
        return self.inputs[0]

    @property
    def inputs(self):
        """The sample of each array of the first argument, with their channels last."""
        return [self.channels_last(as_plain(leaf))[self.sample] for leaf in flatten(next(iter(self.given.values())))]

    def channels_last(self, array):
        """Return an input or output with its channels last."""
        return np.moveaxis(array, 1, -1) if self.turned and array.ndim > 2 else array

    def whole(self, name, which=-1):
        """Return what was noted under a name, for all samples; ``which`` of several times."""
        return self.heard.notes[name][which]

    def noted(self, name, which=-1):
        """Return what was noted under a name for the sample."""
        return self.whole(name, which)[self.sample]

    def has(self, name):
        """Tell whether something was noted under a name."""
        return name in self.heard.notes

    def inside(self, layer, which=0):
        """Return the Heard of a call of a layer inside this one."""
        return [heard for heard in self.heard.inner if heard.layer is layer][which]

    def label(self, name, at):
        """Return ``name[1, 2]``, or the name alone for a number without axes."""
        return f"{name}[{', '.join(map(str, at))}]" if len(at) else name

    def place(self, name, at):
        """Return ``name[1, 2]`` for an index with its channels last: in the order of the file's axes."""
        return self.label(name, (at[-1], *at[:-1]) if self.turned and len(at) > 1 else at)

    @property
    def y(self):
        """The label of the number."""
        return self.place(self.names[1], self.at)


def steps_of(told):
    """Yield the steps of a Told by the family of its layer; raises NotExplained where there is none."""
    for layer_class in type(told.layer).__mro__:
        if layer_class in EXPLAINERS:
            yield from EXPLAINERS[layer_class](told)
            return
    raise NotExplained(f"the arithmetic of {told.layer.class_name} is not written out yet")
