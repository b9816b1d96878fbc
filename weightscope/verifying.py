"""Replays ``predict`` by hand beside a reference, layer by layer, and returns the Comparison."""

from dataclasses import replace

import numpy as np

from weightscope import compare, reference
from weightscope.errors import NothingChecked
from weightscope.layers.models import Model
from weightscope.layers.structure import flatten
from weightscope.replaying import Trace, as_predict_takes, batches_of, concatenate, replay


def verify(model, inputs=None, tolerance=None, batch_size=32, progress=None, against="auto"):
    """Hold a NumPy replay of a loaded model against a reference, at every layer and at the output of ``predict``.

    ``inputs``: an array, a list or a mapping as ``replay`` takes; None for those that recorded values bring along;
    ``tolerance``: a ``compare.Tolerance``; ``progress``: called as ``progress(stage, done, total)``, stage being
    "keras" or "samples"; ``against``: "keras", "tf_keras" or "auto", a ``reference.Reference``, or recorded values: the
    path of a file, or a ``reference.Recorded``. Keras starts in a child process and loads while the first batch is
    replayed. Raises Unsafe for a file with code in it, Unsupported for one without an architecture, NothingChecked
    for no samples, ReferenceFailed where Keras fails, Unreadable for recorded values of another model.
    """
    tolerance = tolerance or compare.Tolerance()
    against = referee_of(model, against)
    arrays = _with_samples(model, inputs, against)
    batch_size = against.header.get("batch_size", batch_size) if _is_recorded(against) else batch_size
    batches = list(batches_of(arrays, batch_size))
    progress = progress or (lambda stage, done, total: None)
    with _started(model, arrays, batch_size, against) as referee:
        states = {}, {}  # of stateful layers, chained and isolated
        first = replay(model, batches[0], states=states[0])  # while Keras imports, loads and predicts
        progress("keras", 0, len(batches))
        version, predicted = referee.ready()
        rows, outputs = [], []
        for index, batch in enumerate(batches):
            ours = first if index == 0 else replay(model, batch, states=states[0])
            theirs = _aligned(referee.batch(), ours)
            given = _fitting(theirs, ours)
            isolated = _fed(model, given, replay(model, batch, given, states[1]))
            rows.append(compare.traces(model, ours, isolated, theirs, tolerance))
            outputs.append(None if ours.problem else ours.output)
            progress("samples", index + 1, len(batches))
    dtype = compare.shortest(model.with_parts(), theirs)
    return compare.Comparison(
        compare.joined(rows), _output_gaps(outputs, predicted, dtype, tolerance), len(arrays[0]), tolerance, version,
        [*model.notes, *referee.notes], partial=_is_recorded(referee))


def referee_of(model, against):
    """Return a Reference or Recorded for what a caller names: a kind of Keras, the path of a file, or one of these."""
    if isinstance(against, (reference.Reference, reference.Recorded)):
        return against
    return reference.Reference(against) if against in reference.KINDS else reference.Recorded(model, against)


def _is_recorded(referee):
    return isinstance(referee, reference.Recorded)


def _with_samples(model, inputs, against):
    """Return the inputs as a flat list of arrays with samples in them."""
    if inputs is None:
        inputs = against.inputs if _is_recorded(against) else {}
        missing = [layer.name for layer in model.input_layers if layer.name not in inputs]
        if missing:
            raise NothingChecked(f"there is no input {missing[0]!r} to run the model on")
    arrays = model.standardize(as_predict_takes(model, inputs))
    if not arrays or not len(arrays[0]):
        raise NothingChecked("the input has no samples, so nothing would be checked")
    return arrays


def _started(model, arrays, batch_size, against):
    if _is_recorded(against):
        return against.begin(len(arrays[0]), batch_size)
    return reference.start(model, arrays, batch_size, against)


def _aligned(theirs, ours):
    """Return a Trace as ours is: None for outputs that only we have, float64 in our shorter dtype."""
    for path in [path for path in theirs if path in ours]:
        mine, given = flatten(ours[path]), flatten(theirs[path])
        if len(given) <= len(mine):
            given += [None] * (len(mine) - len(given))
            leaves = [_in_our_float(*pair) for pair in zip(given, mine)]
            theirs[path] = leaves[0] if len(leaves) == 1 else leaves
    return theirs


def _in_our_float(theirs, ours):
    # A port may compute in double what Keras does not.
    double = theirs is not None and theirs.dtype == np.float64 and ours.dtype.kind == "f"
    return theirs.astype(ours.dtype) if double else theirs


def _fitting(theirs, ours):
    """Return the part of a Trace that can take the place of ours: values of the shapes that ours have."""
    def fits(path):
        if path not in ours:
            return True
        return [getattr(x, "shape", None) for x in flatten(theirs[path])] == [x.shape for x in flatten(ours[path])]

    return {path: outputs for path, outputs in theirs.items() if fits(path)}


def _fed(model, given, isolated):
    """Return an isolated Trace without the calls that had to be fed with ours, for want of the reference's values."""
    fed = set(_fed_calls(model, given, set(flatten(model.inputs))))
    return Trace({path: outputs for path, outputs in isolated.items() if path in fed}, isolated.missing)


def _fed_calls(model, given, known, prefix=""):
    """Yield the paths of the calls all of whose tensors the reference gives; ``known``: the nodes that have theirs."""
    known = set(known)
    for node in model.nodes:
        path, whole = prefix + node.path, all(ref.node in known for ref in node.refs)
        if isinstance(node.layer, Model):
            yield from _fed_calls(node.layer, given, flatten(node.layer.inputs) if whole else (), path + "/")
            ends = [path + "/" + ref.node for ref in flatten(node.layer.outputs)]
            if path in given or all(end in given for end in ends):
                known.add(node.path)
        else:
            if whole and node.path not in flatten(model.inputs):
                yield path
            if path in given:
                known.add(node.path)


def _output_gaps(outputs, predicted, dtype, tolerance):
    if any(output is None for output in outputs):
        return []
    ours = flatten(concatenate(outputs))
    tolerance = replace(tolerance, through=dtype)
    return [compare.gap(a, _in_our_float(b, a), tolerance) for a, b in zip(ours, predicted, strict=True)
            if b is not None]
