"""Holds two builds together: what every command says on the sample models, byte for byte.

    python tests/same_output.py OTHER [--quick]

OTHER is another checkout, with a virtual environment in its ``.venv``. Every command is run in both, in the checkout's
folder, and its standard output, standard error, exit status and files are compared. ``--quick``: without the commands
that start Keras. The status is 1 where anything differs.
"""

import argparse
import difflib
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SAMPLES = HERE / "sample_models"
MODELS = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".h5", ".keras"))
PAGES = ("Dense", "LSTM", "Conv2D", "MultiHeadAttention", "Convolution2D", "Bidirectional", "Lambda", "Dens")
THEN = "&&"  # between the commands of one run
COMMANDS = ("inspect", "predict", "verify", "record", "convert", "layers")


def light():
    """Yield the arguments of every run that needs no Keras."""
    yield from ([], ["--help"], ["--version"], ["inspct"], ["inspect", "absent.h5"], ["inspect", "LICENSE"])
    yield from ([name, "--help"] for name in COMMANDS)
    for model in MODELS:
        path = f"sample_models/{model}"
        yield from (["inspect", path, *more] for more in (
            [], ["--values"], ["--stats"], ["--format", "json", "--stats"], ["--format", "markdown", "--values"],
            ["--color", "always"]))
        if not model.endswith(".weights.h5"):
            yield ["predict", path, "--input", given(model)]
            yield ["predict", path, "--input", given(model), "-o", "{out}/predicted.npy"]
    yield ["inspect", "sample_models/lstm.keras", "--layer", "lstm"]
    yield ["inspect", "sample_models/lstm.keras", "--layer", "lstn"]
    yield from (["layers", *more] for more in ([], ["--format", "json"], ["--format", "markdown"]))
    yield from (["layers", page, *more] for page in PAGES for more in ([], ["--format", "json"]))


def heavy():
    """Yield the arguments of every run that starts Keras."""
    for model in MODELS:
        path = f"sample_models/{model}"
        if model.endswith(".weights.h5"):
            continue
        if model.endswith(".keras"):
            yield ["verify", path, "--input", given(model)]
            yield ["verify", path, "--format", "json", "--self-test"]
            yield ["record", path, "--input", given(model), "-o", "{out}/golden.npz",
                   THEN, "verify", path, "--reference", "{out}/golden.npz"]
        elif "_keras2" in model:
            yield ["verify", path, "--input", given(model), "--format", "markdown"]
            yield ["convert", path, "--input", given(model), "-o", "{out}/new.keras",
                   THEN, "inspect", "{out}/new.keras"]
        else:
            yield ["verify", path, "--quick", "--input", given(model)]
    yield ["verify", "sample_models/xor.keras", "--rtol", "1e-3", "--reference", "tf_keras"]
    yield ["verify", "sample_models/xor.keras", "--tolerance", "dens=1"]


def given(model):
    """Return the path of a sample's input."""
    name = model.removesuffix(".h5").removesuffix(".keras").removesuffix("_keras2")
    found = next(path for path in (SAMPLES / f"{name}_input.npy", SAMPLES / f"{name}_input.npz") if path.exists())
    return f"sample_models/{found.name}"


def told(checkout, arguments):
    """Return all that one run leaves, as lines of text."""
    environment = {**os.environ, "COLUMNS": "80", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    with tempfile.TemporaryDirectory() as out:
        found = []
        for is_then, words in groupby((word.replace("{out}", out) for word in arguments), THEN.__eq__):
            if not is_then:
                run = subprocess.run([checkout / ".venv/bin/weightscope", *words], cwd=checkout, env=environment,
                                     capture_output=True, text=True, check=False)
                found += [f"status {run.returncode}", "stdout:", run.stdout, "stderr:", run.stderr]
        found += [f"{path.name}: {line}" for path in sorted(Path(out).iterdir()) for line in contents(path)]
        return "\n".join(found).replace(out, "OUT").splitlines()


def contents(path):
    """Yield the hash of a file, of each member of an archive; but for the date that stands in a ``.keras``."""
    def hashed(data):
        return hashlib.sha256(data).hexdigest()

    if not zipfile.is_zipfile(path):
        yield hashed(path.read_bytes())
        return
    with zipfile.ZipFile(path) as archive:
        yield from (f"{name} {hashed(archive.read(name))}" for name in archive.namelist() if name != "metadata.json")


def main():
    """Run everything, print what differs, and say how much was the same."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    runs = [*light(), *([] if asked.quick else heavy())]

    def differing(arguments):
        before, after = told(asked.other.resolve(), arguments), told(HERE, arguments)
        return list(difflib.unified_diff(before, after, "other", "this", lineterm="", n=1))

    unlike = 0
    with ThreadPoolExecutor(2) as pool:
        for arguments, lines in zip(runs, pool.map(differing, runs)):
            unlike += bool(lines)
            if lines:
                print(f"weightscope {' '.join(arguments)}", *lines, sep="\n", flush=True)
    print(f"{len(runs)} runs, {unlike} unlike")
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
