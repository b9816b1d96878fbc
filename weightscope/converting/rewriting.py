"""A loaded model in Keras 3's words: the config of each layer as Keras 3 takes it, and its weights as it keeps them.

What Keras 3 has no word for is put together of what it has, where that computes the same: a convolution that Theano
padded becomes a padding and a convolution. What cannot be said so is named, by Unsupported.
"""

from weightscope.converting import composed, operations
from weightscope.converting.gates import HARD_SIGMOID, scaled
from weightscope.converting.unsupported import unsupported
from weightscope.converting.writing import serialised
from weightscope.errors import Unsupported
from weightscope.layers import keras1, keras2
from weightscope.layers.keras2.rnn import CuDNN
from weightscope.layers.tensorflow.operations import TensorFlowCall
from weightscope.model.functional import Sequential
from weightscope.model.input_layer import InputLayer
from weightscope.model.layer import Layer
from weightscope.model.model import Model
from weightscope.model.structure import flatten_shapes, is_shape

# Settings that only Keras 2 took, or whose value Keras 3 works out for itself.
_DROPPED = {"implementation", "fused", "renorm_clipping", "renorm_momentum", "input_length", "virtual_batch_size",
            "adjustment", "sparse", "input_shape", "kernel_order", "kernel_flipped", "seed", "masked_beside_states",
            "keeps_masks", "adds_plainly"}
# Settings that a class of Keras 3 does not take, though files of Keras 2 may have them.
_NOT_TAKEN = {"SpatialDropout1D": {"noise_shape", "data_format"}, "SpatialDropout2D": {"noise_shape"},
              "SpatialDropout3D": {"noise_shape"}, "Cropping1D": {"data_format"}, "UpSampling1D": {"data_format"},
              "IntegerLookup": {"encoding"},
              **{name: {"unit_forget_bias"} for name in ("GRU", "GRUCell", "SimpleRNN", "SimpleRNNCell")}}
_WITHOUT_TRAINABLE = {"SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Discretization", "Pipeline"}
# Of old classes alone: the dialects' words, and what composed turns into others.
_OLD = {"output_shape"}
_GONE = (keras1.__name__, keras2.__name__)  # the packages of classes that Keras 3 has not
_SAME = {"SyncBatchNormalization": "BatchNormalization", "CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU",
         "RandomHeight": "Identity", "RandomWidth": "Identity"}
_KEPT = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D", "LSTM", "GRU", "ConvLSTM2D",
         "Softmax", "MultiHeadAttention", "TimeDistributed", "Add", "Subtract", "Multiply", "Average", "Maximum",
         "Minimum", "Concatenate", "Identity", "Rescaling", "Normalization", "EinsumDense"}


