"""The calls of a model's graph, named as weightscope names them, and the outputs noted as they are made.

Keras 3 and tf_keras run every graph (Functional, Sequential, nested or not) through one method of their own, which
calls operation after operation; each has a recorder that watches it. What goes on inside a wrapper (TimeDistributed,
Bidirectional) belongs to the wrapper's own loop and is not noted.
"""


def calls(graph, operation_of):
    """Return ``[(operation, path)]`` of each call of a graph, in the order in which Keras makes them.

    ``operation_of``: from a node to what it calls.
    """
    nodes = [node for depth in sorted(graph._nodes_by_depth, reverse=True) for node in graph._nodes_by_depth[depth]]
    ours = {id(node) for node in nodes}
    found = []
    for node in nodes:
        operation = operation_of(node)
        if operation is not None and not node.is_input:
            same = [other for other in operation._inbound_nodes if id(other) in ours]
            index = next(i for i, other in enumerate(same) if other is node)
            found.append((operation, operation.name + (f"#{index + 1}" if index else "")))
    return found


class Notes:
    """The calls of one run, each told as it is made.

    ``is_graph``: whether an operation is a model, with calls of its own; ``tree``: a module with ``flatten`` and
    ``pack_sequence_as`` for what this Keras nests; ``in_place_of(own, given)``: what takes the place of a tensor that a
    call gave.
    """

    def __init__(self, is_graph, tree, in_place_of):
        self._is_graph, self._tree, self._in_place_of = is_graph, tree, in_place_of

    def begin(self, note, given):
        """Begin a run: ``note`` takes the outputs of every call, those that are ``given`` are put in their place."""
        self._note, self._given, self._prefixes = note, given, [""]

    def given(self, path):
        """Return what takes the place of a call's outputs, a flat list; empty where nothing does."""
        return self._given.get(path) or []

    @property
    def prefix(self):
        """The path of the graph that is running, with its slash; None inside a layer that is no graph."""
        return self._prefixes[-1]

    def call(self, path, operation, function, *args, **kwargs):
        """Return ``function(*args, **kwargs)``, a call of ``operation``, and tell its outputs under ``path``.

        Without a path the call belongs to the one around it.
        """
        self._prefixes.append(path + "/" if path and self._is_graph(operation) else None)
        try:
            outputs = function(*args, **kwargs)
        finally:
            self._prefixes.pop()
        return self._told(path, outputs) if path else outputs

    def _told(self, path, outputs):
        """Tell the outputs of a call, and return those that go on to its readers."""
        leaves = self._tree.flatten(outputs)
        self._note(path, [leaf for leaf in leaves if leaf is not None])
        if path not in self._given:
            return outputs
        put = iter(self._given[path])
        return self._tree.pack_sequence_as(
            outputs, [leaf if leaf is None else self._in_place_of(leaf, next(put)) for leaf in leaves])
