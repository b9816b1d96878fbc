"""How fast is weightscope, against Keras, on this machine? Not a test: ``make bench``, or

    python tests/bench.py [--only GLOB ...] [--rounds N]

Three tables. ``replay``: NumPy against ``model.predict``, in one process, by turns. ``inspect``: the command against a
script that does ``load_model(FILE).summary()``, each in a process of its own, by turns, with the peak of its memory.
``verify``: so too, the command, which runs Keras itself, against a script that does ``load_model(FILE).predict(x)``.
A ratio is Keras divided by weightscope, above 1 where weightscope is better: the median over the rounds of the ratios
within a round, as the two sides of a round meet the same weather. Threads are left as each library sets them.
"""

import argparse
import compileall
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import weightscope  # noqa: E402  (found through the line above, installed or not)
from weightscope.errors import WeightscopeError  # noqa: E402

layers = keras.layers


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def mlp(*units, activation="relu"):
    inputs, *hidden, last = units
    stack = [layers.Dense(n, activation=activation) for n in hidden]
    return keras.Sequential([layers.Input((inputs,)), *stack, layers.Dense(last, activation="sigmoid")])


def lstm():
    return keras.Sequential([layers.Input((200, 64)), layers.LSTM(128), layers.Dense(1)])


def gru_stack():
    grus = [layers.GRU(64, return_sequences=True), layers.GRU(64, return_sequences=True), layers.GRU(64)]
    return keras.Sequential([layers.Input((100, 32)), *grus, layers.Dense(1)])


def encoder(width=256, heads=8, blocks=4):
    """Encoder blocks as in BERT: attention and a two-layer MLP, each added to its input and normalized."""
    x = inputs = layers.Input((128, width))
    for _ in range(blocks):
        attended = layers.MultiHeadAttention(heads, width // heads)(x, x)
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, attended]))
        thought = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x))
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, thought]))
    return keras.Model(inputs, x)


def dilated():
    convolutions = [layers.Conv1D(32, 3, padding="causal", dilation_rate=2**i, activation="relu") for i in range(8)]
    return keras.Sequential([layers.Input((5000, 8)), *convolutions, layers.Conv1D(1, 1)])


# Without softmax: that of an untrained model is 0.001 everywhere, and would hide a wrong replay.
def resnet50():
    return keras.applications.ResNet50(weights=None, classifier_activation=None)


def mobilenet_v2():
    return keras.applications.MobileNetV2(weights=None, classifier_activation=None)


# {row: (builds the model, shape of its input)}
REPLAY = {
    "xor-b4": (lambda: mlp(2, 10, 10, 1, activation="sigmoid"), (4, 2)),
    "mlp-b32": (lambda: mlp(2000, 512, 256, 1), (32, 2000)),
    "mlp-b256": (lambda: mlp(2000, 512, 256, 1), (256, 2000)),
    "resnet50-b1": (resnet50, (1, 224, 224, 3)),
    "resnet50-b8": (resnet50, (8, 224, 224, 3)),
    "mobilenetv2-b8": (mobilenet_v2, (8, 224, 224, 3)),
    "lstm128-200steps-b32": (lstm, (32, 200, 64)),
    "gru-stack-b32": (gru_stack, (32, 100, 32)),
    "encoder-b8": (encoder, (8, 128, 256)),
    "dilated-conv1d-b4": (dilated, (4, 5000, 8)),
}
# {row: the file, made here unless it is a sample}
INSPECT = {"inspect-xor.h5": "xor.h5", "inspect-resnet50.keras": "resnet50.keras", "inspect-resnet50.h5": "resnet50.h5"}

# {row: (builds the model, shape of its input)}; Keras loads, predicts, and runs in float64 as well: 0.67 is 1.5 times.
VERIFY = {
    "verify-xor-b4": (lambda: mlp(2, 10, 10, 1, activation="sigmoid"), (4, 2)),
    "verify-mlp-b32": (lambda: mlp(2000, 512, 256, 1), (32, 2000)),
    "verify-lstm128-b32": (lstm, (32, 200, 64)),
    "verify-encoder-b8": (encoder, (8, 128, 256)),
    "verify-mobilenetv2-b4": (mobilenet_v2, (4, 224, 224, 3)),
    "verify-resnet50-b4": (resnet50, (4, 224, 224, 3)),
}
ROWS = [*REPLAY, *INSPECT, *VERIFY]

SUMMARY = "import sys, keras; keras.models.load_model(sys.argv[1], compile=False).summary()"
PREDICT = ("import sys, keras, numpy as np; "
           "keras.models.load_model(sys.argv[1], compile=False).predict(np.load(sys.argv[2]), verbose=0)")
