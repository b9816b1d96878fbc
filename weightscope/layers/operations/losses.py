"""``keras.ops.nn``: how far an output is from its target; and the labels that a sequence of outputs spells."""

import numpy as np

from weightscope.errors import NotReplayable
from weightscope.kernels.activations import ACTIVATIONS
from weightscope.layers.operations.dtypes import cast, result_type, tensor
from weightscope.layers.operations.nn import EPSILON
from weightscope.layers.operations.table import operations_of, same, shape_of

operation = operations_of("nn")


def _held(x):
    # The bounds as TensorFlow has them, in the dtype of x.
    return np.maximum(np.minimum(x, x.dtype.type(1 - EPSILON)), x.dtype.type(EPSILON))


@operation(shape=same)
def binary_crossentropy(target, output, from_logits=False):
    """y = −target · log(output) − (1 − target) · log(1 − output)"""
    target = cast(tensor(target), output.dtype)
    if from_logits:
        return np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
    output = _held(output)
    return -(target * np.log(output) + (1 - target) * np.log(1 - output))


@operation(shape=lambda target, output, from_logits=False, axis=-1: _without(shape_of(output), axis))
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """y = −Σ target · log(output) along axis"""
    if from_logits:
        logs = ACTIVATIONS["log_softmax"](output, axis)
    else:
        logs = np.log(_held(output / np.sum(output, axis=axis, keepdims=True)))
    return -np.sum(cast(tensor(target), output.dtype) * logs, axis=axis)


def _without(shape, axis):
    return tuple(n for a, n in enumerate(shape) if a != axis % len(shape))


@operation(shape=lambda target, output, from_logits=False, axis=-1: shape_of(output)[:-1])
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """y = −log(output[target]) along the last axis"""
    target = cast(tensor(target), "int64")
    target = target[..., 0] if target.ndim == output.ndim and target.shape[-1] == 1 else target
    logs = ACTIVATIONS["log_softmax"](output if from_logits else np.log(_held(output)))
    return -np.take_along_axis(logs, target[..., None], axis=-1)[..., 0]


@operation(shape=lambda x1, x2, max_val: ())
def psnr(x1, x2, max_val):
    """y = 20 log10(max_val) − 10 log10(mean((x1 − x2)²))"""
    ten = x2.dtype.type(10)
    return 2 * ten * np.log10(x2.dtype.type(max_val)) - ten * np.log10(np.mean(np.square(x1 - x2)))


# Connectionist temporal classification: Graves et al., 2006 (https://www.cs.toronto.edu/~graves/icml_2006.pdf).


@operation(shape=lambda target, output, *_, **__: shape_of(output)[:1], finest="float32")
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """y = −log of the probability that output, read with blanks (mask_index) and repeats left out, spells target"""
    dtype = result_type(output, "float32")
    logs = ACTIVATIONS["log_softmax"](output.astype("float64"))
    lengths = zip(np.ravel(target_length), np.ravel(output_length))
    return np.asarray([-_log_probability(row[:steps], labels[:count], mask_index % output.shape[-1])
                       for row, labels, (count, steps) in zip(logs, target.astype(int), lengths)]).astype(dtype)


def _log_probability(logs, labels, blank):
    """Return the log of the summed probability of all ways to spell the labels; ``logs`` (steps, classes)."""
    path = np.full(2 * len(labels) + 1, blank)
    path[1::2] = labels
    skips = np.zeros(len(path), bool)
    skips[2:] = (path[2:] != blank) & (path[2:] != path[:-2])
    ways = np.full(len(path), -np.inf)
    ways[:2] = logs[0, path[:2]]
    for step in logs[1:]:
        one = np.concatenate([[-np.inf], ways[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], ways])[:len(path)], -np.inf)
        ways = np.logaddexp(np.logaddexp(ways, one), two) + step[path]
    return np.logaddexp.reduce(ways[-2:])


@operation(shape=lambda inputs, *_, top_paths=1, strategy="greedy", **__: [
    (1 if strategy == "greedy" else top_paths, *shape_of(inputs)[:2]),
    (shape_of(inputs)[0], 1 if strategy == "greedy" else top_paths)], finest="float32")
def ctc_decode(inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True,
               mask_index=0):  # fmt: skip
    """y = the labels that inputs spell, −1 behind their end, and how likely they are"""
    inputs = cast(inputs, result_type(inputs, "float32"))
    steps = np.ravel(sequence_lengths).astype(int)
    if strategy == "beam_search":
        return _beam_decoded(inputs, steps, beam_width, top_paths, mask_index)
    if strategy != "greedy":
        raise NotReplayable(f"strategy {strategy!r} of ctc_decode is not replayed")
    blank, decoded = mask_index % inputs.shape[-1], np.full((1, *inputs.shape[:2]), -1, "int32")
    for n, (row, count) in enumerate(zip(inputs, steps)):
        best = np.argmax(row[:count], axis=-1)
        kept = best[_changes(best)] if merge_repeated else best
        kept = kept[kept != blank]
        decoded[0, n, :len(kept)] = kept
    scores = [-np.sum(np.max(row[:count], axis=-1)) for row, count in zip(inputs, steps)]
    return decoded, np.asarray(scores, inputs.dtype)[:, None]


def _changes(labels):
    return np.concatenate([[True], labels[1:] != labels[:-1]])[:len(labels)]


def _beam_decoded(inputs, steps, beam_width, top_paths, mask_index):
    blank = inputs.shape[-1] - 1 if mask_index is None else mask_index % inputs.shape[-1]
    decoded = np.full((top_paths, *inputs.shape[:2]), -1, "int32")
    scores = np.zeros((len(inputs), top_paths), inputs.dtype)
    logs = ACTIVATIONS["log_softmax"](inputs.astype("float64"))
    for n, (row, count) in enumerate(zip(logs, steps)):
        for place, (labels, score) in enumerate(_beams(row[:count], beam_width, blank)[:top_paths]):
            decoded[place, n, :len(labels)] = labels
            scores[n, place] = score
    return decoded, scores


def _beams(logs, width, blank):
    """Return the likeliest label sequences and their log probabilities, best first, by search over prefixes."""
    beams = {(): (0.0, -np.inf)}  # prefix: log probability of its spellings that end in a blank, and of the others
    for step in logs:
        grown = {}

        def add(prefix, in_blank, in_label, grown=grown):
            old = grown.get(prefix, (-np.inf, -np.inf))
            grown[prefix] = np.logaddexp(old[0], in_blank), np.logaddexp(old[1], in_label)

        for prefix, (in_blank, in_label) in beams.items():
            both = np.logaddexp(in_blank, in_label)
            add(prefix, both + step[blank], in_label + step[prefix[-1]] if prefix else -np.inf)
            for label in range(len(step)):
                if label != blank:
                    before = in_blank if prefix[-1:] == (label,) else both
                    add((*prefix, label), -np.inf, before + step[label])
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(best[:width])
    return [(prefix, np.logaddexp(*logs)) for prefix, logs in beams.items()]
