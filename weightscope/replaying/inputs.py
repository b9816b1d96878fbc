"""Inputs for a model: from files, each checked against what the model takes, or seeded random ones that suit it."""

import math
import os
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from weightscope.errors import Unreadable, Unsafe, Unsupported
from weightscope.layers.core import Masking
from weightscope.layers.core_embedding import Embedding
from weightscope.model.model import Model
from weightscope.model.structure import flatten, flatten_shapes
from weightscope.replaying.input_files import arrays_in
from weightscope.replaying.samples import made_up_samples

FREE_SIZES = (8, 16, 32, 64, 96, 128, 224, 256, 512)  # tried in turn for axes that the model leaves open
MOST_VALUES = 1 << 27
SMALL_WHOLE_NUMBERS = 10  # whole numbers nobody looks up are 0 … 9
# Layers that hand every value on, so that what reads them reads the input.
HAND_ON = {
    "Dropout", "Flatten", "Identity", "Masking", "Permute", "RepeatVector", "Reshape", "SpatialDropout1D",
    "Cropping1D",
}


def for_model(model, specs=(), seed=0, samples=None):
    """Return ``(inputs, description)`` for a model: an array, or a list of arrays in the order of its inputs.

    ``specs``: ``FILE`` or ``NAME=FILE``, each an ``.npy`` or ``.npz``; without any, the inputs are random, the same for
    the same ``seed``; ``samples``: how many, or what ``made_up_samples`` makes of it. ``description`` is one line of
    text. Files are mapped, not read. Raises Unreadable for what does not fit the model, Unsafe for pickles, Unsupported
    where a random input cannot be made.
    """
    layers = _layers(model)
    if specs:
        return _checked(layers, from_files(layers, specs))
    arrays = random_inputs(model, seed, made_up_samples(model, samples))
    return _described(layers, arrays, f"seeded random input (seed {seed})")


def for_recorded(model, specs, path, recorded):
    """Return ``(inputs, description)`` as ``for_model``: from ``specs`` if there are any, else those of a record.

    ``path``: the file with the record; ``recorded``: ``{name: array}`` of the inputs in it. Raises Unreadable where one
    is missing.
    """
    layers = _layers(model)
    if specs:
        return _checked(layers, from_files(layers, specs))
    missing = [layer.name for layer in layers if layer.name not in recorded]
    if missing:
        raise Unreadable(f"{path}: has no input {missing[0]!r}; give it with --input")
    return _checked(layers, [(recorded[layer.name], path) for layer in layers])


def _layers(model):
    if not model.input_layers:
        raise Unsupported(f"there is no model to give an input to: {model.refusal() or 'it takes no input'}")
    return model.input_layers


def _checked(layers, found):
    said = []
    arrays = [_fitted(layer, array, source, said) for layer, (array, source) in zip(layers, found)]
    _check_samples(layers, arrays)
    return _described(layers, arrays, "; ".join(dict.fromkeys([source for _, source in found] + said)))


def _described(layers, arrays, text):
    shapes = ", ".join(f"{layer.name} {array.shape} {array.dtype}" for layer, array in zip(layers, arrays))
    return arrays if len(arrays) > 1 else arrays[0], f"{text}: {shapes}"


# From files.

def from_files(layers, specs):
    """Return ``(array, source)`` for each input layer, in their order, from ``FILE`` and ``NAME=FILE``."""
    names = [layer.name for layer in layers]
    named, rest = {}, []
    for spec in specs:
        name, path = _name_and_path(spec, names)
        arrays = arrays_in(path)
        if name is not None:
            if name in named:
                raise Unreadable(f"input {name!r} is given twice")
            named[name] = (_only_array(path, arrays), path)
        elif set(arrays) == set(names):
            named.update({name: (array, path) for name, array in arrays.items()})
        else:
            rest += [(array, path) for array in arrays.values()]
    if (named and rest) or len(named or rest) != len(names):
        given = f"{len(rest)} without a name, {len(named)} by name" if named and rest else str(len(named or rest))
        raise Unreadable(f"the model takes {len(names)} inputs ({', '.join(names)}), got {given}")
    return [named[name] for name in names] if named else rest


def _name_and_path(spec, names):
    fitting = next((other for other in names if spec.startswith(other + "=")), None)
    if fitting is not None:
        return fitting, spec[len(fitting) + 1:]
    if "=" not in spec or os.path.exists(spec):
        return None, spec
    name = spec.partition("=")[0]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names)}"
    raise Unreadable(f"the model has no input {name!r}; {hint}")


def _only_array(path, arrays):
    if len(arrays) != 1:
        raise Unreadable(f"{path}: holds {len(arrays)} arrays where one input is asked for")
    return next(iter(arrays.values()))


def _fitted(layer, array, source, said):
    """Return a given array with a batch axis and in the shape of its input, or raise Unreadable."""
    expected = layer.batch_shape
    wants_text = layer.compute_dtype == "string"
    if wants_text != (array.dtype.kind in "SU") or array.dtype.kind not in "SUbiuf":
        raise Unreadable(f"{source}: input {layer.name!r} takes {layer.policy}, got {array.dtype}")
    if expected is None or _fits(layer, array):
        return array
    if array.ndim == len(expected) - 1 and _fits(layer, array[None]):
        said.append(f"{layer.name} has no batch axis and is taken as one sample")
        return array[None]
    raise Unreadable(f"{source}: input {layer.name!r} should have shape {_expected(expected)}, got {array.shape}")


