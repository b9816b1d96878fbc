"""How good is the verdict? Not a test: ``make bench-verdict``, or

    python tests/bench_verdict.py [--only GLOB ...] [--faults N] [--seed N]

Faults are made on our side of models that Keras runs live, and are looked for as ``verify`` looks: is the layer named
that has it? The same faults are made on the other side, and the catalogue is asked for the cause. Beside it stands the
rule that everybody uses, allclose on the outputs. A fault counts where it changes the layer's output in float64 by more
than its last digits. Then the models as they are, over inputs of many sizes and batches: every alarm is a false one.
"""

import argparse
import copy
import fnmatch
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from judging import Live, both_sides

from weightscope.model.structure import flatten
from weightscope.opening.load import load
from weightscope.replaying.replay import calls_of, replay
from weightscope.replaying.samples import samples_of
from weightscope.verdict import causes, float64
from weightscope.verdict.budgets import Budgets
from weightscope.verdict.differences import differences_of
from weightscope.verdict.mistakes import mistakes, put

K = keras.layers
SEEN = 1e-13  # a change of a layer's output, of its largest value, that is more than its last digits
NAIVE = {"rtol": 1e-5, "atol": 1e-5}


def stack(shape, *layers, **settings):
    return keras.Sequential([keras.Input(shape, **settings), *layers])


def mlp(width=64, depth=3, activation="relu"):
    hidden = [K.Dense(width, activation=activation) for _ in range(depth)]
    return stack((20,), *hidden, K.Dense(5, activation="softmax"))


def convolutions(*layers):
    return stack((16, 16, 3), *layers, K.GlobalAveragePooling2D(), K.Dense(5))


def u_net():
    x = inputs = keras.Input((16, 16, 3))
    skip = K.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = K.Conv2D(16, 3, strides=2, padding="same", activation="relu")(skip)
    x = K.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    x = K.Concatenate()([x, skip])
    return keras.Model(inputs, K.Conv2D(1, 1, activation="sigmoid")(x))


def encoder(blocks=2, width=16):
    inputs = keras.Input((12,), dtype="int32")
    x = K.Embedding(50, width)(inputs)
    for _ in range(blocks):
        x = K.LayerNormalization(epsilon=1e-6)(K.Add()([x, K.MultiHeadAttention(4, 4)(x, x)]))
        x = K.LayerNormalization(epsilon=1e-6)(K.Add()([x, K.Dense(width)(K.Dense(4 * width, activation="gelu")(x))]))
    return keras.Model(inputs, K.Dense(3)(K.GlobalAveragePooling1D()(x)))


def application(name):
    return getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=7)


def under(policy, build):
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


MODELS = {
    "mlp": mlp,
    "deep mlp": lambda: mlp(depth=30, activation="tanh"),
    "cnn": lambda: convolutions(K.Conv2D(8, 3, activation="relu"), K.MaxPooling2D(), K.Conv2D(8, 3, padding="same",
                                strides=2), K.BatchNormalization(), K.LeakyReLU()),
    "depthwise": lambda: convolutions(K.DepthwiseConv2D(3, depth_multiplier=2), K.PReLU(),
                                      K.AveragePooling2D(3, 2, "same")),
    "separable": lambda: convolutions(K.SeparableConv2D(8, 3, activation="elu"), K.SeparableConv2D(8, 3)),
    "transposed": lambda: convolutions(K.Conv2DTranspose(6, 3, strides=2), K.BatchNormalization(), K.ReLU()),
    "u-net": u_net,
    "conv1d dilated": lambda: stack((60, 4), *(K.Conv1D(8, 3, padding="causal", dilation_rate=2**i, activation="silu")
                                               for i in range(3)), K.Flatten(), K.Dense(3)),
    "lstm stack": lambda: stack((30, 8), K.LSTM(16, return_sequences=True), K.LSTM(16), K.Dense(2)),
    "lstm 200 steps": lambda: stack((200, 8), K.LSTM(24), K.Dense(2)),
    "gru stack": lambda: stack((30, 8), K.GRU(16, return_sequences=True), K.GRU(16, reset_after=False), K.Dense(2)),
    "bidirectional": lambda: stack((20, 8), K.Bidirectional(K.LSTM(8, return_sequences=True)),
                                   K.Bidirectional(K.GRU(8)), K.Dense(2)),
    "transformer encoder": encoder,
    "ResNet50": lambda: application("ResNet50"),
    "MobileNetV2": lambda: application("MobileNetV2"),
    "EfficientNetB0": lambda: application("EfficientNetB0"),
    "DenseNet121": lambda: application("DenseNet121"),
    "mixed_float16": lambda: under("mixed_float16", lambda: convolutions(
        K.Conv2D(8, 3, activation="relu"), K.BatchNormalization(), K.Conv2D(8, 3, activation="gelu"))),
    "mixed_bfloat16": lambda: under("mixed_bfloat16", lambda: mlp(activation="gelu")),
}


