"""The parent's side of one run of Keras in a child process.

The sides talk in JSON lines; arrays travel through files in a temporary folder, each used again when it has been read.
The child runs one batch ahead of what is judged, and ends when its standard input closes, so it outlives nobody.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path

import numpy as np

from weightscope.errors import NoTwin, ReferenceFailed, Unreadable
from weightscope.layers.structure import as_outputs, flatten
from weightscope.reference.storing import mapped_arrays, storable
from weightscope.replaying import Trace

# For glibc: what a tensor held is used again, and not handed back and asked for anew, page by page.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}
_SUFFIXES = {"keras archive": ".keras", "keras weights h5": ".weights.h5"}


def _copies(_path, arrays):
    return [np.array(array) for array in arrays]


class Run:
    """One run of Keras 3 or tf_keras. A context manager: leaving it ends the child and removes its files.

    ``kind``: "keras" or "tf_keras"; ``saved``: what was read from the file; ``inputs``: a flat list of arrays in the
    model's order; ``reference``: the Reference it was asked as. Keras imports and loads as soon as this is made.
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
        self._kept, self._asks_twin = defaultdict(deque), reference.twin
        (folder / "request.json").write_text(json.dumps(request))
        self._log = open(folder / "log.txt", "wb")
        root = str(Path(__file__).resolve().parent.parent.parent)
        environment = {**_MEMORY, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **os.environ,
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

    def ready(self, keep=_copies):
        """Wait until the model is loaded and has run; return the version text of the Keras that did.

        ``keep``: as in ``batch``.
        """
        version = self._next("loaded")["version"]
        while self._keep(self._next("call", "end"), keep)["event"] == "call":
            pass
        return version

    def predicted(self):
        """Wait for ``model.predict`` on all inputs, and return its flat outputs."""
        return flatten(dict(self._calls("predicted"))[""])

    def batch(self, keep=_copies):
        """Return the Trace of the next batch: every call's outputs.

        ``keep``: a function of a path and a list of arrays that last no longer than it runs, to those that are kept.
        """
        found = Trace(self._calls("batch", keep))
        if not self._asks_twin:
            self._tell("next")  # to be run while this one is judged
        return found

    def twin(self):
        """Yield ``(path, outputs)`` of the calls of the same batch in float64, each fed as it was in the first run.

        Outputs are to be looked at before the next are taken. Raises NoTwin in the end where that could not be done.
        """
        end = yield from self._calls("twin", keep=None)
        self._tell("next")
        if end["reason"]:
            raise NoTwin(end["reason"])

    def _tell(self, *words):
        with suppress(OSError):  # of a child that ended: there is no next, or its last words are still to be read
            print(*words, file=self._child.stdin, flush=True)

    def _calls(self, kind, keep=_copies):
        """Yield ``(path, outputs)`` of an answer, and return the event that ends it.

        ``keep``: as in ``batch``, None where outputs are looked at before the next are taken. What other answers say
        is kept too.
        """
        while True:
            event = self._kept[kind].popleft() if self._kept[kind] else self._next("call", "end")
            if event["of"] != kind or (keep and "file" in event):
                self._keep(event, keep or _copies)
            elif event["event"] == "end":
                return event
            else:
                yield event["path"], as_outputs(self._arrays(event))
                self._read(event)

    def _keep(self, event, keep):
        """Keep an event, with the arrays themselves, until somebody asks for its answer; return it."""
        if "file" in event:
            keep = keep if event["of"] == "batch" else _copies
            event["arrays"] = keep(event["path"], self._arrays(event))
            self._read(event)
        self._kept[event["of"]].append(event)
        return event

    def _arrays(self, event):
        return mapped_arrays(self._at(event["file"]), event["arrays"]) if "file" in event else event["arrays"]

    def _read(self, event):
        """Give back the file of an event, if it has one."""
        if "file" in event:
            self._tell("read", event.pop("file"))

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
