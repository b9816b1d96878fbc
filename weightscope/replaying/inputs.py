"""Inputs for a model: from files, each checked against what the model takes, or made up (``made_up``)."""

import os
from difflib import get_close_matches

from weightscope.errors import Unreadable, Unsupported
from weightscope.replaying.input_files import arrays_in
from weightscope.replaying.made_up import random_inputs
from weightscope.replaying.samples import made_up_samples
from weightscope.replaying.text_files import TABLE, is_json, of_json

SAID = "--input"  # what an array that stands on the command line itself is from


def for_model(model, specs=(), seed=0, samples=None):
    """Return ``(inputs, description)`` for a model: an array, or a list of arrays in the order of its inputs.

    ``specs``: ``FILE`` or ``NAME=FILE``, each as ``arrays_in`` takes it, or lists in JSON in the place of one; without
    any, the inputs are random, the same for the same ``seed``; ``samples``: how many, or what ``made_up_samples`` makes
    of it. ``description`` is one line of text. Arrays are mapped, not read. Raises Unreadable for what does not fit the
    model, Unsafe for pickles, Unsupported where a random input cannot be made.
    """
    layers = _layers(model)
    if specs:
        return _checked(layers, from_files(layers, specs))
    arrays, refused = random_inputs(model, seed, made_up_samples(model, samples))
    told = f", though no sizes that were tried fit: {refused}" if refused else ""
    return _described(layers, arrays, f"seeded random input (seed {seed}){told}")


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
        where = "" if model.is_part else f"{model.saved.path}: "
        raise Unsupported(f"{where}there is no model to give an input to: {model.refusal() or 'it takes no input'}")
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
        name, path, arrays = _found(spec, names)
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


def _found(spec, names):
    """Return the name that a spec gives, or None, what it is from, and its arrays."""
    name, path = _name_and_path(spec, names)
    if not is_json(path) or os.path.exists(path):
        return name, path, arrays_in(path)
    try:
        return name, SAID, of_json(path)
    except Unreadable as error:
        raise Unreadable(f"{SAID}: {error}") from error


def _name_and_path(spec, names):
    fitting = next((other for other in names if spec.startswith(other + "=")), None)
    if fitting is not None:
        return fitting, spec[len(fitting) + 1:]
    if "=" not in spec or is_json(spec) or os.path.exists(spec):
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
    if array.ndim and (expected is None or _fits(layer, array)):
        return array
    if expected is None:
        raise Unreadable(f"{source}: input {layer.name!r} has an axis of samples; got a single number")
    if source.lower().endswith(TABLE) and (rows := _as_rows(array, expected)) is not None and _fits(layer, rows):
        said.append(f"{layer.name}: a row of the table is a sample")
        return rows
    if array.ndim == len(expected) - 1 and _fits(layer, array[None]):
        said.append(f"{layer.name} has no batch axis and is taken as one sample")
        return array[None]
    raise Unreadable(f"{source}: input {layer.name!r} should have shape {_expected(expected)}, got {array.shape}")


def _as_rows(table, batch_shape):
    """Return a table, whose rows are samples, in the shape of an input; None where it has no such."""
    try:
        return table.reshape(len(table), *(-1 if size is None else size for size in batch_shape[1:]))
    except ValueError:  # another number of values, or several sizes are open
        return None


def _expected(batch_shape):
    return f"({', '.join(['samples', *('any' if size is None else str(size) for size in batch_shape[1:])])})"


def _fits(layer, array):
    if not array.ndim:
        return False
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
