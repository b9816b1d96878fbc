"""Random valid models of Keras, out of all layers: what comes from one seed is always the same model.

``random_model(chance)`` grows a graph call by call: single layers on any tensor so far, merges, attention, a layer
called a second time, nested models, operations of ``keras.ops``; several inputs, masks from Embedding and Masking. Its
outputs are all tensors that nobody reads. What Keras itself refuses to call is left out of the model, and counted.
"""

import math
import os
from dataclasses import dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from random_layers import BY_RANK, SETTINGS, coin

MOST_VALUES = 3000  # of one sample of one tensor
REFUSALS = (ValueError, TypeError, ZeroDivisionError, IndexError)  # what Keras' own checks raise
NAMES = ("A-layer", "x.y", "dense_1", "lstm", "model_weights", "vars", "1", "a-b", "conv2d", "layers")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
OPERATIONS = (
    ("x * 2 + 1", lambda x: x * 2.0 + 1.0), ("1 - x", lambda x: 1.0 - x), ("-x", lambda x: -x),
    ("relu", keras.ops.relu), ("tanh", keras.ops.tanh), ("abs", keras.ops.abs),
    ("sigmoid", keras.ops.sigmoid), ("softmax", lambda x: keras.ops.softmax(x, axis=-1)),
    ("mean", lambda x: keras.ops.mean(x, axis=-1, keepdims=True)), ("max", lambda x: keras.ops.max(x, axis=1)),
    ("flip", lambda x: keras.ops.flip(x, axis=1)), ("x[:, :1]", lambda x: x[:, :1]),
    ("x[..., 0:]", lambda x: x[..., 0:]),
    ("stack", lambda x: keras.ops.stack([x, x], axis=-1)), ("clip", lambda x: keras.ops.clip(x, -0.5, 0.5)),
    ("concatenate", lambda x: keras.ops.concatenate([x, x * 0.5], axis=-1)),
    ("where", lambda x: keras.ops.where(x > 0, x, x * 0.1)), ("swapaxes", lambda x: keras.ops.swapaxes(x, -1, 1)),
    ("expand_dims", lambda x: keras.ops.expand_dims(x, -1)), ("cumsum", lambda x: keras.ops.cumsum(x, axis=1)),
    ("normalize", lambda x: keras.ops.normalize(x, axis=-1, epsilon=0.01)), ("square", keras.ops.square),
    ("einsum", lambda x: keras.ops.einsum("b...,b...->b...", x, x)), ("roll", lambda x: keras.ops.roll(x, 1, axis=1)),
)


@dataclass
class Grown:
    """A model of Keras, its inputs, and the story of how it came to be: a line a call."""

    model: keras.Model
    inputs: list
    story: list = field(default_factory=list)
    refused: int = 0


