"""What there is to say about a model, before any format says it: a tree of blocks, one for each layer."""

import re
from fnmatch import fnmatchcase
from functools import cached_property

from weightscope.checking import hazards
from weightscope.model.formula import Activation
from weightscope.model.input_layer import InputLayer
from weightscope.model.layer import Layer
from weightscope.model.model import Model
from weightscope.model.settings import MISSING
from weightscope.model.structure import flatten, flatten_shapes
from weightscope.opening.loose import Loose
from weightscope.show.wording import axes_text, counted, shape_text

MOST_IN_FULL = 40  # layers, past which each has one line if nothing else is asked for


class Call:
    """One call of a layer: its ``path``, what it is called ``on``, the shape of the one input, and of the output.

    ``on`` are paths of calls; ``lstm[1]`` is the second output of ``lstm``. ``given`` is None for several inputs.
    """

    def __init__(self, path, on, given, shape):
        self.path, self.on, self.given, self.shape = path, on, given, shape


class Block:
    """One layer and what a report says of it.

    ``path``: its place in the model, ``encoder/dense``; ``attribute``: under which its owner holds it, "" for a layer
    of a model; ``trains``: whether neither it nor a model around it is frozen; ``parts``: the blocks inside it;
    ``follows``: whether it is called once, on the layer listed before it and on nothing else.
    """

    def __init__(self, layer, path, attribute, trains, calls):
        self.layer, self.path, self.attribute, self.trains, self.calls = layer, path, attribute, trains, calls
        self.parts, self.follows = [], False

    @property
    def parameters(self):
        """The number of parameters in this layer and its parts."""
        return sum(weight.size for weight in self.layer.all_weights())

    @property
    def shape(self):
        """The output's shape at the first call, or None where nothing tells it."""
        return self.calls[0].shape if self.calls else None

    @property
    def refusal(self):
        """Why the layer cannot be replayed, or None; a part leaves the word to its owner."""
        return None if self.attribute else self.layer.refusal()

    @property
    def is_model(self):
        """Whether this is a model in the model."""
        return isinstance(self.layer, Model)

    @property
    def is_input(self):
        """Whether this is where an input enters."""
        return isinstance(self.layer, InputLayer)

    def settings(self):
        """Return ``{setting: value}`` of all that the result depends on; layers inside this one are its parts."""
        layer, found = self.layer, {}
        for name, (kind, default) in layer.settings().items():
            value = getattr(layer, name)
            if kind == "object" or isinstance(value, Layer) or name in layer.parts or _holds_layers(value):
                continue
            if name in layer.config or not _is_default(layer, name, kind, value, default):
                found[name] = value.name if isinstance(value, Activation) else value
        return found

    def told_settings(self):
        """Return ``({setting: value}, {setting: value})``: those that are set, and those that are as by default.

        Left out is what is told already: sizes that weights have, activations and a bias in the formula, that channels
        are last; and defaults that are None: nothing is asked for.
        """
        layer, told = self.layer, ({}, {})
        for name, value in self.settings().items():
            kind, default = layer.settings()[name]
            usual = _is_default(layer, name, kind, getattr(layer, name), default)
            in_formula = kind == "Activation" and re.search(rf"\b{name}\b", layer.formula)
            is_size = any(weight.size_along(name) == value for weight in layer.weights.values() if weight.shape)
            asks_nothing = usual and (name in ("use_bias", "data_format")
                                      or (value is None and not kind.startswith("PerAxis")))
            if not (in_formula or is_size or asks_nothing):
                told[usual][name] = value
        return told

    def trains_weight(self, weight):
        """Tell whether training changes a weight of this layer."""
        return self.trains and weight.trainable

    def arithmetic(self):
        """Return a product's shapes written out, ``(None, 2) · (2 in × 8 units) → (None, 8)``; "" for other maths."""
        kernel, bias = self.layer.weights.get("kernel"), self.layer.weights.get("bias")
        is_product = re.search(r"\bx · kernel\b(?!\[)", self.layer.formula) and len(self.layer.weights) < 3
        if not is_product or self.parts or not self.calls:
            return ""
        if kernel is None or kernel.shape is None or self.calls[0].given is None:
            return ""
        plus = f" + {axes_text(bias)}" if bias is not None and bias.shape is not None else ""
        return f"{shape_text(self.calls[0].given)} · {axes_text(kernel)}{plus} → {shape_text(self.shape)}"

    def walk(self):
        """Yield this block and all inside it, owners first."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Overview:
    """A model as its reports show it: ``blocks``, the layers; ``inputs`` and ``outputs`` as (name, shape, dtype).

    ``chosen``: whether ``blocks`` are some layers only; ``with_statistics``, ``with_values``: what a report is to
    read of each weight; ``full``: whether all of each layer was asked for, or one line of it, None for neither.
    Parameters are counted as Keras counts them.
    """

    def __init__(self, model, with_statistics=False, with_values=False, full=None):
        self.model, self.full = model, full
        self.with_statistics, self.with_values = with_statistics, with_values
        self.is_loose = isinstance(model, Loose)
        shapes = {} if self.is_loose else model.shapes()
        self.blocks = _blocks(model, shapes, "", model.trainable)
        self.chosen = False
        self.inputs = [(layer.name, layer.batch_shape, layer.policy) for layer in model.input_layers]
        self.outputs = [(ref.node, shapes.get(ref.node)) for ref in flatten(model.outputs)]
        self.trainable, self.frozen = self._parameters()
        self.problems = [] if model.is_part else list(self.ledger.problems)

    @property
    def saved(self):
        """The file of the model."""
        return self.model.saved

    @cached_property
    def findings(self):
        """The hazards of the file, as Findings; none for a part of a model, which has no file of its own."""
        return [] if self.model.is_part else hazards.of_saved(self.saved)

    @property
    def ledger(self):
        """Where every array of the file went."""
        return self.model.ledger

    @property
    def is_short(self):
        """Whether each layer has one line."""
        if self.full is not None:
            return not self.full
        return not (self.chosen or self.with_statistics or self.with_values) and self.size > MOST_IN_FULL

    @property
    def size(self):
        """How many layers there are, those inside others too and input layers not counted."""
        return sum(not block.is_input for block in self.all_blocks())

    def _parameters(self):
        counts = {True: 0, False: 0}
        for block in self.all_blocks():
            for weight in block.layer.weights.values():
                if weight.tracked:
                    counts[block.trains_weight(weight)] += weight.size
        return counts[True], counts[False]

    def all_blocks(self):
        """Yield every block of the tree, owners first."""
        for block in self.blocks:
            yield from block.walk()

    def choose(self, patterns):
        """Keep the layers whose name or path is, or fits, one of the patterns (``*``, ``?``, ``[abc]``).

        Returns the patterns that fit nothing.
        """
        found, missing = [], []
        everything = list(self.all_blocks())
        for pattern in patterns:
            fitting = [block for block in everything if _fits(block, pattern)]
            found += fitting
            if not fitting:
                missing.append(pattern)
        inside = {part for block in found for part in block.walk() if part is not block}
        self.blocks = [block for block in everything if block in set(found) - inside]
        self.chosen = True
        return missing


def _holds_layers(value):
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and "class_name" in item for item in items)


def _is_default(layer, name, kind, value, default):
    if default is MISSING:
        return False
    if isinstance(value, Activation):
        return value.name == (default or "linear")
    if name == "data_format" and value == "channels_last":
        return True
    return bool(value == default) or ("PerAxis" in kind and value == layer.setting(name, kind, default))


def block_of(layer):
    """Return the Block of a layer by itself, which no model is known to call."""
    return _block(layer, layer.name, True, [], {})


def _fits(block, pattern):
    names = (block.layer.name, block.path)
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _blocks(model, shapes, prefix, trains):
    calls = _calls(model, shapes, prefix)
    own = set(model.layers)
    implicit = [layer for layer in model.input_layers if layer not in own]
    blocks = []
    for layer in [*implicit, *model.layers]:
        block = _block(layer, prefix + layer.name, trains, calls.get(layer, []), shapes)
        before = blocks[-1].calls if blocks else []
        block.follows = len(block.calls) == 1 and len(before) < 2 and block.calls[0].on == [c.path for c in before]
        blocks.append(block)
    return blocks


def _block(layer, path, trains, calls, shapes):
    trains = trains and layer.trainable
    block = Block(layer, path, "", trains, calls)
    if isinstance(layer, Model):
        # Called by a wrapper, a model has no shapes from the walk, but those it declares itself.
        known = calls and calls[0].path + "/"
        block.parts = _blocks(layer, shapes if known else layer.shapes(), known or "", trains)
    else:
        for name, part in layer.parts.items():
            block.parts.append(_block(part, f"{path}/{name}", trains, [], shapes))
            block.parts[-1].attribute = name
    return block


def _calls(model, shapes, prefix):
    """Return ``{layer: its calls}``."""
    found = {}
    for node in model.nodes:
        given = _leaf_shapes(shapes.get(prefix + node.refs[0].node)) if len(node.refs) == 1 else []
        index = node.refs[0].index if given else 0
        call = Call(prefix + node.path, [prefix + _ref_text(ref, shapes.get(prefix + ref.node)) for ref in node.refs],
                    given[index] if index < len(given) else None, shapes.get(prefix + node.path))
        found.setdefault(node.layer, []).append(call)
    return found


def _leaf_shapes(shape):
    return [] if shape is None else flatten_shapes(shape)


def _ref_text(ref, shape):
    return ref.node if ref.index == 0 and len(_leaf_shapes(shape)) < 2 else f"{ref.node}[{ref.index}]"


def open_sizes(view):
    """Return a line on what None is among the sizes of inputs, where it stands there."""
    shapes = [flatten_shapes(shape) for _, shape, _ in view.inputs if shape is not None]
    found = [shape for inner in shapes for shape in inner if None in shape]
    if not found:
        return []
    if all(None not in shape[1:] for shape in found):
        return ["None: the number of samples, which the model leaves open"]
    return ["None: a size that the model leaves open; the first is the number of samples"]


def problems_text(view):
    """Return how many problems there are, as a line."""
    return f"{counted(len(view.problems), 'problem')}: not all weights are what the model says of them"


def frozen_words(view):
    """Return lines on what frozen, and non-trainable, mean, where something is."""
    blocks = list(view.all_blocks())
    frozen = any(block.parameters and not block.trains for block in blocks)
    counted = any(not weight.trainable for block in blocks for weight in block.layer.weights.values())
    return ["frozen: trainable is False, so fit() leaves its weights as they are"] * frozen + [
        "non-trainable: a weight that the optimizer does not change"] * counted
