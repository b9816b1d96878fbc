"""Replays ``predict`` by hand beside Keras, layer by layer, and returns the Comparison."""

from dataclasses import replace

from weightscope import compare, reference
from weightscope.errors import NothingChecked, Unsafe, Unsupported
from weightscope.layers.base import Unknown
from weightscope.layers.constants import holds_code
from weightscope.layers.loose import Loose
from weightscope.layers.models import Model
from weightscope.layers.structure import flatten
from weightscope.replaying import as_predict_takes, batches_of, concatenate, replay
from weightscope.user_code import is_of_user


def verify(model, inputs, tolerance=None, batch_size=32, progress=None, custom_objects=()):
    """Hold a NumPy replay of a loaded model against Keras, at every layer and at the output of ``predict``.

    ``inputs``: an array, a list or a mapping as ``replay`` takes; ``tolerance``: a ``compare.Tolerance``;
    ``progress``: called as ``progress(stage, done, total)``, stage being "keras" or "samples"; ``custom_objects``:
    paths of your own Python files with what Keras needs to load the model. Keras starts in a child process and loads
    while the first batch is replayed. Raises Unsafe for a file with code in it, Unsupported for one
    without an architecture, NothingChecked for no samples, ReferenceFailed where Keras fails.
    """
    _check_safe(model, custom_objects)
    tolerance = tolerance or compare.Tolerance()
    arrays = _with_batch(model.standardize(as_predict_takes(model, inputs)))
    batches = list(batches_of(arrays, batch_size))
    progress = progress or (lambda stage, done, total: None)
    with reference.start(model.saved, arrays, batch_size, custom_objects) as run:
        states = {}, {}  # of stateful layers, chained and isolated
        first = replay(model, batches[0], states=states[0])  # while Keras imports, loads and predicts
        progress("keras", 0, len(batches))
        version, predicted = run.version(), run.predicted()
        rows, outputs = [], []
        for index, batch in enumerate(batches):
            ours = first if index == 0 else replay(model, batch, states=states[0])
            theirs = run.batch()
            isolated = replay(model, batch, theirs, states[1])
            rows.append(compare.traces(model, ours, isolated, theirs, tolerance))
            outputs.append(None if ours.problem else ours.output)
            progress("samples", index + 1, len(batches))
    dtype = compare.shortest(model.with_parts(), theirs)
    return compare.Comparison(
        compare.joined(rows), _output_gaps(outputs, predicted, dtype, tolerance), len(arrays[0]), tolerance, version,
        list(model.notes))


def _output_gaps(outputs, predicted, dtype, tolerance):
    if any(output is None for output in outputs):
        return []
    ours = flatten(concatenate(outputs))
    tolerance = replace(tolerance, through=dtype)
    return [compare.gap(a, b, tolerance) for a, b in zip(ours, predicted, strict=True)]


def _with_batch(arrays):
    if not arrays or not len(arrays[0]):
        raise NothingChecked("the input has no samples, so nothing would be checked")
    return arrays


def _check_safe(model, custom_objects):
    if isinstance(model, Loose):
        raise Unsupported(f"{model.saved.path}: nothing to verify: {model.refusal()}")
    for layer in model.with_parts():
        if not isinstance(layer, Model) and holds_code(layer.config):
            raise Unsafe(f"{model.saved.path}: layer {layer.name!r} holds Python code; it is not handed to Keras")
        if not custom_objects and (is_of_user(layer) or isinstance(layer, Unknown)) and not _keras_finds(layer.module):
            raise Unsupported(f"{model.saved.path}: layer {layer.name!r}: Keras cannot load class {layer.class_name}"
                              " without your code: --custom-objects FILE")


def _keras_finds(module):
    # These packages Keras imports by itself (keras/src/saving/serialization_lib.py, _retrieve_class_or_fn).
    return module is None or str(module).split(".")[0] in (
        "keras", "tf_keras", "builtins", "keras_hub", "keras_cv", "keras_nlp")