def _expected(batch_shape):
    return f"({', '.join(['samples', *('any' if size is None else str(size) for size in batch_shape[1:])])})"


def _fits(layer, array):
    try:
        layer.standardize(array[:1])
    except Unreadable:
        return False
    return True


def _check_samples(layers, arrays):
    counts = {layer.name: len(array) for layer, array in zip(layers, arrays)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise Unreadable(f"all inputs should have the same number of samples: {told}")
    if 0 in counts.values():
        raise Unreadable("the input has no samples")


# Random ones.

@dataclass
class Use:
    """What reads an input: the size of the smallest table it indexes or None; whether 0 is masked; the masked value."""

    table: int | None = None
    zero_is_masked: bool = False
    mask_value: float | None = None


def random_inputs(model, seed, samples):
    """Return a list of random arrays, one for each input: what the layers that read it can take.

    Floats are standard normal; where an Embedding reads them, whole numbers below its ``input_dim``; where steps can
    be masked, every second sample ends in masked steps. Raises Unsupported for inputs that are text, Unsafe for sizes
    out of all proportion.
    """
    shapes = concrete_shapes(model, samples)
    arrays = []
    for index, (layer, shape) in enumerate(zip(model.input_layers, shapes)):
        _check_size(layer, shape)
        arrays.append(_random(layer, shape, used_as(model, layer.name), np.random.default_rng([seed, index])))
    return arrays


def concrete_shapes(model, samples):
    """Return a shape for each input: so many ``samples``, and sizes for open axes.

    Of FREE_SIZES it takes the first with which the most layers have an output that is not empty.
    """
    declared = [layer.batch_shape for layer in model.input_layers]
    for layer in model.input_layers:
        if layer.batch_shape is None:
            raise Unsupported(f"the file does not tell the shape of input {layer.name!r}; give it with --input")

    def filled(size):
        return [(samples, *(size if n is None else n for n in shape[1:])) for shape in declared]

    if all(None not in shape[1:] for shape in declared):
        return filled(0)
    return filled(min(FREE_SIZES, key=lambda size: _empty_outputs(model, filled(size))))


def _empty_outputs(model, input_shapes):
    shapes = model.shapes(input_shapes).values()
    return sum(shape is None or any(size is not None and size <= 0 for leaf in flatten_shapes(shape) for size in leaf)
               for shape in shapes)


def _check_size(layer, shape):
    if any(size < 0 for size in shape) or math.prod(shape) > MOST_VALUES:
        raise Unsafe(f"input {layer.name!r} of shape {shape} would take {math.prod(shape):,} values; give a smaller"
                     " one with --input, or lower --samples")


def used_as(model, path):
    """Return the Use of one input of a model, also by layers in models inside it."""
    use, waiting, seen = Use(), [(model, path)], set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        inside, source = place
        for node in inside.nodes:
            positions = [i for i, ref in enumerate(node.refs) if ref.node == source]
            if positions:
                waiting += _read(use, inside, node, positions)
    return use


def _read(use, model, node, positions):
    """Note in ``use`` what one call does with a value; return where else the value goes on from there."""
    layer = node.layer
    while "layer" in layer.parts and not isinstance(layer, (Model, Embedding)):
        layer = layer.parts["layer"]  # TimeDistributed and its kin hand the values to the layer inside
    if isinstance(layer, Model):
        paths = flatten(layer.inputs)
        return [(layer, paths[position]) for position in positions if position < len(paths)]
    if isinstance(layer, Embedding):
        use.table = min(layer.input_dim, use.table or layer.input_dim)
        use.zero_is_masked = use.zero_is_masked or layer.mask_zero
    elif "num_tokens" in layer.config and isinstance(layer.config["num_tokens"], int):
        use.table = min(layer.config["num_tokens"], use.table or layer.config["num_tokens"])
    elif isinstance(layer, Masking):
        use.mask_value = layer.mask_value
    return [(model, node.path)] if layer.class_name in HAND_ON else []


def _random(layer, shape, use, generator):
    dtype = layer.compute_dtype
    if dtype == "string" or dtype is None:
        raise Unsupported(f"input {layer.name!r} takes {layer.policy}, which cannot be made up; give it with --input")
    kind = np.dtype("float32" if dtype == "bfloat16" else dtype)
    if use.table is not None:
        low = 1 if use.zero_is_masked and use.table > 1 else 0
        array = generator.integers(low, max(use.table, 1), shape)
    elif kind.kind == "b":
        array = generator.integers(0, 2, shape)
    elif kind.kind in "iu":
        array = generator.integers(0, 256 if kind == np.uint8 else SMALL_WHOLE_NUMBERS, shape)
    elif kind.kind == "f":
        array = generator.standard_normal(shape, "float32")
    else:
        raise Unsupported(f"input {layer.name!r} takes {layer.policy}, which cannot be made up; give it with --input")
    array = array.astype(kind, copy=False)
    masked = 0 if use.zero_is_masked else use.mask_value
    return array if masked is None else _with_masked_ends(array, masked, generator)


def _with_masked_ends(array, value, generator):
    """Set the last steps of every second sample to the masked value; at least one step of each is kept."""
    if array.ndim > 1 and array.shape[1] > 1:
        for sample in array[1::2]:
            sample[generator.integers(1, len(sample)):] = value
    return array
