"""Damaged files given to the commands, for as long as you like: ``make fuzz N=2000``, or

    python tests/fuzz.py [--count N] [--seed FIRST] [--models FOLDER ...] [--kind NAME ...]

Whatever a file holds, a command ends within seconds, in little memory, with a status that says what happened, and an
error in one line. One line for each that does not, with the seed that makes it again (``--seed N --count 1 --keep
FOLDER`` leaves its files there); a summary at the end. Exit status 1 where anything was found.

A worker runs command after command in one process. It is begun again behind a file that ends it: what reads HDF5 is
C, where nothing else helps. No command here starts Keras.
"""

import argparse
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_models"
MOST_SECONDS, MOST_MEMORY = 5, 512  # of the processor's time; MB beyond what there was before
MOST_WAITING, MOST_SPACE = 120, 3 << 30  # seconds by the clock; bytes of a worker's addresses
LARGEST = 300_000  # bytes of a file that is changed
STATUSES = {0, 1, 2, 3, 4, 5}
ADDRESS, WARNING = re.compile(r"\bat 0x[0-9a-f]{6,}"), re.compile(r"\w*Warning: ")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


# What is run on what.

class Corpus:
    """Good files: ``models``, those with an input beside them in ``inputs``, and records of them in ``records``."""

    def __init__(self, folders):
        files = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        self.models = [path for path in files if path.suffix in (".keras", ".h5", ".hdf5")
                       and 0 < path.stat().st_size <= LARGEST]
        self.inputs = {path: found for path in self.models if (found := _input_of(path))}
        self.weights = [path for path in self.models if path.name.endswith(".weights.h5") and _whole(path).exists()]


def _input_of(path):
    stem = path.name.removesuffix(".weights.h5").rpartition(".")[0] or path.stem
    stem = stem.removesuffix("_keras2")
    return next((other for ending in (".npy", ".npz")
                 if (other := path.with_name(f"{stem}_input{ending}")).exists()), None)


def _whole(path):
    return path.with_name(path.name.replace(".weights.h5", ".keras"))


def inspect(corpus, chance, make):
    """inspect of a damaged model."""
    options = [word for word in ("--stats", "--values", "--full", "--summary") if chance.random() < 0.3]
    return ["inspect", make(chance.choice(corpus.models)), *options, "--format",
            chance.choice(("terminal", "json", "markdown"))]


def predict(corpus, chance, make):
    """predict of a damaged model on a good input: the one beside it, or one that is made up."""
    from recording import made_up

    model = chance.choice(corpus.models)
    given = corpus.inputs.get(model) or made_up(str(model), make.folder("made_up.npz"))
    return ["predict", make(model), "--input", str(given), *["--all-layers"] * (chance.random() < 0.2)]


def inputs(corpus, chance, make):
    """predict of a good model on a damaged input."""
    model = chance.choice(list(corpus.inputs))
    return ["predict", str(model), "--input", make(corpus.inputs[model])]


def scan(corpus, chance, make):
    """scan of a damaged model."""
    return ["scan", make(chance.choice(corpus.models)), "--format", chance.choice(("terminal", "json", "markdown"))]


def convert(corpus, chance, make):
    """convert of a damaged model, without Keras."""
    return ["convert", make(chance.choice(corpus.models)), "--unverified", "-o", make.folder(
        chance.choice(("new.keras", "new.weights.h5")))]


def architecture(corpus, chance, make):
    """inspect of good weights with a damaged architecture, and the other way round."""
    weights = chance.choice(corpus.weights)
    whole = _whole(weights)
    given = [make(weights), str(whole)] if chance.random() < 0.5 else [str(weights), make(whole)]
    return ["inspect", given[0], "--architecture", given[1]]


def record(corpus, chance, make):
    """verify of a good model against a damaged record: a file, or a folder of files."""
    from recording import record_of

    model = chance.choice(list(corpus.inputs))
    folder = chance.random() < 0.3
    good = record_of(model, corpus.inputs[model], make.folder("good"), chance)
    if not folder:
        reference = make(good)
    else:
        reference = make.folder("port")
        os.makedirs(reference)
        for path in sorted(Path(make.folder("good")).glob("*.npy")):
            changed = make(path) if chance.random() < 0.5 else path
            shutil.copy(changed, Path(reference) / path.name)
    return ["verify", str(model), "--input", str(corpus.inputs[model]), "--reference", reference]


KINDS = {function.__name__: function for function in (inspect, predict, scan, inputs, convert, architecture, record)}


class Make:
    """Writes damaged copies into a folder of its own."""

    def __init__(self, folder, chance):
        self._folder, self._chance, self.told = Path(folder), chance, []

    def __call__(self, path):
        from mutating import mutated

        data, told = mutated(path, self._chance)
        self.told.append(f"{Path(path).name}: {told}")
        changed = self._folder / f"changed_{len(self.told)}{''.join(Path(path).suffixes[-2:])}"
        changed.write_bytes(data)
        return str(changed)

    def folder(self, name):
        """Return a path in the folder."""
        return str(self._folder / name)


