"""The samples that a model is run on: batch by batch, and a batch cut into shares for the cores."""

import math

import numpy as np

from weightscope.errors import Unreadable
from weightscope.kernels.short_floats import as_plain
from weightscope.model.model import Model, check_is_model
from weightscope.model.structure import flatten, map_structure
from weightscope.replaying import cores

BATCH_SIZE = 32  # as Keras' predict has it
SAMPLES = 4  # that are made up


class Samples:
    """The inputs of a run: ``arrays``, a flat list in the model's order, run ``batch_size`` samples at a time.

    ``note``: that they run in other batches than the file says, "" where they do not; ``predicted``: how many samples
    ``predict`` would run at a time, ``batch_size`` without it.
    """

    def __init__(self, arrays, batch_size, note="", predicted=None):
        self.arrays, self.batch_size, self.note = arrays, batch_size, note
        self.predicted = predicted or batch_size

    def share(self):
        """Return the arrays that ``predict`` takes at a time, on each core."""
        batch = cut(self.arrays, slice(0, self.predicted))
        return cut(batch, slice(0, -(-samples_in(batch) // cores.count())))

    @property
    def batches(self):
        """A flat list of arrays for each batch."""
        return list(batches_of(self.arrays, self.batch_size))

    def __len__(self):
        return samples_in(self.arrays)


def samples_of(model, inputs, batch_size=None, most_values=math.inf):
    """Return the Samples that a caller means by ``inputs``, an array, a list or a mapping by name.

    ``batch_size``: as ``batch_size_for`` takes it; ``most_values``: where a batch would make more values on its way
    through the model, it is smaller, if no layer carries states from one to the next. Raises Unreadable for inputs that
    the model does not take, as they are or in such batches.
    """
    check_is_model(model)
    arrays = [as_plain(array) for array in model.standardize(model.as_predict_takes(inputs))]
    size, note = batch_size_for(model, samples_in(arrays), batch_size), contradiction(model, batch_size)
    if is_stateful(model) or any(array is None for array in arrays):
        return Samples(arrays, size, note)
    values = model.values_of_sample([array.shape for array in arrays])
    return Samples(arrays, max(1, int(min(size, most_values / values))) if values else size, note, size)


def batch_size_for(model, samples, asked=None):
    """Return how many of so many ``samples`` a model runs at a time: ``asked``, or else what the file says, or 32.

    A file may tell the size of the batches that an input takes (``batch_shape``). A layer that carries states from
    batch to batch takes no other; the rest do not mind. Raises Unreadable where such a model is asked for another size,
    and where its samples do not divide into whole batches.
    """
    sizes, held = told_batches(model), next(stateful_layers(model), None)
    size, *others = dict.fromkeys(sizes.values()) or [None]
    if held is None or size is None:
        return asked or (BATCH_SIZE if size is None or others or samples % size else size)
    if others:
        told = ", ".join(f"{name!r} takes {size}" for name, size in sizes.items())
        raise Unreadable(f"model {model.name!r}: its inputs take batches of different sizes ({told}), and"
                         f" {held.name!r}, which is stateful, takes one: no --batch-size fits")
    takes = f"model {model.name!r} takes batches of {size} samples, for its layer {held.name!r} is stateful"
    if asked not in (None, size):
        raise Unreadable(f"{takes}: --batch-size {asked} contradicts that; leave it out, or say --batch-size {size}")
    if samples % size:
        raise Unreadable(f"{takes}, and {samples} samples do not divide into such: give a multiple of {size}, as no"
                         " other --batch-size is taken")
    return size


def made_up_samples(model, asked=None):
    """Return how many samples to make up for a model: ``asked`` or 4, in whole batches where its file says their size.

    Where states go from batch to batch, they are two batches or more.
    """
    sizes = set(told_batches(model).values())
    size = sizes.pop() if len(sizes) == 1 else 0
    if not size:
        return asked or SAMPLES
    least = asked or (max(SAMPLES, 2 * size) if is_stateful(model) else size)
    return math.ceil(least / size) * size


def contradiction(model, asked):
    """Return in words that a model runs in other batches than its file says, because of ``asked``; "" else."""
    sizes = set(told_batches(model).values())
    if asked is None or not sizes or sizes == {asked}:
        return ""
    told = " and ".join(map(str, sorted(sizes)))
    return f"the file says batches of {told}, --batch-size says {asked}, which no layer of it minds"


def told_batches(model):
    """Return ``{name: batch size}`` of the inputs whose file tells it, with those of models inside that have states."""
    inside = [node.layer for node in model.nodes if isinstance(node.layer, Model) and is_stateful(node.layer)]
    found = {name: size for inner in inside for name, size in told_batches(inner).items()}
    return found | {layer.name: layer.batch_shape[0] for layer in model.input_layers
                    if layer.batch_shape and layer.batch_shape[0]}


def stateful_layers(model):
    """Return what yields the layers of a model that carry states from one batch to the next."""
    return (layer for layer in model.with_parts() if getattr(layer, "stateful", False))


def is_stateful(model):
    """Tell whether a layer carries states from one batch to the next."""
    return next(stateful_layers(model), None) is not None


def samples_in(inputs):
    """Return how many samples inputs have, an array or a structure of arrays or None."""
    return next((len(leaf) for leaf in flatten(inputs) if leaf is not None and np.ndim(leaf)), 0)


def told(batches, progress):
    """Yield the batches, and tell ``progress``, a function or None, before the first and behind each."""
    progress = progress or (lambda stage, done, total: None)
    progress("keras", 0, len(batches))
    for index, batch in enumerate(batches, 1):
        yield batch
        progress("samples", index, len(batches))


def batches_of(inputs, batch_size):
    """Yield slices of ``batch_size`` samples of an array, or of a list or mapping of arrays; None stays None."""
    for start in range(0, max(samples_in(inputs), 1), batch_size):
        yield cut(inputs, slice(start, start + batch_size))


def cut(structure, part):
    """Return the samples of a slice, of an array or of a structure or Trace of arrays."""
    return None if structure is None else map_structure(lambda x: x if x is None else x[part], structure)


def concatenate(batches):
    """Join the outputs of batches, arrays or equal structures of arrays, along the first axis."""
    first = batches[0]
    if isinstance(first, dict):
        return {key: concatenate([batch[key] for batch in batches]) for key in first}
    if isinstance(first, (list, tuple)):
        return [concatenate([batch[i] for batch in batches]) for i in range(len(first))]
    return np.concatenate(batches) if len(batches) > 1 else first


def shares_of(model, inputs):
    """Return slices of the batch for the cores: one for all of it where a layer may mix samples."""
    leaves = [np.asarray(leaf) for leaf in flatten(inputs)]
    samples = next((len(leaf) for leaf in leaves if leaf.ndim), 1)
    whole = [slice(0, samples)]
    mixing = not all(layer.keeps_samples_apart for layer in model.with_parts())
    if mixing or samples < 2 or not all(leaf.ndim for leaf in leaves) or model.has_constants_for(samples):
        return whole
    values = model.values_of_sample([leaf.shape for leaf in leaves])
    return whole if values is None else cores.shares(samples, values)