class Growth:
    """A graph while it grows. ``tensors``: all so far; ``unread``: those that nobody reads; ``calls``: to repeat."""

    def __init__(self, chance, depth=0):
        self.chance, self.depth = chance, depth
        self.tensors, self.unread, self.calls, self.story, self.refused = [], [], [], [], 0

    def add(self, tensor):
        """Take a tensor in as one that may be read."""
        self.tensors.append(tensor)
        self.unread.append(tensor)

    def call(self, told, layer, *tensors, **settings):
        """Call a layer on tensors, where Keras lets us, and keep what comes out if it is small enough."""
        try:
            found = layer(*tensors, **settings)
        except REFUSALS as error:
            self.refused += 1
            self.story.append(f"(Keras refuses {told}: {str(error).splitlines()[0][:80]})")
            return
        outputs = [tensor for tensor in keras.tree.flatten(found) if tensor is not None]
        if not all(map(_is_small, outputs)):
            return
        for tensor in outputs:
            self.add(tensor)
        read = {id(tensor) for tensor in keras.tree.flatten([tensors, settings])}
        self.unread = [tensor for tensor in self.unread if id(tensor) not in read]
        self.story.append(f"{told} on {[tuple(t.shape) for t in keras.tree.flatten([tensors])]}")
        if len(outputs) == len(tensors) == 1 and hasattr(tensors[0], "shape") and isinstance(layer, keras.layers.Layer):
            self.calls.append((layer, tensors[0]))

    def step(self):
        """Grow by one call."""
        moves = (self.single,) * 10 + (self.merge, self.merge, self.attend, self.again, self.operate)
        moves += (self.nest,) if self.depth < 2 else ()
        self.chance.choice(moves)()

    def pick(self):
        """Return a tensor to go on from: most often the newest."""
        return self.tensors[-1] if self.chance.random() < 0.7 else self.chance.choice(self.tensors)

    def single(self):
        """Call a layer of any class that takes one tensor."""
        tensor = self.pick()
        name = self.chance.choice(BY_RANK.get(len(tensor.shape), ("Flatten",)))
        if name.startswith("SpatialDropout") and keras.config.dtype_policy().name.startswith("mixed"):
            return  # Keras saves one under mixed_float16 as float32, and so opens another model than it saved
        settings = SETTINGS[name](self.chance, tuple(tensor.shape)) if None not in tensor.shape[2:] else None
        if settings is not None:
            self.call(f"{name} {_told(settings)}", self.made(name, settings), tensor)

    def made(self, name, settings):
        """Return a layer; sometimes with a name of its own, sometimes frozen."""
        own = {}
        if self.chance.random() < 0.15:
            own["name"] = f"{self.chance.choice(NAMES)}{len(self.tensors)}"
        layer = getattr(keras.layers, name)(**{**settings, **own})
        if self.chance.random() < 0.15:
            layer.trainable = False
        return layer

    def partner(self, tensor):
        """Return another tensor of the same shape; one is made where there is none."""
        same = [other for other in self.tensors if other.shape == tensor.shape and other is not tensor]
        if same:
            return self.chance.choice(same)
        units = tensor.shape[-1]
        return keras.layers.Dense(units)(tensor) if units else tensor

    def merge(self):
        """Merge two tensors, of one shape but for Concatenate."""
        name, tensor = self.chance.choice(MERGES), self.pick()
        settings = {"axis": self.chance.choice((-1, 1))} if name == "Concatenate" else {}
        settings = {"axes": -1, "normalize": coin(self.chance)} if name == "Dot" else settings
        self.call(f"{name} {settings}", getattr(keras.layers, name)(**settings), [tensor, self.partner(tensor)])

    def attend(self):
        """Let a sequence attend to itself, or to another of the same shape."""
        sequences = [tensor for tensor in self.tensors if len(tensor.shape) == 3 and tensor.shape[-1]]
        if not sequences:
            return
        query, layers = self.chance.choice(sequences), keras.layers
        value, causal = self.partner(query) if coin(self.chance) else query, {"use_causal_mask": coin(self.chance)}
        name = self.chance.choice(("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"))
        if name == "MultiHeadAttention":
            heads = {"num_heads": self.chance.randint(1, 3), "key_dim": 2, "use_bias": coin(self.chance)}
            self.call(f"{name} {heads} {causal}", layers.MultiHeadAttention(**heads), query, value, **causal)
        elif name == "GroupQueryAttention":
            heads = {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": self.chance.choice((1, 2, 4))}
            self.call(f"{name} {heads} {causal}", layers.GroupQueryAttention(**heads), query, value, **causal)
        else:
            own = {"use_scale": coin(self.chance)}
            self.call(f"{name} {own} {causal}", getattr(layers, name)(**own), [query, value], **causal)

    def again(self):
        """Call a layer or a model a second time, on another tensor of the same shape or on the same."""
        if self.calls:
            layer, tensor = self.chance.choice(self.calls)
            same = [other for other in self.tensors if other.shape == tensor.shape]
            self.call(f"again {layer.name}", layer, self.chance.choice(same))

    def operate(self):
        """Apply an operation of keras.ops."""
        told, operation = self.chance.choice(OPERATIONS)
        self.call(f"ops {told}", operation, self.pick())

    def nest(self):
        """Call a model inside this model: Functional or Sequential, sometimes frozen."""
        tensor = self.pick()
        if None in tensor.shape[1:]:
            return
        inner = Growth(self.chance, self.depth + 1)
        entry = keras.Input(tuple(tensor.shape[1:]))
        inner.add(entry)
        for _ in range(self.chance.randint(1, 4)):
            inner.single() if coin(self.chance) else inner.step()
        if coin(self.chance):
            model = _chained(entry.shape[1:], [layer for layer, _ in inner.calls])
        else:
            model = keras.Model(entry, inner.outputs())
        model.trainable = self.chance.random() > 0.2
        self.story.append(f"{type(model).__name__} of {inner.story}")
        self.call(model.name, model, tensor)

    def outputs(self):
        """Return the outputs: what nobody reads, in a structure of some kind."""
        found = self.unread[-4:]
        if len(found) == 1:
            return found[0]
        if self.depth == 0 and self.chance.random() < 0.3:
            return {f"out_{i}": tensor for i, tensor in enumerate(found)}
        return found


def _chained(shape, layers):
    """Return a Sequential of the layers that can follow each other."""
    tensor, kept = keras.Input(tuple(shape)), {}
    for layer in layers:
        if layer.name in kept or isinstance(layer, keras.Model):
            continue
        try:
            after = _copied(layer)(tensor)
        except REFUSALS:
            continue  # made for another tensor than the one before it
        if _is_small(after):
            tensor, kept[layer.name] = after, _copied(layer)
    return keras.Sequential([keras.Input(tuple(shape)), *kept.values()] + [keras.layers.Identity()] * (not kept))


def _copied(layer):
    return type(layer).from_config(layer.get_config())


def _is_small(tensor):
    sizes = [n for n in tensor.shape[1:] if n is not None]
    return 0 not in sizes and math.prod(sizes) <= MOST_VALUES


def _told(settings):
    return {key: getattr(value, "name", value) for key, value in settings.items()}


def random_model(chance, policy="float32"):
    """Return a Grown: a model under a dtype policy, with random weights, and two or three samples of inputs for it."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)
    try:
        growth, inputs, arrays = Growth(chance), [], []
        rng = np.random.default_rng(chance.randrange(2**32))
        samples = chance.randint(2, 3)
        for i in range(chance.choice((1, 1, 1, 2, 3))):
            _enter(growth, i, samples, inputs, arrays, rng)
        for _ in range(chance.randint(2, 9)):
            growth.step()
        model = keras.Model(inputs if len(inputs) > 1 else inputs[0], growth.outputs())
    finally:
        keras.config.set_dtype_policy("float32")
    reached = {id(tensor) for tensor in keras.tree.flatten(model.inputs)}
    arrays = [array for tensor, array in zip(inputs, arrays) if id(tensor) in reached]
    for weight in model.weights:
        weight.assign(_values(weight, rng))
    return Grown(model, arrays, growth.story, growth.refused)


def _enter(growth, number, samples, inputs, arrays, rng):
    """Add an input: numbers of rank 2 to 5, or tokens behind an Embedding."""
    chance = growth.chance
    kind = chance.choice(("tokens", "vector", "steps", "steps", "image", "image", "video"))
    size = [chance.randint(2, 6) for _ in range({"tokens": 1, "vector": 1, "steps": 2, "image": 3, "video": 4}[kind])]
    if kind == "tokens":
        tensor = keras.Input(tuple(size), dtype="int32", name=f"in_{number}")
        arrays.append(rng.integers(0, 5, (samples, *size)).astype("int32"))
        embedding = {"input_dim": 5, "output_dim": chance.randint(1, 5), "mask_zero": chance.random() < 0.7}
        growth.call(f"Embedding {embedding}", keras.layers.Embedding(**embedding), tensor)
        growth.calls.clear()  # a second call of it needs tokens
    else:
        steps = None if kind == "steps" and chance.random() < 0.15 else size[0]
        dtype = "float64" if keras.config.dtype_policy().name == "float64" else "float32"
        tensor = keras.Input((steps, *size[1:]), dtype=dtype, name=f"in_{number}")
        values = rng.normal(size=(samples, *size)).astype("float32").astype(tensor.dtype)  # predict makes it float32
        if kind == "steps":
            values[:, size[0] // 2 + 1:] *= rng.integers(0, 2, (samples, 1, 1))  # zeros, for Masking to find
        arrays.append(values)
        growth.add(tensor)
    inputs.append(tensor)


def _values(weight, rng):
    if not str(weight.dtype).startswith(("float", "bfloat")):
        return rng.integers(0, 3, weight.shape)
    if any(word in weight.name for word in ("variance", "scale", "gamma")):
        return rng.uniform(0.4, 1.2, weight.shape)
    return rng.uniform(-1, 1, weight.shape) * (2 / max(math.prod(weight.shape[:-1]), 1)) ** 0.5
