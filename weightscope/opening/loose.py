"""Weights without an architecture: what a file keeps together, shown as layers."""

import re

from weightscope.errors import NotReplayable
from weightscope.model.layer import Unknown
from weightscope.model.model import Model

OWN = "the model's own variables, of no layer"


class Loose(Model):
    """Layers of a file that does not tell how they are connected: weights without an architecture.

    A layer is what the file keeps together: a group of a legacy file, or the variables of one Keras 3 object.
    """

    def _read_graph(self):
        self.layers = self.config["layers"]

    def refusal(self):
        return self.config["reason"]

    def walk(self, inputs, masks=None, prefix="", call=None):
        raise NotReplayable(f"model {self.name!r}: {self.refusal()}")
        yield

    @classmethod
    def from_arrays(cls, saved, custom=None):
        """Build one from a file without a config, or whose model is the unknown layer ``custom``."""
        groups = _groups(saved) if saved.order is not None else _folders(saved)
        reason = custom.refusal() if custom else "the file holds weights only, no architecture"
        name, class_name = (custom.name, custom.class_name) if custom else ("weights", "weights only")
        layers = [_layer(group) if group else _own(saved.names.get("") or name, custom) for group in groups]
        model = cls({"layers": layers, "groups": groups, "reason": reason}, name)
        model.class_name = class_name
        return model


def _layer(name):
    layer = Unknown({"not_replayable": "the file does not say what it computes"}, name)
    layer.class_name = "?"
    return layer


def _own(name, custom):
    """Return a layer for the variables that the model itself has made, with ``add_weight``."""
    layer = _layer(name)
    layer.inferred, layer.class_name = OWN, custom.class_name if custom else layer.class_name
    return layer


def _folders(saved):
    """Return ``{folder: its arrays' paths}`` of a file that Keras 3 wrote; the model's own folder is ""."""
    found, training = {}, saved.training
    for path in saved.arrays:
        folder, inside, _ = f"/{path}".rpartition("/vars/")
        folder = folder.removeprefix("/")
        if inside and path not in training and "seed_generator" not in folder:
            found.setdefault(folder, []).append(path)
    return found


def _groups(saved):
    """Return ``{name: its arrays' paths}`` of a legacy file; a group of several layers is told apart by theirs."""
    found = {}
    for group, paths in saved.order.items():
        owners = {}
        for path in paths:
            owners.setdefault(_owner(path), []).append(path)
        if len(owners) < 2:
            found.update({group: paths} if paths else {})
        else:
            found.update({owner if owner.startswith(group) else f"{group}/{owner}": inside
                          for owner, inside in owners.items()})
    return found


def _owner(path):
    """Return what keeps an array: the group above it or, in Keras 1, the layer named before it, as in ``dense_1_W``."""
    above, _, last = path.rpartition("/")
    flat = re.match(r"(.+?_\d+)_\D", last)
    return flat[1] if flat else above
