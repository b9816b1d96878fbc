"""The parent's side of one run of Keras in a child process.

The sides talk in JSON lines; arrays travel through files in a temporary folder. The child runs one batch ahead of what
is judged, no more, and ends when its standard input closes, so it outlives nobody.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from weightscope.errors import ReferenceFailed, Unreadable
from weightscope.reference.storing import mapped_arrays, storable
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
        self.no_twin, self._answers, self._asks_twin = "", [], reference.twin
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
        """Wait until the model is loaded and has run; return the version text of the Keras that did."""
        version = self._next("loaded")["version"]
        self._answers.append(self._next("batch", "predicted"))
        return version

    def predicted(self):
        """Wait for ``model.predict`` on all inputs, and return its flat outputs."""
        return next(iter(self._arrays(self._answer("predicted"))))[1]

    def batch(self):
        """Return the Trace of the next batch: every call's outputs."""
        event = self._answer("batch")
        if not self._asks_twin:
            self._go_on()
        return self._trace(event)

    def twin(self):
        """Return the Trace of the same batch in float64, each call fed with what it was fed with in the first run.

        None, with ``no_twin``, where that cannot be done.
        """
        event = self._answer("twin")
        self._go_on()
        self.no_twin = event.get("reason", "")
        return None if self.no_twin else self._trace(event)

    def _go_on(self):
        """Let the next batch be run, while this one is judged."""
        with suppress(OSError):  # of a child that ended: there is none, or its last words are still to be read
            self._child.stdin.write("next\n")
            self._child.stdin.flush()

    def _trace(self, event):
        return Trace({path: outputs[0] if len(outputs) == 1 else outputs for path, outputs in self._arrays(event)})

    def _arrays(self, event):
        """Return ``(path, flat outputs)`` of every call in an answer, whose file goes when they do."""
        file = self._at(event["file"])
        arrays = iter(mapped_arrays(file, event["arrays"]))
        with suppress(OSError):  # where a file in use cannot be removed
            file.unlink()
        return [(path, [next(arrays) for _ in range(count)]) for path, count in event["calls"]]

    def _answer(self, kind):
        """Return the next answer of a kind; those that come before it wait."""
        while True:
            found = next((event for event in self._answers if event["event"] == kind), None)
            if found is not None:
                self._answers.remove(found)
                return found
            self._answers.append(self._next("batch", "predicted", "twin"))

    def _at(self, name):
        return Path(self._folder.name) / name

    def _next(self, *expected):
        try:
            event = json.loads(self._child.stdout.readline())
        except json.JSONDecodeError:
            last = self._last_words()
            raise ReferenceFailed(f"{self._path}: {self._name} ended without a word: {last}") from None
        if event["event"] == "unreadable":
            raise Unreadable(event["message"])
        if event["event"] not in expected:
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