class Rewriter:
    """Collects ``values``, ``{path of a layer: {weight: array}}``, while it rewrites a model."""

    def __init__(self):
        self.values = {}

    def model(self, model, path=""):
        """Return the serialised form of a model; its layers' values are filed under ``path``."""
        shapes = model.shapes()
        if isinstance(model, Sequential):
            entry, *nodes = model.nodes
            layers = [self._input(entry.layer, model)]
            layers += [self.layer(node.layer, path + node.layer.name, self._seen(node, shapes)) for node in nodes]
            return serialised("Sequential", {"name": model.name, "layers": layers}, "keras")
        layers = []
        for entry, layer in zip(model.layer_list(), model.layers, strict=True):
            calls = entry.get("inbound_nodes") or []
            if isinstance(layer, InputLayer):
                found = self._input(layer, model)
            elif isinstance(layer, TensorFlowCall):
                found = operations.layer(layer, calls)
            else:
                node = next((node for node in model.nodes if node.layer is layer), None)
                found = self.layer(layer, path + layer.name, node and self._seen(node, shapes))
            nodes = _with_shapes(operations.nodes(layer, calls), shapes)
            layers.append({**found, "name": layer.name, "inbound_nodes": nodes})
        ends = {key: model.config[key] for key in ("input_layers", "output_layers")}
        return serialised("Functional", {"name": model.name, "layers": layers, **ends}, "keras.src.models.functional")

    @staticmethod
    def _input(layer, model):
        if layer.batch_shape is None:
            raise Unsupported(f"model {model.name!r}: the file does not tell the shape of its input")
        config = {"name": layer.name, "batch_shape": list(layer.batch_shape), "dtype": layer.policy}
        return serialised("InputLayer", config)

    @staticmethod
    def _seen(node, shapes):
        found = [shapes.get(ref.node) for ref in node.refs[:1]]
        return flatten_shapes(found[0])[node.refs[0].index] if found and found[0] is not None else None

    def layer(self, layer, path, shape=None):
        """Return the serialised form of a layer that is called on an input of ``shape``, where that is known."""
        if isinstance(layer, Model):
            return self.model(layer, path + "/")
        reason = layer.refusal()
        if reason:
            raise unsupported(layer, reason)
        if layer.layout == "keras3":
            raise unsupported(layer, "Keras 3 computes it otherwise now than the version that saved the file")
        if layer.module and layer.module.startswith("keras.src.ops"):
            return {**serialised(layer.class_name, {**layer.config, "name": layer.name}, layer.module),
                    "registered_name": layer.class_name}
        made = composed.of(layer, shape)
        if made is not None:
            return self._filed(made, path, layer)
        if word := _wordless(layer):
            raise unsupported(layer, f"Keras 3 has no {word}")
        class_name = _SAME.get(layer.class_name, layer.class_name)
        if class_name == layer.class_name and type(layer).__module__.startswith(_GONE) and not (
                class_name in _KEPT and layer.layout in ("old", "keras2")):
            layout = "time-major " if layer.layout == "time_major" else ""
            raise unsupported(layer, f"Keras 3 has no {layout}{layer.class_name}")
        config = self._config(layer, path)
        self.values[path] = scaled(layer, _stored(layer))
        return serialised(class_name, config if class_name != "Identity" else _base(layer))

    def _filed(self, made, path, layer):
        config, values = made
        self.values.update({f"{path}/{name}": arrays for name, arrays in values.items()})
        config["config"]["name"] = layer.name
        return config

    def _config(self, layer, path):
        """Return the config of a layer: its settings, and what only training uses, as Keras 3 calls them."""
        found = _base(layer)
        for name in taken(layer.class_name, [*layer.settings(), *layer.ignored]):
            if name in layer.config and not (layer.layout == "old" and name in _OLD):
                found[name] = layer.config[name]
        for name, (kind, _) in layer.settings().items():
            held = getattr(layer, name, None)
            if isinstance(held, Layer) and name in found:
                found[name] = self.layer(held, f"{path}/{name}")
            elif kind == "Activation" and found.get(name) == HARD_SIGMOID:
                found[name] = "hard_sigmoid"
        return self._wrapped(layer, found, path)

    def _wrapped(self, layer, config, path):
        """Rewrite the layers inside that stand in settings of another kind: of Bidirectional and of stacked cells."""
        if layer.class_name == "Bidirectional":
            forward, backward = layer.parts["forward_layer"], layer.parts["backward_layer"]
            config["layer"] = self.layer(forward, f"{path}/forward_layer")
            written = self.layer(backward, f"{path}/backward_layer")
            if layer.config.get("backward_layer"):
                config["backward_layer"] = written
            else:
                config.pop("backward_layer", None)
        elif layer.class_name == "StackedRNNCells":
            config["cells"] = [self.layer(cell, f"{path}/{attribute}") for attribute, cell in layer.parts.items()]
        elif layer.class_name == "MultiHeadAttention":
            self.values.update({f"{path}/{attribute}": _stored(part) for attribute, part in layer.parts.items()})
        return config


def taken(class_name, settings):
    """Return those of the settings of a class that Keras 3 takes: what only training uses is kept."""
    none = _DROPPED | _NOT_TAKEN.get(class_name, set())
    return [name for name in settings if name not in none]


def _wordless(layer):
    """Return what Keras 3 has no word for in the settings of a layer whose class it has, or None."""
    if layer.class_name == "BatchNormalization" and layer.layout == "keras2":
        return "normalization by the batch's own mean and variance in predict"
    if layer.class_name == "BatchNormalization" and isinstance(layer.config.get("axis"), list):
        return "normalization of a batch over several axes"
    return "mitchellcubic" if layer.config.get("interpolation") == "mitchellcubic" else None


def _base(layer):
    trainable = {} if layer.class_name in _WITHOUT_TRAINABLE else {"trainable": layer.trainable}
    return {"name": layer.name, **trainable, "dtype": layer.policy}


def _stored(layer):
    """Return ``{name: array}`` as Keras 3 keeps them: what a class of ours makes of an old layout, else as they are."""
    if layer.layout == "old" or isinstance(layer, CuDNN):
        return layer.arrays()
    return {name: weight.array for name, weight in layer.weights.items() if weight.shape is not None}


def _with_shapes(value, shapes):
    """Return nodes whose tensors have a shape and a dtype, which Keras 3 wants to see and does not use."""
    if isinstance(value, list):
        return [_with_shapes(item, shapes) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        name, call, index = value["config"]["keras_history"][:3]
        shape = shapes.get(name if call == 0 else f"{name}#{call + 1}")
        known = None if shape is None else flatten_shapes(shape)[index]
        return {**value, "config": {"shape": list(known) if is_shape(known) else [None], "dtype": "float32",
                                    "keras_history": [name, call, index]}}
    return {key: _with_shapes(item, shapes) for key, item in value.items()}
