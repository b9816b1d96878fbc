"""How values go through the graph of a model: node by node, each let go of when its last reader has read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.model.graph import Ref
from weightscope.model.structure import flatten, map_structure

if TYPE_CHECKING:
    from weightscope.model.arrays import Outputs


def run_layer(_path, layer, given):
    """Run a layer on ``given``: args, kwargs, masks and keyword masks; return its outputs and their masks."""
    return layer.run(*given)


class Walks:
    """The part of a Model that runs it."""

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, masks: Sequence[Any] = (),
            keyword_masks: Mapping[str, Any] | None = None) -> tuple[Outputs, Any]:
        """Run the whole graph; ``args``, ``kwargs``, ``masks`` and ``keyword_masks`` as any layer takes them.

        Returns the outputs and their masks. Raises NotReplayable where a layer on the way cannot be replayed.
        """
        steps = self.walk(*self.argument(args, kwargs or {}, masks))
        try:
            while True:
                next(steps)
        except StopIteration as stop:
            outputs, out_masks = stop.value
        problem = next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)
        if problem:
            raise problem
        return outputs, out_masks

    def argument(self, args, kwargs, masks=()):
        """Return what a call hands to the model, out of ``args`` and ``kwargs``, and its masks.

        Raises NotReplayable where the call asks for more than to run it.
        """
        asked = [key for key, value in kwargs.items()
                 if key not in ("inputs", "mask", "training") and value is not None and value is not False]
        if len(args) + ("inputs" in kwargs) != 1 or asked:
            raise NotReplayable(f"model {self.name!r}: called with {len(args)} arguments and {asked} is not replayed")
        mask = kwargs.get("mask")
        if mask is None:
            mask = masks[0] if masks else None
        return args[0] if args else kwargs["inputs"], mask

    def walk(self, inputs, masks=None, prefix="", call=run_layer):
        """Call every node in order, and yield ``(path, outputs)`` as each is done.

        ``inputs``: the structure of arrays the model is called on, ``masks`` theirs; ``prefix``: of paths; ``call``:
        what calls a layer in the place of ``run_layer``. What is sent into the generator takes the place of a node's
        outputs for the nodes behind it. A node that cannot be replayed yields the NotReplayable instead, and so does
        all that needs it. A value is dropped after its last reader. Returns (outputs, masks).
        """
        paths = flatten(self.inputs)
        given = dict(zip(paths, zip(self.standardize(inputs), _masks_like(masks, len(paths)))))
        values, left = {}, Counter(self._readers)
        for node in self.nodes:
            path = prefix + node.path
            if node.path in given:
                outputs, out_masks = given[node.path]
            else:
                outputs, out_masks = yield from _call(node, values, path, call)
            replacement = yield path, outputs
            outputs = outputs if replacement is None else replacement
            values[node.path] = _paired(node, outputs, out_masks)
            del outputs, replacement
            for ref in node.refs:
                left[ref.node] -= 1
                if not left[ref.node]:
                    values.pop(ref.node, None)
        pick = [map_structure(lambda ref, i=i: values[ref.node][ref.index][i], self.outputs) for i in (0, 1)]
        return pick[0], pick[1]

    def standardize(self, inputs):
        """Return the inputs as a flat list of arrays in the dtype and rank of the InputLayers, as Keras does.

        ``inputs``: as ``replay`` takes them. (``_standardize_inputs`` in keras/src/models/functional.py.) Raises
        Unreadable for inputs that the model does not take.
        """
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            missing = [name for name in flatten(self.inputs) if name not in inputs]
            if missing:
                raise Unreadable(f"model {self.name!r} takes an input {missing[0]!r}, which is not among those given")
            inputs = [inputs[name] for name in flatten(self.inputs)]
        given = flatten(inputs)
        if len(given) != len(flatten(self.inputs)):
            raise Unreadable(f"model {self.name!r} takes {len(flatten(self.inputs))} inputs, got {len(given)}")
        return [layer.standardize(x) for layer, x in zip(self.input_layers, given)]

    def as_predict_takes(self, inputs):
        """Return inputs as Keras' ``predict`` sees them: float64 rounded to float32, a list of numbers as an array."""
        if isinstance(inputs, Mapping):  # an open .npz is one
            inputs = dict(inputs)
        lists = not any(isinstance(leaf, np.ndarray) for leaf in flatten(inputs))
        if lists and not isinstance(inputs, dict) and len(self.input_layers) == 1:
            inputs = np.asarray(inputs)
        return map_structure(lambda x: x.astype("float32") if getattr(x, "dtype", None) == np.float64 else x, inputs)


def _masks_like(masks, count):
    found = flatten(masks)
    return found if len(found) == count else [None] * count


def _paired(node, outputs, masks):
    """Return (output, mask) for each output of a node, as many as the graph reads."""
    leaves = flatten(outputs)
    if isinstance(outputs, NotReplayable):
        leaves = leaves * max(node.outputs_read, 1)
    if len(leaves) < node.outputs_read:
        raise Unreadable(f"the graph reads {node.outputs_read} outputs of {node.path!r}, which gives {len(leaves)}")
    return list(zip(leaves, flatten(masks) + [None] * len(leaves)))  # as in Keras, the masks may be fewer


def _call(node, values, path, call):
    """Call one node on the values so far; a generator, for a model among the layers yields its own nodes."""
    def pick(index):
        def leaf_value(leaf):
            if isinstance(leaf, Ref):
                return values[leaf.node][leaf.index][index]
            return None if index else leaf
        return [map_structure(leaf_value, node.args), map_structure(leaf_value, node.kwargs)]

    (args, kwargs), (masks, keyword_masks) = pick(0), pick(1)
    missing = next((leaf for leaf in flatten([args, kwargs]) if isinstance(leaf, NotReplayable)), None)
    if missing and (not isinstance(node.layer, Walks) or any(leaf is missing for leaf in flatten(kwargs))):
        return missing, None
    try:
        if isinstance(node.layer, Walks):
            return (yield from node.layer.walk(*node.layer.argument(args, kwargs, masks), path + "/", call))
        return call(path, node.layer, (args, kwargs, masks, keyword_masks))
    except NotReplayable as error:
        return _behind(path, error), None


def _behind(path, error):
    # The error travels through the graph in place of the values, and remembers where it was born.
    error.origin = path
    return error
