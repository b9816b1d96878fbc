"""A model is a layer that walks a graph of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weightscope.errors import NoSuchLayer, Unreadable, Unsupported
from weightscope.model.graph import Node, Ref, in_keras_order
from weightscope.model.input_layer import InputLayer
from weightscope.model.layer import Layer
from weightscope.model.names import printable
from weightscope.model.shapes import Shapes
from weightscope.model.structure import flatten, no_such_layer
from weightscope.model.walking import Walks

if TYPE_CHECKING:
    from weightscope.files.saved import Ledger, Saved


class Model(Walks, Shapes, Layer):
    """A model: layers, and the graph of their calls. It is a layer itself, and so may be one in another model.

    ``print(model)`` lists the layers. ``model["dense"]`` is one of them, ``model["encoder/dense"]`` one in a model, or
    in a wrapper, inside this one; ``model.layers`` are its own, as in Keras, but with the operations of ``keras.ops``
    between them; ``model.get_weights()`` has all arrays in Keras' order. Of a model that was loaded, ``saved`` is the
    file, ``ledger`` says where each of its arrays went, and ``notes`` what an old file was read as.

    ``config`` and ``name`` are the file's. Subclasses fill ``layers``, ``nodes``, the calls in their order, ``inputs``,
    a structure of the paths of the nodes where inputs enter, and ``outputs``, a structure of ``Ref``.
    """

    if TYPE_CHECKING:
        ignored: tuple[str, ...]

    ignored = ("layers", "input_layers", "output_layers")

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(config, name)
        self._file: tuple[Saved, Ledger] | None = None
        self.notes: list[str] = []
        self.layers: list[Layer] = []
        self.nodes: list[Node] = []
        self.inputs: Any = []
        self.outputs: Any = []
        self._read_graph()
        self.parts = {layer.name: layer for layer in self.layers}
        refs = [ref for node in self.nodes for ref in node.refs] + flatten(self.outputs)
        self._readers = Counter(ref.node for ref in refs)
        read: dict[str, int] = {}
        for ref in refs:
            read[ref.node] = max(read.get(ref.node, 0), ref.index + 1)
        for node in self.nodes:
            node.outputs_read = read.get(node.path, 0)
        self._in_turn = self._as_keras_runs_them()

    def _as_keras_runs_them(self):
        """Return the nodes in the order in which they are run: Keras' own where a call changes what another sees."""
        alter = [node for node in self.nodes if node.layer.alters_others()]
        if not alter:
            return self.nodes
        layers = self._layers_by_path()
        for node in alter:
            taken = flatten(node.layer.unmasked(node.args, node.kwargs))
            node.unmasks = [ref for ref in taken if isinstance(ref, Ref) and _dtype_of(ref, layers)
                            == node.layer.compute_dtype]  # else the layer casts, and works on a tensor of its own
        return in_keras_order(self.nodes, flatten(self.outputs))

    def _layers_by_path(self):
        return {node.path: node.layer for node in self.nodes}

    def _read_graph(self):
        raise NotImplementedError

    def has_constants_for(self, samples):
        """Tell whether a constant in the graph, or in one inside it, may be for a batch of so many ``samples``."""
        own = any(x.ndim > 1 and len(x) == samples for node in self.nodes for x in node.constants)
        return own or any(layer.has_constants_for(samples) for layer in self.layers if isinstance(layer, Model))

    @property
    def is_part(self) -> bool:
        """Whether this is a model inside another, with no file of its own."""
        return self._file is None

    @property
    def saved(self) -> Saved:
        """The file that the model was loaded from: its path, format, version, config and arrays.

        Raises Unsupported for a model inside another.
        """
        return self._of_file()[0]

    @property
    def ledger(self) -> Ledger:
        """Where every array of the file went. Raises Unsupported for a model inside another."""
        return self._of_file()[1]

    def comes_from(self, saved: Saved, ledger: Ledger) -> None:
        """Take ``saved`` for the file that the model was loaded from, and ``ledger`` for what became of its arrays."""
        self._file = saved, ledger

    def _of_file(self) -> tuple[Saved, Ledger]:
        if self._file is None:
            raise Unsupported(f"model {self.name!r} is a part of another, and has no file of its own: take the one that"
                              " was loaded")
        return self._file

    def layer_list(self) -> list[Any]:
        """Return the serialised layers of the config, or raise Unreadable for a config without one."""
        layers = self.config.get("layers")
        if not isinstance(layers, list):
            raise Unreadable(f"model {self.name!r}: its config has no list of layers")
        return layers

    def inside(self) -> dict[str, Layer]:
        """Return ``{name: layer}``: the inputs, the layers, and the calls by which a layer is met again."""
        own = set(self.layers)
        entries = {layer.name: layer for layer in self.input_layers if layer not in own}
        return {**entries, **self.parts, **{node.path: node.layer for node in self.nodes}}

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return one of this model's own layers, by ``name`` or by ``index``, as Keras' ``get_layer`` does.

        ``index`` counts as Keras counts: without operations of ``keras.ops``, and without the InputLayer of a
        Sequential. Layers inside other layers are found by ``model[path]``. Raises NoSuchLayer, a ValueError, for a
        name or an index that is none, and ValueError for both or neither.
        """
        layers = [layer for layer in self.layers if not layer.is_operation]
        if (index is None) == (name is None):
            raise ValueError(f"get_layer takes a name or an index, got name={name!r} and index={index!r}")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise NoSuchLayer(f"{self.class_name} {self.name!r} has {len(layers)} layers, and none at {index}")
            return layers[index]
        found = next((layer for layer in layers if layer.name == name), None)
        if found is None:
            raise no_such_layer(self, name, [(layer.name, layer) for layer in layers])
        return found

    @property
    def input_layers(self) -> list[InputLayer]:
        """The InputLayers, in the order in which ``predict`` takes its inputs."""
        by_name = {node.path: node.layer for node in self.nodes}
        return [by_name[path] for path in flatten(self.inputs)]

    def count_params(self) -> int:
        """Return the number of parameters, each shared weight counted once, as Keras' ``count_params`` does."""
        return sum(weight.size for weight in self.all_weights())

    def calls(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield ``(path, layer)`` of every call that computes something, nested models opened; ``prefix``: of paths."""
        inputs = set(flatten(self.inputs))
        for node in self.nodes:
            if isinstance(node.layer, Model):
                yield from node.layer.calls(prefix + node.path + "/")
            elif node.path not in inputs:
                yield prefix + node.path, node.layer

    def feeders(self, prefix="", fed=None):
        """Yield ``(path, paths)`` of every call that computes something: those of the calls whose outputs it takes.

        Nested models are opened; ``prefix``: of paths; ``fed``: what feeds each input of this one. Returns what gives
        each of its outputs.
        """
        inputs = flatten(self.inputs)
        known = dict(zip(inputs, fed or [[] for _ in inputs], strict=True))
        for node in self.nodes:
            path, by = prefix + node.path, [known[ref.node] for ref in node.refs if ref.node in known]
            if isinstance(node.layer, Model):
                count = len(flatten(node.layer.inputs))
                inner = by if len(by) == count else [_together(by)] * count
                known[node.path] = _together((yield from node.layer.feeders(path + "/", inner)))
            elif node.path not in inputs:
                yield path, _together(by)
                known[node.path] = [path]
        return [known[ref.node] for ref in flatten(self.outputs)]

    def sources(self, prefix: str = "") -> list[tuple[str, int]]:
        """Return ``(path, output)`` of the layer's call that gives each output; ``prefix``: of paths."""
        nodes = {node.path: node for node in self.nodes}
        return [self._source(nodes[ref.node], ref.index, prefix) for ref in flatten(self.outputs)]

    def _source(self, node, index, prefix):
        path = prefix + node.path
        return node.layer.sources(path + "/")[index] if isinstance(node.layer, Model) else (path, index)

    def sources_by_path(self, prefix: str = "") -> Iterator[tuple[str, list[tuple[str, int]] | None]]:
        """Yield ``(path, sources)`` of every node, nested ones too: None where a layer gives its outputs itself.

        ``prefix``: of paths.
        """
        for node in self.nodes:
            path = prefix + node.path
            if isinstance(node.layer, Model):
                yield path, node.layer.sources(path + "/")
                yield from node.layer.sources_by_path(path + "/")
            else:
                yield path, None

    def refusal(self) -> str | None:
        """Return None: a model refuses where its layers do, one by one."""

    def written_formula(self) -> str:
        """Return how many layers the model runs."""
        return f"runs its {len(self.layers)} layers"

    def __repr__(self) -> str:
        return printable(f"<{self.class_name} {self.name!r}: {len(self.layers):,} layers,"
                         f" {self.count_params():,} parameters>")


def _dtype_of(ref, layers):
    """Return the dtype of the floats that one output of a node has; ``layers``: those of the graph, by nodes' paths."""
    layer = layers[ref.node]
    if isinstance(layer, Model):
        return _dtype_of(flatten(layer.outputs)[ref.index], layer._layers_by_path())
    return layer.output_dtype


def check_is_model(model):
    """Raise TypeError, and say what to do, for the path of a file and whatever else is no Model."""
    if not isinstance(model, Model):
        raise TypeError(f"expected a model, as weightscope.load(path) returns it, got {type(model).__name__}")


def _together(lists):
    return list(dict.fromkeys(path for paths in lists for path in paths))
