"""A model is a layer that walks a graph of calls: Sequential and Functional."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightscope.errors import NoSuchLayer, NotReplayable, Unreadable, Unsupported
from weightscope.model.graph import Node, Ref, ends_structure, in_call_order, ref_from, with_refs
from weightscope.model.input_layer import InputLayer
from weightscope.model.layer import Layer, keras_layer, layer_from
from weightscope.model.structure import flatten, flatten_shapes, is_known, map_structure, no_such_layer
from weightscope.show.names import printable

if TYPE_CHECKING:
    from weightscope.files.saved import Ledger, Saved
    from weightscope.model.arrays import Outputs


def run_layer(_path, layer, given):
    """Run a layer on ``given``: args, kwargs, masks and keyword masks; return its outputs and their masks."""
    return layer.run(*given)


class Model(Layer):
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
        for node in self.nodes:
            node.outputs_read = 1 + max((ref.index for ref in refs if ref.node == node.path), default=-1)

    def _read_graph(self):
        raise NotImplementedError

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
        entries = {layer.name: layer for layer in self.input_layers if layer not in self.layers}
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

    def refusal(self) -> str | None:
        """Return None: a model refuses where its layers do, one by one."""

    def written_formula(self) -> str:
        """Return how many layers the model runs."""
        return f"runs its {len(self.layers)} layers"

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

    def shapes(self, input_shapes=None, prefix=""):
        """Return ``{path: shape}`` of every node's output; None where no rule tells it.

        ``input_shapes``: one shape for each input; without it, those of the InputLayers; ``prefix``: of paths.
        """
        declared = [layer.batch_shape for layer in self.input_layers]
        given = dict(zip(flatten(self.inputs), input_shapes or declared))
        found = {}
        for node in self.nodes:
            known = node.path in given
            found[prefix + node.path] = given[node.path] if known else self._node_shape(node, found, prefix)
        return found

    def _node_shape(self, node, found, prefix):
        def shape_of(leaf):
            if not isinstance(leaf, Ref):
                return leaf
            shape = found[prefix + leaf.node]
            if shape is None:
                raise NotReplayable("unknown")
            return flatten_shapes(shape)[leaf.index]

        try:
            args, kwargs = map_structure(shape_of, node.args), map_structure(shape_of, node.kwargs)
            if isinstance(node.layer, Model):
                inner = node.layer.shapes(flatten_shapes(args[0]), prefix + node.path + "/")
                found.update(inner)
                shape = node.layer.output_shape(inner, prefix + node.path + "/")
            else:
                shape = node.layer.output_shapes(args, kwargs)
            return shape if is_known(shape) else None
        except (NotReplayable, ArithmeticError, ValueError, TypeError, IndexError, KeyError, AttributeError):
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

    def __repr__(self) -> str:
        return printable(f"<{self.class_name} {self.name!r}: {len(self.layers):,} layers,"
                         f" {self.count_params():,} parameters>")


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
    if missing and (not isinstance(node.layer, Model) or any(leaf is missing for leaf in flatten(kwargs))):
        return missing, None
    try:
        if isinstance(node.layer, Model):
            return (yield from node.layer.walk(*node.layer.argument(args, kwargs, masks), path + "/", call))
        return call(path, node.layer, (args, kwargs, masks, keyword_masks))
    except NotReplayable as error:
        return _behind(path, error), None


def _behind(path, error):
    # The error travels through the graph in place of the values, and remembers where it was born.
    error.origin = path
    return error


@keras_layer
class Functional(Model):
    """A graph of layers, called with each other's outputs."""

    def _read_graph(self):
        nodes = {}
        for config in self.layer_list():
            layer = layer_from(config)
            self.layers.append(layer)
            calls = config.get("inbound_nodes") or ([{}] if isinstance(layer, InputLayer) else [])
            for index, call in enumerate(calls):
                args, kwargs = self._arguments(layer, call)
                node = Node(layer, index, args, kwargs)
                nodes[node.path] = node
        self.inputs = self._ends("input_layers", lambda ref: ref.node)
        self.outputs = self._ends("output_layers", lambda ref: ref)
        for path in flatten(self.inputs):
            if not isinstance(getattr(nodes.get(path), "layer", None), InputLayer):
                raise Unreadable(f"model {self.name!r}: its input {path!r} is no InputLayer")
        self.nodes = in_call_order(self.name, nodes, flatten(self.outputs))

    def _arguments(self, layer, call):
        if not isinstance(call, dict):
            raise Unreadable(f"layer {layer.name!r}: its inbound node is {repr(call)[:60]}, expected args and kwargs")
        args, kwargs = with_refs(call.get("args") or []), with_refs(call.get("kwargs") or {})
        if not (isinstance(args, list) and isinstance(kwargs, dict)):
            raise Unreadable(f"layer {layer.name!r}: its inbound node should hold a list of args and named kwargs")
        return tuple(args), kwargs

    def _ends(self, key, leaf):
        def end(history):
            # Keras counts the calls of a Functional from 1 here, and only here (Functional.get_config).
            counted = [layer.name for layer in self.layers if isinstance(layer, Functional)]
            return leaf(ref_from([history[0], history[1] - (history[0] in counted), history[2]]))

        found = ends_structure(self.config.get(key), end)
        if found is None:
            raise Unreadable(f"model {self.name!r}: its config has no {key}")
        return found


@keras_layer
class Sequential(Model):
    """Layers in a row: each takes what the one before gives."""

    ignored = (*Model.ignored, "build_input_shape")

    def _read_graph(self):
        found = [layer_from(config) for config in self.layer_list()]
        self.layers = [layer for layer in found if not isinstance(layer, InputLayer)]  # as Keras' Sequential.layers
        if not self.layers:
            raise Unreadable(f"model {self.name!r} has no layers")
        entry = found[0] if isinstance(found[0], InputLayer) else self._implicit_input()
        self.nodes = [Node(entry, 0, (), {})]
        for layer in self.layers:
            self.nodes.append(Node(layer, 0, (Ref(self.nodes[-1].path, 0),), {}))
        if len({node.path for node in self.nodes}) != len(self.nodes):
            raise Unreadable(f"model {self.name!r}: two of its layers have the same name")
        self.inputs = [entry.name]
        self.outputs = Ref(self.nodes[-1].path, 0)

    def _implicit_input(self):
        first = self.layers[0]
        shape = first.config.get("batch_shape") or self.config.get("build_input_shape") or _inner_shape(first)
        shape = shape or first.build_config.get("input_shape")
        taken = {layer.name for layer in self.layers}
        name = next(n for n in ("input_layer", "input", "input_", "input__") if n not in taken)
        config = {"batch_shape": shape, "dtype": first.config.get("input_dtype") or first.policy}
        entry = InputLayer(config, name)
        entry.implicit = True
        return entry


def _inner_shape(layer):
    # A model, or a wrapper, in first place knows the shape that goes in.
    if isinstance(layer, Model) and layer.input_layers:
        return layer.input_layers[0].batch_shape
    return None