# The worker.

def memory(name):
    """Return one number of /proc/self/status, in MB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024


def run(words):
    """Run a command in this process; return its status, what it wrote, and how many MB it took at most."""
    from click.testing import CliRunner

    from weightscope.cli import main

    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory is counted from here
    before = memory("VmRSS")
    done = CliRunner().invoke(main, words)
    return done, memory("VmHWM") - before


def fault(done, megabytes):
    """Return what is wrong with how a command ended, or None."""
    said = done.stderr
    if done.exit_code not in STATUSES:
        return f"status {done.exit_code}: {said.strip().splitlines()[-1:] or done.exception!r}"
    if "Traceback" in said + done.stdout:
        return "traceback"
    if WARNING.search(said):
        return f"warning: {WARNING.search(said)[0]} {said[:300]!r}"
    if ADDRESS.search(said + done.stdout):
        return f"address: {ADDRESS.search(said + done.stdout)[0]}"
    if CONTROL.search(said + done.stdout):
        return f"control character: {CONTROL.search(said + done.stdout)[0]!r}"
    if done.exit_code > 1 and not done.stdout and said.count("weightscope: ") + said.count("\nError: ") != 1:
        return f"no line for an error: {said[:300]!r}"
    if done.exit_code > 1 and "/changed_" in said and said.splitlines()[-1].count("/changed_") > 1:
        return f"a file named twice: {said[:300]!r}"
    return f"memory: {megabytes:.0f} MB" if megabytes > MOST_MEMORY else None


def serve(first, last, folders, kinds, keep):
    """Run the commands of some seeds, and say of each what came of it: before it begins, and when it has ended."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_SPACE, MOST_SPACE))
    corpus = Corpus(folders)
    for seed in range(first, last):
        chance = random.Random(seed)
        folder = tempfile.mkdtemp(prefix="fuzz-") if keep is None else keep
        os.makedirs(folder, exist_ok=True)
        make = Make(folder, chance)
        kind = kinds[seed % len(kinds)]
        words = KINDS[kind](corpus, chance, make)
        print(json.dumps({"seed": seed, "words": words, "told": "; ".join(make.told)}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)  # what it brings ends the process, in C too
        done, megabytes = run(words)
        signal.setitimer(signal.ITIMER_PROF, 0)
        line = (done.stderr.strip().splitlines() or [""])[-1]
        print(json.dumps({"seed": seed, "status": done.exit_code, "fault": fault(done, megabytes), "line": line,
                          "kind": kind}), flush=True)
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


# The parent.

def events(first, last, options):
    """Yield what workers say of the seeds; one is begun again behind each seed that ends it."""
    while first < last:
        begun = None
        command = [sys.executable, __file__, "--serve", str(first), str(last), *options]
        environment = {**os.environ, "NO_COLOR": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
            while line := _line(worker):
                event = json.loads(line)
                begun = event if "words" in event else None
                first = event["seed"] + 1
                yield event
        if begun:
            yield {"seed": begun["seed"], "fault": _end(worker.returncode), "status": None, "kind": begun["words"][0],
                   "line": ""}
        elif worker.returncode:
            raise SystemExit(f"the worker ended with {worker.returncode}")


def _line(worker):
    if not select.select([worker.stdout], [], [], MOST_WAITING)[0]:
        worker.kill()
    return worker.stdout.readline()


def _end(status):
    if status == -signal.SIGPROF:
        return f"hang: more than {MOST_SECONDS} s"
    return f"died: {signal.Signals(-status).name if status < 0 else status}"


def main():
    """Run, and say what was found; ``--lines`` prints what each command said, too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", action="append", default=[])
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--keep")
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--serve", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve(*given.serve, given.models or [SAMPLES], given.kind or list(KINDS), given.keep)
    options = [word for path in given.models for word in ("--models", path)]
    options += [word for kind in given.kind or () for word in ("--kind", kind)]
    options += ["--keep", given.keep] if given.keep else []
    counts, found, told, begun = Counter(), 0, {}, time.monotonic()
    for event in events(given.seed, given.seed + given.count, options):
        if "words" in event:
            told = event
            continue
        counts[event["kind"], event["status"]] += 1
        if given.lines:
            print(event["seed"], event["status"], told["told"], "|", event["line"])
        if event["fault"]:
            found += 1
            print(f"seed {event['seed']}: {event['fault']}\n  {' '.join(told['words'])}\n  {told['told']}", flush=True)
    for (kind, status), count in sorted(counts.items(), key=str):
        print(f"{kind:13} {status!s:5} {count}")
    print(f"{found} found in {sum(counts.values())} damaged files ({time.monotonic() - begun:.0f} s)")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
