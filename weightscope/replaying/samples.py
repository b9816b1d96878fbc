"""The samples that a model is run on: batch by batch, and a batch cut into shares for the cores."""

import math

import numpy as np

from weightscope.model.model import check_is_model
from weightscope.model.structure import flatten, map_structure
from weightscope.replaying import cores


class Samples:
    """The inputs of a run: ``arrays``, a flat list in the model's order, run ``batch_size`` samples at a time."""

    def __init__(self, arrays, batch_size=32):
        self.arrays, self.batch_size = arrays, batch_size

    @property
    def batches(self):
        """A flat list of arrays for each batch."""
        return list(batches_of(self.arrays, self.batch_size))

    def __len__(self):
        return next((len(array) for array in self.arrays if array is not None), 0)


def samples_of(model, inputs, batch_size, most_values=math.inf):
    """Return the Samples that a caller means by ``inputs``, an array, a list or a mapping by name.

    ``most_values``: where a batch would make more values on its way through the model, it is smaller, if no layer
    carries states from one to the next. Raises Unreadable for inputs that the model does not take.
    """
    check_is_model(model)
    arrays = model.standardize(model.as_predict_takes(inputs))
    stateful = any(getattr(layer, "stateful", False) for layer in model.with_parts())
    if stateful or any(array is None for array in arrays):
        return Samples(arrays, batch_size)
    values = model.values_of_sample([array.shape for array in arrays])
    return Samples(arrays, max(1, int(min(batch_size, most_values / values))) if values else batch_size)


def told(batches, progress):
    """Yield the batches, and tell ``progress``, a function or None, before the first and behind each."""
    progress = progress or (lambda stage, done, total: None)
    progress("keras", 0, len(batches))
    for index, batch in enumerate(batches, 1):
        yield batch
        progress("samples", index, len(batches))


def batches_of(inputs, batch_size):
    """Yield slices of ``batch_size`` samples of an array, or of a list or mapping of arrays; None stays None."""
    samples = next(len(leaf) for leaf in flatten(inputs) if leaf is not None)
    for start in range(0, max(samples, 1), batch_size):
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
