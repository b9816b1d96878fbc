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


class Riding:
    """What rides on one tensor: its mask, or None. Who takes it off does so for all that read the tensor later.

    A layer that hands on what it was given hands on the tensor, and what rides on it (``_keras_mask`` in Keras).
    """

    __slots__ = ("mask",)

    def __init__(self, mask):
        self.mask = mask


class Walks:
    """The part of a Model that runs it."""

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, masks: Sequence[Any] = (),
            keyword_masks: Mapping[str, Any] | None = None) -> tuple[Outputs, Any]:
        """Run the whole graph; ``args``, ``kwargs``, ``masks`` and ``keyword_masks`` as any layer takes them.

        Returns the outputs and their masks. Raises NotReplayable where a layer on the way cannot be replayed.
        """
        steps = self.walk(*self.argument(args, kwargs or {}, masks, keyword_masks))
        try:
            while True:
                next(steps)
        except StopIteration as stop:
            outputs, riding = stop.value
        problem = next((leaf for leaf in flatten(outputs) if isinstance(leaf, NotReplayable)), None)
        if problem:
            raise problem
        return outputs, map_structure(_mask_of, riding)

    def argument(self, args, kwargs, masks=(), keyword_masks=None):
        """Return what a call hands to the model, out of ``args`` and ``kwargs``, and its masks, or what rides on it.

        ``masks``, ``keyword_masks``: those of the arguments, or what rides on them, of the same structure.
        Raises NotReplayable where the call asks for more than to run it.
        """
        asked = [key for key, value in kwargs.items()
                 if key not in ("inputs", "mask", "training") and value is not None and value is not False]
        if len(args) + ("inputs" in kwargs) != 1 or asked:
            raise NotReplayable(f"model {self.name!r}: called with {len(args)} arguments and {asked} is not replayed")
        found = masks[0] if masks else (keyword_masks or {}).get("inputs")
        return args[0] if args else kwargs["inputs"], _with_explicit(found, kwargs.get("mask"))

    def walk(self, inputs, masks=None, prefix="", call=run_layer):
        """Call every node in Keras' order, and yield ``(path, outputs)`` as each is done.

        ``inputs``: the structure of arrays the model is called on, ``masks`` theirs, or the Riding of each; ``prefix``:
        of paths; ``call``: what calls a layer in the place of ``run_layer``. What is sent into the generator takes the
        place of a node's outputs for the nodes behind it. A node that cannot be replayed yields the NotReplayable
        instead, and so does all that needs it. A value is dropped after its last reader. Returns the outputs, and a
        Riding for each.
        """
        given = {path: (x, [riding]) for path, (x, riding) in zip(flatten(self.inputs), self._entering(inputs, masks))}
        values, left = {}, Counter(self._readers)
        for node in self._in_turn:
            path = prefix + node.path
            if node.path in given:
                outputs, riding = given[node.path]
            else:
                outputs, riding = yield from _call(node, values, path, call)
            for ref in node.unmasks:
                values[ref.node][ref.index][1].mask = None
            replacement = yield path, outputs
            outputs = outputs if replacement is None else replacement
            values[node.path] = _paired(node, outputs, riding)
            del outputs, replacement
            for ref in node.refs:
                left[ref.node] -= 1
                if not left[ref.node]:
                    values.pop(ref.node, None)
        pick = [map_structure(lambda ref, i=i: values[ref.node][ref.index][i], self.outputs) for i in (0, 1)]
        return pick[0], pick[1]

    def _entering(self, inputs, masks):
        """Return ``[(array, Riding)]`` of the inputs, as the InputLayers take them."""
        arrays = self.standardize(inputs)
        before, riding = self._in_order(inputs), self._in_order(masks)
        if len(riding) != len(arrays):
            riding = [None] * len(arrays)
        return [(x, mask if isinstance(mask, Riding) and x is given else Riding(_mask_of(mask)))
                for x, given, mask in zip(arrays, before, riding)]

    def _in_order(self, structure):
        """Return the leaves for the inputs in their order, of a mapping by their names too."""
        if isinstance(structure, dict) and not isinstance(self.inputs, dict):
            return [structure.get(name) for name in flatten(self.inputs)]
        return flatten(structure)

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
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes an infinity, as in Keras
            return map_structure(lambda x: x.astype("float32") if getattr(x, "dtype", None) == np.float64 else x,
                                 inputs)


