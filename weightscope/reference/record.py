"""Writes down what a reference gives, so that a replay can be held against it later, without Keras.

An ``.npz`` whose names ``reference.recorded`` explains: ``inputs/…``, ``layers/…``, ``outputs/…``, and a text
``weightscope`` in JSON::

    format      1
    weightscope the version that recorded it
    reference   which Keras gave the values, with its version and backend; NumPy for those of a replay
    model       the content hash of the model: its architecture and all its weights
    file        the name of the model's file
    batch_size  how many samples were run at a time
    notes       what was said of the choice of the reference
    dtypes      {name: dtype} of arrays kept in another dtype than their own: bfloat16, as float32
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.errors import NothingChecked, NotReplayable, Unsupported
from weightscope.kernels.short_floats import dtype_name
from weightscope.model.structure import flatten
from weightscope.opening.content_hash import content_hash
from weightscope.reference.choosing import Reference
from weightscope.reference.recorded import HEADER, named_outputs
from weightscope.reference.storing import storable
from weightscope.replaying.replay import replay
from weightscope.replaying.samples import concatenate, samples_of, told
from weightscope.version import __version__

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs, NDArray
    from weightscope.model.model import Model


def record(model: Model, inputs: Inputs, batch_size: int | None = None, against: str | Reference = "auto",
           progress: Callable[[str, int, int], object] | None = None) -> dict[str, NDArray[np.generic]]:
    """Run Keras on a loaded model, and return what every layer gives as ``{name: array}``, ready for ``numpy.savez``.

    The names are ``inputs/NAME``, ``layers/PATH`` and ``outputs/PATH``, the arrays (samples, …) in the dtypes of Keras,
    bfloat16 as float32; ``weightscope`` is a text in JSON on where they are from. ``verify(model, against="file.npz")``
    then holds the replay against them, without Keras.

    ``model``, ``inputs``, ``batch_size`` and ``progress`` as ``verify`` takes them; ``against``: which Keras, as there
    too, but no recorded values. Raises the errors of ``verify``: NothingChecked for no samples, and so on; Unsupported
    for an output without an axis of samples, too, where the samples are more than one batch.
    """
    if not isinstance(against, Reference):
        against = Reference(against)
    samples = _samples(model, inputs, batch_size)
    with against.begin(model, samples, twin=False) as referee:
        known = {path for path, _ in model.calls()}  # and no model as a whole, whose layers say it all
        traces = [_trace(referee.calls(), known) for _ in told(samples.batches, progress)]
        predicted = referee.predicted()
    return _recorded(model, samples, traces, predicted, {"reference": referee.version, "notes": referee.notes})


def record_replay(model: Model, inputs: Inputs, batch_size: int | None = None,
                  paths: Iterable[str] | None = None) -> dict[str, NDArray[np.generic]]:
    """Return a record as ``record`` does, of what NumPy gives, without Keras: for a port to be held against.

    ``paths``: of the nodes that it is to hold, without outputs; None for all calls, and the outputs. Raises
    NotReplayable, naming the layer, where one of them cannot be replayed.
    """
    samples, states = _samples(model, inputs, batch_size), dict[Any, Any]()
    traces = [replay(model, batch, states=states) for batch in samples.batches]
    known = [path for path, _ in model.calls()] if paths is None else list(paths)
    for path in known:
        if path in traces[0].missing:
            raise NotReplayable(f"{model.saved.path}: {traces[0].missing[path]}")
    predicted = [] if paths is not None else flatten(concatenate([trace.output for trace in traces]))
    calls = [{path: flatten(trace[path]) for path in known} for trace in traces]
    return _recorded(model, samples, calls, predicted, {"reference": "NumPy", "notes": model.notes})


def _samples(model, inputs, batch_size):
    samples = samples_of(model, inputs, batch_size)
    if not len(samples):
        raise NothingChecked("the input has no samples, so there is nothing to record")
    return samples


def _trace(calls, known):
    """Return ``{path: arrays}`` of the calls of a batch that are known; of one that comes again, what it gave last."""
    return {path: [np.array(leaf) for leaf in leaves] for path, leaves in calls if path in known}


def _recorded(model, samples, traces, predicted, about):
    """Return all there is to a record: ``traces`` of each batch; ``about``: where they are from, for its header."""
    found = {f"inputs/{layer.name}": array for layer, array in zip(model.input_layers, samples.arrays)}
    found.update(_layers(traces, [len(batch[0]) for batch in samples.batches]))
    found.update({f"outputs/{name}": array for name, array in zip(named_outputs(model), predicted)})
    header = {"format": 1, "weightscope": __version__, **about, "model": content_hash(model.saved),
              "file": os.path.basename(model.saved.path), "batch_size": samples.batch_size,
              "notes": [*about["notes"], *filter(None, [samples.note])],
              "dtypes": {name: "bfloat16" for name, array in found.items() if dtype_name(array.dtype) == "bfloat16"}}
    return {HEADER: np.array(json.dumps(header)), **{name: _plain(array) for name, array in found.items()}}


def _plain(array):
    array = storable(np.asarray(array))
    return array.astype(array.dtype.str) if array.dtype.metadata else array


def _layers(traces, sizes):
    """Return ``{layers/PATH: array}``, the batches of each output joined; ``sizes``: how many samples each has."""
    found = {}
    for path in traces[0]:
        for index, parts in enumerate(zip(*(trace[path] for trace in traces))):
            name = f"layers/{path}" + (f":{index}" if index else "")
            if len(parts) > 1 and sizes != [len(part) if part.ndim else None for part in parts]:
                raise Unsupported(f"layer {path!r} gives an output without a batch axis: record one batch, with"
                                  f" --batch-size {sum(sizes)} or more")
            found[name] = np.concatenate(parts, dtype=parts[0].dtype) if len(parts) > 1 else parts[0]
    return found
