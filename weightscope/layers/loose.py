"""Weights without an architecture: what a file keeps together, shown as layers."""

from weightscope.errors import NotReplayable
from weightscope.layers.base import Unknown
from weightscope.layers.models import Model


class Loose(Model):
    """Layers of a file that does not tell how they are connected: weights without an architecture.

    A layer is what the file keeps together: a group of a legacy file, or the variables of one Keras 3 object.
    """

    def _read_graph(self):
        self.layers = self.config["layers"]

    def refusal(self):
        return self.config["reason"]

    def walk(self, inputs, masks=None, prefix=""):
        raise NotReplayable(f"model {self.name!r}: {self.refusal()}")
        yield

    @classmethod
    def from_arrays(cls, saved, custom=None):
        """Build one from a file without a config, or whose model is the unknown layer ``custom``."""
        if saved.order is not None:
            groups = [name for name, paths in saved.order.items() if paths]
        else:
            folders = (path.rpartition("/vars/")[0] for path in saved.arrays if path not in saved.optimizer)
            groups = list(dict.fromkeys(folder for folder in folders if "seed_generator" not in folder))
        layers = [Unknown({}, name) for name in groups]
        for layer in layers:
            layer.class_name = "?"
            layer.config["not_replayable"] = "the file does not say what it computes"
        reason = custom.refusal() if custom else "the file holds weights only, no architecture"
        model = cls({"layers": layers, "reason": reason}, custom.name if custom else "weights")
        model.class_name = custom.class_name if custom else "weights only"
        return model
