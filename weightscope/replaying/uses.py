"""What reads an input of a model, and of what kind its values should be for that."""

from dataclasses import dataclass

from weightscope.errors import WeightscopeError
from weightscope.model.graph import Ref
from weightscope.model.model import Model
from weightscope.model.running import MISFITS
from weightscope.model.structure import flatten
from weightscope.model.wanted import Wanted

# Operations that hand values on as they are; of layers, those whose ``rounding`` is "none", and these.
MOVING = {"Cast", "Concatenate", "Copy", "ExpandDims", "Flip", "GetItem", "Ravel", "Reshape", "Roll", "SlicingOpLambda",
          "Split", "Squeeze", "Stack", "Transpose"}
KEEPS_RANGE = {"AveragePooling1D", "AveragePooling2D", "CenterCrop", "Resizing"}


@dataclass
class Use:
    """What an input is read as. ``wanted``: by a layer, that of the smallest table if several look it up, or None.

    ``masked``: the value of steps that are left out, or None; ``is_mask``: whether it says itself which steps count.
    """

    wanted: Wanted | None = None
    masked: object = None
    is_mask: bool = False

    @property
    def is_table(self):
        """Whether it is looked up."""
        return self.wanted is not None and self.wanted.scale is None

    def add(self, wanted):
        """Take what one layer wants."""
        if wanted.masked is not None:
            self.masked = wanted.masked
        if not wanted.is_of_values:
            return
        if self.wanted is None or (wanted.rows and (self.wanted.rows is None or wanted.rows < self.wanted.rows)):
            self.wanted = wanted


def used_as(model, path):
    """Return the Use of one input of a model, also by layers in models inside it."""
    use, waiting, seen = Use(), [(model, path)], set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        inside, source = place
        for node in inside.nodes:
            if any(ref.node == source for ref in node.refs):
                waiting += _read(use, inside, node, source)
    return use


def _read(use, model, node, source):
    """Note in ``use`` what one call does with a value; return where else the value goes on from there."""
    layer = node.layer
    wanted = _wanted(layer)
    while wanted is None and "layer" in layer.parts and not isinstance(layer, Model):
        layer = layer.parts["layer"]  # TimeDistributed and its kin hand the values to the layer inside
        wanted = _wanted(layer)
    if isinstance(layer, Model):
        paths = flatten(layer.inputs)
        return [(layer, paths[index]) for index, ref in enumerate(node.refs) if ref.node == source
                and index < len(paths)]
    use.is_mask = use.is_mask or any(key.endswith("mask") and _reads(value, source)
                                     for key, value in node.kwargs.items())
    if wanted is not None:
        use.add(wanted)
    if wanted is not None and wanted.is_of_values:
        return []
    moves = layer.rounding == "none" and not layer.is_operation
    return [(model, node.path)] if moves or layer.class_name in MOVING | KEEPS_RANGE else []


def _wanted(layer):
    try:
        return layer.wanted()
    except (WeightscopeError, *MISFITS):  # what a damaged file may hold
        return None


def _reads(value, source):
    return any(isinstance(leaf, Ref) and leaf.node == source for leaf in flatten(value))