class Opened:
    """One model saved by Keras, opened, and run by both sides on one input."""

    def __init__(self, build, folder, seed):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = build()
        rng = np.random.default_rng(seed)
        for weight in model.weights:  # as if trained: no zeros, and every bias and variance another
            if str(weight.dtype).startswith("float"):
                spread = 0.5 * rng.uniform(size=weight.shape)
                moved = spread if "variance" in weight.name else spread - 0.25
                weight.assign(keras.ops.convert_to_numpy(weight) + 0.4 * moved)
        self.path = folder / "model.keras"
        model.save(self.path)
        self.model = load(self.path)
        self.rng = rng

    def inputs(self, batch=4, scale=1.0):
        """Return random inputs, a list."""
        found = []
        for layer in self.model.input_layers:
            shape = (batch, *layer.batch_shape[1:])
            whole = layer.policy.startswith("int")
            found.append(self.rng.integers(1, 49, shape) if whole else scale * self.rng.normal(size=shape))
        return samples_of(self.model, found, batch).arrays



def planned(model, layer):
    """Yield ``(words, change)``: what the catalogue knows, and small changes of one weight."""
    yield from mistakes(layer, causes.mistakable(model, layer)[:1])
    names = [name for name, weight in layer.weights.items() if weight.size and weight.dtype.startswith("float")]
    for name in names:
        for size in (1e-1, 1e-3, 1e-6):
            yield f"one value of {name} changed by {size:g}", lambda whole, _given, name=name, size=size: put(
                whole, **{name: lambda x: nudged(x, size)})


def nudged(array, size):
    found = array.copy()
    place = np.unravel_index(np.argmax(np.abs(found)), found.shape)
    found[place] *= 1 + size
    return found


def kind_of(words):
    """Return the words of a fault without its numbers and names."""
    return " ".join(word for word in words.split(" in ")[0].split("=")[0].replace("'", " ").split() if word.isalpha())


def outputs_of(opened, arrays, layer, change):
    """Return the model's outputs in its own dtype with one layer changed."""
    def call(_path, called, given):
        if called is not layer:
            return called.run(*given)
        changed = copy.deepcopy(called)
        change(changed, given)
        return changed.run(*given)

    return flatten(replay(opened.model, arrays, call=call).output)


def faults(opened, name, count, totals, rng):
    """Make up to ``count`` faults in a model, and count what is found."""
    arrays = opened.inputs()
    sides, alone = both_sides(opened.model, Live(opened.path, arrays), keep=True)
    theirs = alone.kept
    with sides.ours.in_float64():
        ours = dict(sides.ours.alone(sides.given).calls())
        paths = [path for path, _ in opened.model.calls() if path in ours and path in theirs]
        calls = dict(calls_of(opened.model, arrays, sides.theirs, paths))
    plan = [(path, words, change) for path, (layer, _) in calls.items()
            for words, change in planned(opened.model, layer)]
    rng.shuffle(plan)
    found, clean = Counter(), [np.asarray(x, "float64") for x in flatten(sides.ours.trace.output)]
    for path, words, change in plan:
        if found["made"] >= count:
            break
        layer, given = calls[path]
        values = ours[path], theirs[path], sides.rule(path, in_float64=True)
        one_fault(opened, (path, layer, given, words, change), values, (arrays, clean), found)
    for key, value in found.items():
        totals[key] += value
    print(row(name, found), flush=True)


