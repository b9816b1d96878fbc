"""The parent's side of one run of Keras in a child process.

The sides talk in JSON lines; arrays travel through files in a temporary folder. The child starts a batch only when
asked for it, and ends when its standard input closes, so it outlives nobody.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from weightscope.errors import ReferenceFailed, Unreadable
from weightscope.reference.storing import read_arrays, storable
from weightscope.replaying import Trace

_SUFFIXES = {"keras archive": ".keras", "keras weights h5": ".weights.h5"}


class Run:
    """One run of Keras 3 or tf_keras. A context manager: leaving it ends the child and removes its files.

    ``kind``: "keras" or "tf_keras"; ``saved``: what was read from the file; ``inputs``: a flat list of arrays in the
    model's order; ``reference``: the Reference it was asked as. Keras imports and loads as soon as this is made.
    ``no_twin``: why there is no twin in float64, "" where there is one.
    """

    def __init__(self, kind, saved, inputs, batch_size, reference):
        self._path, self._name = saved.path, {"keras": "Keras"}.get(kind, kind)
        self._folder = tempfile.TemporaryDirectory(prefix="weightscope-")
        folder = Path(self._folder.name)
        for index, array in enumerate(inputs):
            np.save(folder / f"input_{index}.npy", storable(array))
        request = {"kind": kind, "model": self._link(saved, folder), "inputs": len(inputs), "batch_size": batch_size,
                   "config": json.dumps(saved.config) if saved.keeps_weights_only else None,
                   "twin": reference.twin,
                   "custom_objects": [str(Path(path).resolve()) for path in reference.custom_objects]}
        self.no_twin = ""
        (folder / "request.json").write_text(json.dumps(request))
        self._log = open(folder / "log.txt", "wb")
        root = str(Path(__file__).resolve().parent.parent.parent)
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **os.environ,
                       "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "weightscope.reference.child", str(folder)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8", env=environment)

    @staticmethod
    def _link(saved, folder):
        """Return the path at which the child finds the model, or its weights: with the ending that Keras goes by."""
        path = Path(saved.path).resolve()
        if saved.format == "SavedModel folder":
            return str(path / "variables" / "variables")
        if saved.format == "tensorflow checkpoint":
            return str(path).removesuffix(".index")
        model = folder / f"model{_SUFFIXES.get(saved.format, '.h5')}"
        model.symlink_to(path)
        return str(model)

    def ready(self):
        """Wait for the model to be loaded and for ``model.predict`` on all inputs; return (version, flat outputs)."""
        version = self._next("loaded")["version"]
        return version, read_arrays(self._at("predicted.bin"), self._next("predicted")["dtypes"])

    def batch(self):
        """Run the next batch, and return the Trace of it: every call's outputs."""
        self._child.stdin.write("next\n")
        self._child.stdin.flush()
        return self._trace(self._next("batch"), "batch.bin")

    def twin(self):
        """Return the Trace of the same batch, run in float64; None, with ``no_twin``, where that cannot be done."""
        event = self._next("twin")
        self.no_twin = event.get("reason", "")
        return None if self.no_twin else self._trace(event, "twin.bin")

    def _trace(self, event, name):
        arrays = iter(read_arrays(self._at(name), event["dtypes"]))
        trace = Trace()
        for path, count in event["nodes"]:
            outputs = [next(arrays) for _ in range(count)]
            trace[path] = outputs[0] if count == 1 else outputs
        return trace

    def _at(self, name):
        return Path(self._folder.name) / name

    def _next(self, expected):
        try:
            event = json.loads(self._child.stdout.readline())
        except json.JSONDecodeError:
            last = self._last_words()
            raise ReferenceFailed(f"{self._path}: {self._name} ended without a word: {last}") from None
        if event["event"] == "unreadable":
            raise Unreadable(event["message"])
        if event["event"] != expected:
            raise ReferenceFailed(f"{self._path}: {self._name} could not {event['stage']} it: {event['message']}")
        return event

    def _last_words(self):
        self._child.wait()
        self._log.flush()
        lines = self._at("log.txt").read_text(errors="replace").strip().splitlines()
        return f"{lines[-1][:300] if lines else 'nothing was printed'} (status {self._child.returncode})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        self._child.stdin.close()
        self._child.stdout.close()
        self._log.close()
        self._folder.cleanup()
