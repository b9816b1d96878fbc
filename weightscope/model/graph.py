"""The graph of a model: its nodes, each one call of one layer, and what they read of each other."""

import numpy as np

from weightscope.errors import Unreadable
from weightscope.model.constants import revived
from weightscope.model.structure import flatten


class Ref:
    """One output of one node: the node's path in its model, and which of its flattened outputs."""

    __slots__ = ("index", "node")

    def __init__(self, node, index):
        self.node, self.index = node, index

    def __repr__(self):
        return f"<Ref {self.node}:{self.index}>"


class Node:
    """One call of one layer. ``path`` is the layer's name, with ``#2`` for its second call, and so on.

    ``args`` and ``kwargs`` are what the layer is called with; every tensor in them is a ``Ref``. ``constants``: the
    arrays among them; ``unmasks``: those of the Refs whose tensors the call takes the mask off.
    """

    def __init__(self, layer, index, args, kwargs):
        self.layer, self.index, self.args, self.kwargs = layer, index, args, kwargs
        self.path = node_path(layer.name, index)
        leaves = flatten([args, kwargs])
        self.refs = [leaf for leaf in leaves if isinstance(leaf, Ref)]
        self.constants = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]
        self.outputs_read = 0  # how many of its outputs the graph reads
        self.unmasks = ()

    def __repr__(self):
        return f"<Node {self.path}>"


def node_path(layer_name, index):
    """Return the path of a layer's call in its model: ``dense``, then ``dense#2``, ``dense#3``, …"""
    return layer_name if index == 0 else f"{layer_name}#{index + 1}"


def with_refs(value):
    """Return a call's arguments with a Ref for every tensor, and the constants between them made."""
    return revived(value, lambda config: ref_from(config.get("keras_history")))


def ref_from(history):
    """Return the Ref for ``[layer, call, output]``; raise Unreadable for anything else."""
    if not (isinstance(history, list) and len(history) == 3 and isinstance(history[0], str)
            and isinstance(history[1], int) and isinstance(history[2], int) and history[2] >= 0):
        raise Unreadable(f"a tensor of the graph should be [layer, call, output], found {repr(history)[:60]}")
    return Ref(node_path(history[0], history[1]), history[2])


def ends_structure(value, leaf):
    """Return the structure of a model's inputs or outputs, ``leaf`` applied to each; None for what is none."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return leaf(value)
    if isinstance(value, list):
        return [ends_structure(item, leaf) for item in value]
    if isinstance(value, dict):
        return {key: ends_structure(item, leaf) for key, item in value.items()}
    return None


def in_call_order(name, nodes, outputs):
    """Return the nodes that the outputs need, each after those it reads; raise Unreadable for a circle or a gap."""
    order, state = [], {}
    stack = [(ref.node, False) for ref in reversed(outputs)]
    stack = [(path, False) for path in reversed(list(nodes))] + stack
    while stack:
        path, ready = stack.pop()
        if ready:
            state[path] = "done"
            order.append(nodes[path])
        elif path not in nodes:
            raise Unreadable(f"model {name!r}: its graph asks for {path!r}, which is not in the config")
        elif path not in state:
            state[path] = "open"
            stack.append((path, True))
            waiting = [ref.node for ref in nodes[path].refs if state.get(ref.node) != "done"]
            if any(state.get(other) == "open" for other in waiting):
                raise Unreadable(f"model {name!r}: its graph has a circle through {path!r}")
            stack.extend((other, False) for other in reversed(waiting))
    return order


def in_keras_order(nodes, outputs):
    """Return nodes, each of which comes after those it reads, in the order in which Keras runs them.

    Keras goes by depth, the longest way to an output, and takes the depth of a layer's other calls for a call that is
    nearer; at one depth, by when a node was first met on the way back from the outputs. ``outputs``: flat, the model's.
    Sources: ``map_graph`` in keras/src/ops/function.py; ``_map_graph_network`` of tf_keras is the same.
    """
    order = [node for node in nodes if node.path in _behind(nodes, outputs)]
    depths, of_layer = {}, {}
    for node in reversed(order):
        depth = max(depths.setdefault(node.path, 0), of_layer.get(node.layer, 0))
        depths[node.path] = of_layer[node.layer] = depth
        for ref in node.refs:
            depths[ref.node] = max(depths.get(ref.node, 0), depth + 1)
    by_path = {node.path: node for node in nodes}
    found = [by_path[path] for path in sorted(depths, key=depths.get, reverse=True)]
    return found + [node for node in nodes if node.path not in depths]


def _behind(nodes, outputs):
    """Return the paths of the nodes that the outputs need."""
    needed = {ref.node for ref in outputs}
    for node in reversed(nodes):
        if node.path in needed:
            needed.update(ref.node for ref in node.refs)
    return needed
