"""Keras' models, as files have them: Functional, a graph of layers, and Sequential, layers in a row."""

from __future__ import annotations

from weightscope.errors import Unreadable
from weightscope.model.graph import Node, Ref, ends_structure, in_call_order, ref_from, with_refs
from weightscope.model.input_layer import InputLayer
from weightscope.model.layer import Unknown, keras_layer, layer_from
from weightscope.model.model import Model
from weightscope.model.structure import flatten


@keras_layer
class Functional(Model):
    """A graph of layers, called with each other's outputs."""

    def _read_graph(self):
        nodes, names = {}, set()
        for config in self.layer_list():
            layer = layer_from(config)
            if layer.name in names:
                raise Unreadable(f"model {self.name!r}: two of its layers are named {layer.name!r}")
            names.add(layer.name)
            self.layers.append(layer)
            calls = config.get("inbound_nodes") or ([{}] if isinstance(layer, InputLayer) else [])
            for index, call in enumerate(calls):
                args, kwargs = self._arguments(layer, call)
                node = Node(layer, index, args, kwargs)
                nodes[node.path] = node
        self.inputs = self._ends("input_layers", lambda ref: ref.node)
        outputs = self._ends("output_layers", lambda ref: ref)
        self.outputs = outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs  # as Functional.call
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
        # Keras counts the calls of a Functional from 1 here, and only here (Functional.get_config).
        counted = {layer.name for layer in self.layers if isinstance(layer, Functional)}

        def end(history):
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
        entry = found[0] if found and isinstance(found[0], InputLayer) else self._implicit_input()
        self.nodes = [Node(entry, 0, (), {})]
        for layer in self.layers or [self._nothing()]:
            self.nodes.append(Node(layer, 0, (Ref(self.nodes[-1].path, 0),), {}))
        if len({node.path for node in self.nodes}) != len(self.nodes):
            raise Unreadable(f"model {self.name!r}: two of its layers have the same name")
        self.inputs = [entry.name]
        self.outputs = Ref(self.nodes[-1].path, 0)

    def _nothing(self):
        """Return what stands in the graph of a model without layers."""
        found = Unknown({"not_replayable": "it has no layers, so that Keras cannot run it either"}, self.name)
        found.class_name = type(self).__name__
        return found

    def _implicit_input(self):
        first = self.layers[0] if self.layers else self._nothing()
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