def _mask_of(leaf):
    return leaf.mask if isinstance(leaf, Riding) else leaf


def _masks_of(structure):
    args, kwargs = structure
    if len(args) == 1 and isinstance(args[0], Riding) and not kwargs:
        return (args[0].mask,), {}
    return map_structure(_mask_of, args), map_structure(_mask_of, kwargs)


def _with_explicit(masks, explicit):
    """Return the masks of a model's inputs where its call gives explicit ones, which ride on the tensors from then on.

    (``Functional.call`` in keras/src/models/functional.py.)
    """
    riding = flatten(masks)
    if not all(isinstance(leaf, Riding) for leaf in riding):
        return masks if explicit is None else explicit
    for leaf, mask in zip(riding, flatten(explicit)):
        leaf.mask = leaf.mask if mask is None else mask
    return masks


def _paired(node, outputs, riding):
    """Return (output, its Riding) for each output of a node, as many as the graph reads."""
    leaves = flatten(outputs)
    if isinstance(outputs, NotReplayable):
        leaves = leaves * max(node.outputs_read, 1)
    if len(leaves) < node.outputs_read:
        raise Unreadable(f"the graph reads {node.outputs_read} outputs of {node.path!r}, which gives {len(leaves)}")
    riding += [Riding(None) for _ in leaves[len(riding):]]
    return list(zip(leaves, riding))


def _call(node, values, path, call):
    """Call one node on the values so far; a generator, for a model among the layers yields its own nodes.

    Returns the outputs, and a list with a Riding for each.
    """
    given, riding, pairs = _picked(node, values)
    missing = next((value for value, _ in pairs if isinstance(value, NotReplayable)), None)
    if missing and (not isinstance(node.layer, Walks) or any(leaf is missing for leaf in flatten(given[1]))):
        return missing, []
    try:
        if isinstance(node.layer, Walks):
            outputs, riding = yield from node.layer.walk(*node.layer.argument(*given, *riding), path + "/", call)
            return outputs, flatten(riding)
        outputs, masks = call(path, node.layer, (*given, *_masks_of(riding)))
        return outputs, _riding_on(outputs, masks, pairs if node.layer.hands_on else ())
    except NotReplayable as error:
        return _behind(path, error), []


def _picked(node, values):
    """Return what a node is called with, args and kwargs; what rides on it; and both together, for each leaf."""
    if len(node.args) == 1 and isinstance(node.args[0], Ref) and not node.kwargs:
        pair = values[node.args[0].node][node.args[0].index]
        return ((pair[0],), {}), ((pair[1],), {}), (pair,)

    def pick(index):
        def leaf_value(leaf):
            if isinstance(leaf, Ref):
                return values[leaf.node][leaf.index][index]
            return None if index else leaf
        return map_structure(leaf_value, node.args), map_structure(leaf_value, node.kwargs)

    given, riding = pick(0), pick(1)
    return given, riding, list(zip(flatten(given), flatten(riding)))


def _riding_on(outputs, masks, given):
    """Return a Riding for each output of a call: that of what was ``given``, ``(value, Riding)``, where it is that."""
    found = [Riding(mask) for mask in flatten(masks)]  # as in Keras, they may be fewer than the outputs
    if not given:
        return found
    known = {id(value): riding for value, riding in given if riding is not None}
    leaves = flatten(outputs)
    found = (found + [Riding(None) for _ in leaves])[:len(leaves)]
    for index, leaf in enumerate(leaves):
        same = known.get(id(leaf))
        if same is not None:
            same.mask = found[index].mask if same.mask is None else same.mask
            found[index] = same
    return found


def _behind(path, error):
    # The error travels through the graph in place of the values, and remembers where it was born.
    error.origin = path
    return error
