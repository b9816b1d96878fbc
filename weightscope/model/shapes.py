"""The shapes of what goes through the graph of a model, as far as the rules of its layers tell them."""

from __future__ import annotations

import math

from weightscope.errors import NotReplayable, Unreadable
from weightscope.model.graph import Ref
from weightscope.model.structure import flatten, flatten_shapes, is_known, map_structure


class Shapes:
    """The part of a Model that tells the shapes of its nodes' outputs."""

    def values_of_sample(self, shapes):
        """Return how many values one sample makes on its way, given its inputs' shapes.

        None where nothing tells, and where a layer looks at the whole batch.
        """
        found = self.shapes([(1, *shape[1:]) for shape in shapes])
        if None in found.values() or self._mixes_samples(found):
            return None
        flat = flatten_shapes(list(found.values()))
        if any(len(shape) < 2 or None in shape or min(shape) < 0 for shape in flat):
            return None
        return sum(math.prod(shape) for shape in flat)

    def _mixes_samples(self, found, prefix=""):
        """Tell whether a layer is given shapes with which it looks at the whole batch."""
        for node in self.nodes:
            if isinstance(node.layer, Shapes):
                mixes = node.layer._mixes_samples(found, f"{prefix}{node.path}/")
            else:
                given = [flatten_shapes(found[prefix + ref.node])[ref.index] for ref in node.refs]
                mixes = node.layer.mixes_samples(given)
            if mixes:
                return True
        return False

    def shapes(self, input_shapes=None, prefix="", refused=None):
        """Return ``{path: shape}`` of every node's output; None where no rule tells it.

        ``input_shapes``: one shape for each input; without it, those of the InputLayers; ``prefix``: of paths;
        ``refused``: a mapping that takes ``{path: reason}`` of the nodes whose rule refuses the shapes it is given, or
        of whose output nothing would be left.
        """
        declared = [layer.batch_shape for layer in self.input_layers]
        given = dict(zip(flatten(self.inputs), input_shapes or declared))
        found = {}
        for node in self.nodes:
            known = node.path in given
            found[prefix + node.path] = given[node.path] if known else self._node_shape(node, found, prefix, refused)
        return found

    def _node_shape(self, node, found, prefix, refused):
        def shape_of(leaf):
            if not isinstance(leaf, Ref):
                return leaf
            shape = found[prefix + leaf.node]
            if shape is None:
                raise NotReplayable("unknown")
            return flatten_shapes(shape)[leaf.index]

        path = prefix + node.path
        try:
            args, kwargs = map_structure(shape_of, node.args), map_structure(shape_of, node.kwargs)
            if isinstance(node.layer, Shapes):
                inner = node.layer.shapes(flatten_shapes(args[0]), path + "/", refused)
                found.update(inner)
                shape = node.layer.output_shape(inner, path + "/")
            else:
                shape = node.layer.output_shapes(args, kwargs)
                if refused is not None and is_known(shape) and _is_empty(shape):
                    refused[path] = f"layer {path!r} would give {shape}"
            return shape if is_known(shape) else None
        except (NotReplayable, ArithmeticError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            # A NotReplayable with no cause says that nothing is known.
            if refused is not None and (error.__cause__ or not isinstance(error, NotReplayable)):
                refused[path] = f"layer {path!r} refuses: {error.__cause__ or error}"
            return None
        except Unreadable as error:
            if refused is None:
                raise
            refused[path] = f"layer {path!r} refuses: {error}"
            return None

    def oversized(self, input_shapes):
        """Return what ``replay`` says of the first output that is too large for it, or None.

        ``input_shapes``: those of the arrays that the model is run on.
        """
        found = self.shapes(input_shapes, refused={})
        for path, layer in self.calls():
            leaves = flatten_shapes(found[path]) if found.get(path) is not None else []
            reason = layer.size_fault(leaves)
            if reason:
                return layer.about(reason)
        return None

    def output_shape(self, shapes, prefix=""):
        """Return the structure of the outputs' shapes, given what ``shapes`` returned for this ``prefix``."""
        def shape_of(ref):
            shape = shapes[prefix + ref.node]
            return None if shape is None else flatten_shapes(shape)[ref.index]
        return map_structure(shape_of, self.outputs)

    def shape(self, x):
        """Return the shapes of the outputs for those of the inputs, ``x``."""
        return self.output_shape(self.shapes(flatten_shapes(x)))


def _is_empty(shape):
    return any(size is not None and size <= 0 for leaf in flatten_shapes(shape) for size in leaf[1:])