# A child starts with the memory of the process that forks it on its account: this one is small.
LAUNCHER = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, peak, done.returncode, done.stderr[-500:]]))
"""

REPLAY_HEADING = "replay                   keras ms   numpy ms  predict ×   replay ×  difference"
REPLAY_LINE = "{:10.1f} {:10.1f} {:10.2f} {:10.2f} {:11.0e}"
INSPECT_HEADING = "\ninspect                     keras    inspect  quicker ×     keras   inspect  lighter ×"
VERIFY_HEADING = "\nverify                      keras     verify  quicker ×     keras    verify  lighter ×"
COMMAND_LINE = "{:8.2f} s {:8.2f} s {:10.2f} {:6.0f} MB {:6.0f} MB {:10.2f}"


class Failed(Exception):
    """A row that could not be measured, and why."""


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turn(sides, backwards):
    """The seconds of each side, run in order or backwards: threads of the one before may still be spinning."""
    if backwards:
        return in_turn(sides[::-1], backwards=False)[::-1]
    return [seconds(side) for side in sides]


def ratio(theirs, ours):
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def replay_row(row, folder, rounds):
    """Measure one model: milliseconds of predict, Keras' and ours; ratios of predict and replay; the difference."""
    build, shape = REPLAY[row]
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    theirs, x = build(), floats(*shape)
    path = folder / "model.keras"
    theirs.save(path)
    ours = weightscope.load(path)
    sides = [
        lambda: theirs.predict(x, batch_size=len(x), verbose=0),
        lambda: weightscope.predict(ours, x, batch_size=len(x)),
        lambda: weightscope.replay(ours, x),
    ]
    expected, got, _ = (side() for side in sides)
    difference = float(np.abs(got - expected).max() / np.abs(expected).max())
    if difference > 1e-3:
        raise Failed(f"differs from Keras by {difference:.1e} of the largest output")
    times = [in_turn(sides, backwards=turn % 2) for turn in range(rounds)]
    predict, by_hand, traced = zip(*times, strict=True)
    milliseconds = [1000 * statistics.median(side) for side in (predict, by_hand)]
    return REPLAY_LINE.format(*milliseconds, ratio(predict, by_hand), ratio(predict, traced), difference)


def launched(*command):
    """Run a command, and return its seconds and the peak of its memory in MB."""
    result = subprocess.run(
        [sys.executable, "-c", LAUNCHER, sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    elapsed, kilobytes, status, complaint = json.loads(result.stdout)
    if status:
        raise Failed(f"status {status} from {command[:3]}: {complaint.strip().splitlines()[-1:]}")
    return elapsed, kilobytes / 1024


def saved_file(name, folder):
    sample = ROOT / "sample_models" / name
    if sample.exists():
        return sample
    path = folder / name
    if not path.exists():
        resnet50().save(path)
    return path


def inspect_row(row, folder, rounds):
    """Measure one file: seconds and MB of load_model + summary and of inspect, and the ratios."""
    path = str(saved_file(INSPECT[row], folder))
    return by_turns(["-c", SUMMARY, path], ["-m", "weightscope", "inspect", path], rounds)


def verify_row(row, folder, rounds):
    """Measure one model: seconds and MB of load_model + predict and of verify, and the ratios."""
    build, shape = VERIFY[row]
    path, x = str(folder / f"{row}.keras"), str(folder / f"{row}.npy")
    build().save(path)
    np.save(x, floats(*shape))
    return by_turns(["-c", PREDICT, path, x], ["-m", "weightscope", "verify", path, "--input", x], rounds)


def by_turns(theirs, ours, rounds):
    """Return the line of two commands, each run once to warm up, then by turns."""
    compileall.compile_dir(ROOT / "weightscope", quiet=1)  # as pip does when it installs
    for command in (theirs, ours):
        launched(*command)
    rows = [[*launched(*theirs), *launched(*ours)] for _ in range(rounds)]
    columns = list(zip(*rows, strict=True))
    slow, heavy, quick, light = (statistics.median(column) for column in columns)
    quicker, lighter = ratio(columns[0], columns[2]), ratio(columns[1], columns[3])
    return COMMAND_LINE.format(slow, quick, quicker, heavy, light, lighter)


def table(heading, rows, measure, folder, rounds):
    """Print one table as it is measured, and return the rows that failed."""
    failed = []
    if rows:
        print(heading)
    for row in rows:
        try:
            print(f"{row:22}", measure(row, folder, rounds), flush=True)
        except (Failed, WeightscopeError) as problem:
            print(f"{row:22}", "FAILED:", problem, flush=True)
            failed.append(row)
    return failed


def chosen(rows, patterns):
    return [row for row in rows if any(fnmatch.fnmatch(row, pattern) for pattern in patterns)]


def main():
    parser = argparse.ArgumentParser(description="weightscope against Keras: ratios, measured side by side.")
    parser.add_argument("--only", metavar="GLOB", nargs="+", default=["*"], help=f"of {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each side runs (default 7)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    idle = [pattern for pattern in options.only if not chosen(ROWS, [pattern])]
    if idle:
        parser.error(f"no row is named {' or '.join(idle)}; there are {', '.join(ROWS)}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; other work on the machine distorts the ratios\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        failed = table(REPLAY_HEADING, chosen(REPLAY, options.only), replay_row, folder, options.rounds)
        failed += table(INSPECT_HEADING, chosen(INSPECT, options.only), inspect_row, folder, options.rounds)
        failed += table(VERIFY_HEADING, chosen(VERIFY, options.only), verify_row, folder, options.rounds)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