def one_fault(opened, fault, values, outside, found):
    path, layer, given, words, change = fault
    ours, theirs, rule = values
    with float64.in_float64(opened.model):
        changed = copy.deepcopy(layer)
        try:
            change(changed, given)
            wrong = changed.run(*given)[0]
        except Exception:  # this layer cannot make this mistake
            return
        if not is_seen(wrong, ours):
            return
        found["made"] += 1
        found[f"kind {kind_of(words)}"] += 1
        budget = Budgets().of_call(changed, given, wrong)
        verdict = rule(wrong, theirs, budget=budget)
        found["found"] += not verdict.within
        if verdict.within:
            print(f"    missed: {path}: {words}: used {verdict.of_limit:.2g}", flush=True)
        if not words.startswith("one value"):
            found["in catalogue"] += 1
            others = [other for _, other in opened.model.calls() if f"{other.name!r}" in words]
            told = causes.causes_of(layer, given, wrong, rule, others)
            named = words in told or any(same_as(layer, given, one, others, wrong) for one in told)
            found["cause"] += named
            if not named and found["cause shown"] < 6:
                found["cause shown"] += 1
                print(f"    other cause: {path}: {words}: told {told}", flush=True)
    arrays, clean = outside
    if found["naive asked"] < 40:
        found["naive asked"] += 1
        try:
            outputs = outputs_of(opened, arrays, layer, change)
        except Exception:
            outputs = [np.full_like(x, np.inf) for x in clean]
        found["naive"] += not all(np.allclose(a, b, **NAIVE) for a, b in zip(outputs, clean))


def same_as(layer, given, words, others, wrong):
    """Tell whether another mistake gives the very numbers of the one that was made."""
    change = next(change for found, change in mistakes(layer, others) if found == words)
    return all(map(np.array_equal, flatten(causes.mistaken(layer, given, change)), flatten(wrong)))


def is_seen(wrong, right):
    for a, b in zip(flatten(wrong), flatten(right)):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return False  # any comparison sees it
        if a.dtype.kind in "fc":
            with np.errstate(all="ignore"):
                if not np.nanmax(np.abs(a - b), initial=0) <= SEEN * np.nanmax(np.abs(b), initial=0):
                    return True
    return False


def row(name, found):
    kinds = sum(key.startswith("kind") for key in found)

    def share(part, whole):
        return f"{found[part] / found[whole]:7.1%}" if found[whole] else "      -"
    return (f"{name:22}{found['made']:7}{kinds:7}{share('found', 'made')}{share('naive', 'naive asked')}"
            f"{share('cause', 'in catalogue')}")


def alarms(opened, name):
    """Return how many of how many rows alarm on the model as it is, over scales and batch sizes."""
    wrong = judged = 0
    most = 0.0
    for batch, scale in ((1, 1e-3), (1, 1e3), (8, 1.0), (8, 30.0), (32, 0.03)):
        arrays = opened.inputs(batch, scale)
        for found in differences_of(*both_sides(opened.model, Live(opened.path, arrays))):
            judged += 1
            wrong += found.verdict != "agrees"
            most = max([most, *(gap.of_limit for gap in (found.own_in_float64, found.own) if gap is not None)])
            if found.verdict != "agrees":
                print(f"    alarm: {name}, batch {batch}, scale {scale}: {found.path}: {found.verdict} {found.fault}")
    print(f"{name:22}{judged:7} rows, {wrong} alarms, at most {most:.0%} of a budget used", flush=True)
    return wrong, judged


def main():
    """Run both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=["*"])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = {name: build for name, build in MODELS.items() if any(fnmatch.fnmatch(name, p) for p in options.only)}
    totals, rng, false, rows = Counter(), random.Random(options.seed), 0, 0
    print(f"{'':22}{'faults':>7}{'kinds':>7}{'found':>7}{'naive':>7}{'cause':>7}")
    for name, build in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            opened = Opened(build, Path(folder), options.seed)
            faults(opened, name, options.faults, totals, rng)
            wrong, judged = alarms(opened, name)
            false, rows = false + wrong, rows + judged
    print(row("all", totals))
    print(f"false alarms: {false} of {rows} rows")


if __name__ == "__main__":
    main()
