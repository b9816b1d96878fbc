"""An example of every layer class, for its page: settings where it asks for some, and sizes that say what they are."""

from weightscope.model.settings import MISSING


class Size(int):
    """A whole number that remembers how it was computed, so that a shape rule run on sizes tells the rule."""

    def __new__(cls, value, text, offset=0):
        """``text``: what the number is called, but for the plain ``offset`` that was added to it."""
        found = super().__new__(cls, value)
        found.text, found.offset = text, offset
        return found

    def __repr__(self):
        return f"{self.text} {'+-'[self.offset < 0]} {abs(self.offset)}" if self.offset else self.text

    __str__ = __repr__

    def __add__(self, other):
        return _combined(self, "+", other)

    def __radd__(self, other):
        return _combined(other, "+", self)

    def __sub__(self, other):
        return _combined(self, "-", other)

    def __rsub__(self, other):
        return _combined(other, "-", self)

    def __mul__(self, other):
        return _combined(self, "·", other)

    def __rmul__(self, other):
        return _combined(other, "·", self)

    def __floordiv__(self, other):
        return _combined(self, "//", other)

    def __neg__(self):
        return Size(-int(self), f"-{_bracketed(self)}")


_MATHS = {"+": int.__add__, "-": int.__sub__, "·": int.__mul__, "//": int.__floordiv__}


def _combined(left, sign, right):
    if not (isinstance(left, int) and isinstance(right, int)):
        return NotImplemented
    value = _MATHS[sign](int(left), int(right))
    if type(left) is int and sign in "+·":
        left, right = right, left
    if type(right) is int and sign in "+-":
        return Size(value, left.text, left.offset + (right if sign == "+" else -right))
    if type(right) is int and right == 1:
        return left
    if sign == "+":
        return Size(value, f"{left.text} + {right.text}", left.offset + right.offset)
    if sign == "·" and type(right) is int:
        left, right = right, left
    return Size(value, f"{_bracketed(left)} {sign} {_bracketed(right)}")


def _bracketed(size):
    return f"({size})" if " " in str(size) else str(size)


def _of(class_name, **config):
    named = {key: _named(value, key) for key, value in config.items()}
    return {"class_name": class_name, "config": {"name": class_name.lower(), **named}}


def _named(value, name):
    return Size(value, name) if type(value) is int and value > 0 else value


# Of settings without a default; a class of its own where one name asks for different things.
_SETTINGS = {
    "activation": "relu", "num_heads": 2, "key_dim": 3, "head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2,
    "scale": 2.0, "num_tokens": 5, "num_bins": 5, "kernel_size": 3, "filters": 4, "units": 4, "input_dim": 9,
    "equation": "abc,cd->abd", "output_shape": (None, Size(4, "d")), "output_dim": 4, "height": 6, "width": 9,
    "max_number": 3, "axes": 2, "output_size": 2, "target_shape": (-1, 2), "dims": (2, 1),
    "n": 3, "layer": _of("Dense", units=4), "layers": [_of("Rescaling", scale=2.0)],
    "cells": [_of("LSTMCell", units=4), _of("GRUCell", units=5)],
    "cell": _of("LSTMCell", units=4),
}
_OF_CLASS = {
    "Bidirectional": {"layer": _of("LSTM", units=4, return_sequences=True)},
    "EinsumDense": {"bias_axes": "d"},
    "Sequential": {"layers": [_of("Dense", units=4)], "build_input_shape": (None, 8)},
    "Functional": {"layers": [{**_of("InputLayer", batch_shape=(None, 8)), "name": "in", "inbound_nodes": []}],
                   "input_layers": [["in", 0, 0]], "output_layers": [["in", 0, 0]]},
}

# Settings besides the yes-or-no ones that bring weights of their own.
VARIANTS = {"Attention": {"score_mode": "concat"}}


def example_of(layer_class, **changed):
    """Return a layer of a class: Keras' defaults, example settings where there are none, and ``changed`` ones.

    Its whole numbers are Sizes of the setting's name.
    """
    config = {}
    for name, (kind, default) in layer_class.settings().items():
        value = _SETTINGS.get(name, 2) if default is MISSING else default
        per_axis = kind.startswith("PerAxis") and value is not None
        if per_axis:
            rank = getattr(layer_class, "rank", 1)
            each = value if isinstance(value, (list, tuple)) else (value,) * rank
            config[name] = [_named(n, f"{name}[{i}]" if rank > 1 else name) for i, n in enumerate(each)]
        elif default is MISSING or kind.startswith("int"):
            config[name] = _named(value, name)
    config = {**config, **_OF_CLASS.get(layer_class.__name__, {}), **changed, "name": layer_class.__name__.lower()}
    return layer_class(config, config["name"])


def inputs_of(layer_class, family):
    """Return the shapes, of Sizes, that an example of a class is called on: the arguments of its shape rule."""
    name = layer_class.__name__
    sizes = {"batch": 2, "steps": 12, "depth": 12, "height": 12, "width": 18, "channels": 3, "features": 8, "dim": 8,
             "samples": 1024}

    def shape(words):
        return tuple(Size(sizes.get(word, 10), word) for word in words.split())

    digits = next((n for n in (1, 2, 3) if f"{n}D" in name), 0)
    space = ("", "steps", "height width", "depth height width")[digits]
    if name.startswith("ConvLSTM"):
        return [shape(f"batch steps {space.replace('steps', 'width')} channels")]
    if digits:
        return [shape(f"batch {space} channels")]
    if name in _INPUTS or family in _INPUTS:
        return [[shape(words) for words in given] if isinstance(given, list) else shape(given)
                for given in _INPUTS.get(name, _INPUTS.get(family))]
    return [shape("batch features")]


_SEQUENCE, _IMAGE, _ROWS = ["batch steps features"], ["batch height width channels"], ["batch rows columns channels"]
# By class or by family; what stands here in a list is given as a list.
_INPUTS = {
    "rnn": _SEQUENCE, "rnn_wrappers": _SEQUENCE, "images": _IMAGE, "images_random": _IMAGE, "Masking": _SEQUENCE,
    "EinsumDense": _SEQUENCE, "Flatten": _SEQUENCE, "Reshape": _SEQUENCE, "Permute": _SEQUENCE, "Pipeline": _IMAGE,
    "SimpleRNNCell": ["batch features"], "LSTMCell": ["batch features"], "GRUCell": ["batch features"],
    "StackedRNNCells": ["batch features"], "Embedding": ["batch steps"], "ReversibleEmbedding": ["batch steps"],
    "CenterCrop": _ROWS, "Resizing": _ROWS, "TextVectorization": ["batch"], "audio": ["batch samples"],
    "STFTSpectrogram": ["batch samples channels"],
    "HashedCrossing": [["batch", "batch"]], "merging": [["batch features", "batch features"]],
    "Dot": [["batch rows features", "batch columns features"]],
    "Attention": [["batch T dim", "batch S dim"]], "AdditiveAttention": [["batch T dim", "batch S dim"]],
    "MultiHeadAttention": ["batch T dim", "batch S dim"], "GroupedQueryAttention": ["batch T dim", "batch S dim"],
}


