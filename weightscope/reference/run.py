"""The parent's side of one run of Keras in a child process.

The child answers in JSON lines; arrays travel through files in its folder, each used again when it has been read. It
runs one batch ahead of what is judged.
"""

import json
import os
from collections import defaultdict, deque
from pathlib import Path

import numpy as np

from weightscope.errors import NoTwin, ReferenceFailed, Unreadable
from weightscope.reference.storing import mapped_arrays, storable
from weightscope.reference.stripping import is_compiled, untrained, write
from weightscope.reference.words import few, remedy

_SUFFIXES = {"keras archive": ".keras", "keras folder": "", "keras weights h5": ".weights.h5"}


class Run:
    """One run of Keras 3 or tf_keras. A context manager: leaving it ends the child and removes its files.

    ``kind``: "keras" or "tf_keras"; ``saved``: what was read from the file; ``samples``: the Samples it is run on;
    ``reference``: the Reference it was asked as; ``process``: the Process to run it in, which has run nothing. Keras
    loads as soon as this is made.
    """

    def __init__(self, kind, saved, samples, reference, process):
        self._path, self._name, self._process = saved.path, {"keras": "Keras"}.get(kind, kind), process
        folder = process.folder
        for index, array in enumerate(samples.arrays):
            np.save(folder / f"input_{index}.npy", storable(array))
        request = {"kind": kind, "model": self._link(saved, folder, reference.ignore_code),
                   "inputs": len(samples.arrays), "batch_size": samples.batch_size,
                   "config": json.dumps(untrained(saved.config)) if saved.keeps_weights_only else None,
                   "twin": reference.twin,
                   "custom_objects": [str(Path(path).resolve()) for path in reference.custom_objects],
                   "functions": {"names": reference.functions, "folder": os.getcwd()}}
        self._kept, self._asks_twin = defaultdict(deque), reference.twin
        (folder / "request.json").write_text(json.dumps(request))
        process.tell("begin")

    @staticmethod
    def _link(saved, folder, ignore_code=False):
        """Return the path at which the child finds the model, or its weights: with the ending that Keras goes by.

        ``ignore_code``: it finds a copy without what the models in it were compiled with, if they were.
        """
        path = Path(saved.path).resolve()
        if saved.format == "SavedModel folder":
            return str(path / "variables" / "variables")
        if saved.format == "tensorflow checkpoint":
            return str(path).removesuffix(".index")
        model = folder / f"model{_SUFFIXES.get(saved.format, '.h5')}"
        if ignore_code and not saved.keeps_weights_only and is_compiled(saved):
            write(saved, model)
        else:
            model.symlink_to(path)
        return str(model)

    def ready(self):
        """Wait until the model is loaded; return the version text of the Keras that did."""
        return self._next("loaded")["version"]

    def predicted(self):
        """Wait for ``model.predict`` on all inputs, and return its flat outputs."""
        return [np.array(leaf) for _, leaves in self._calls("predicted") for leaf in leaves]

    def calls(self):
        """Yield ``(path, arrays)`` of each call of the next batch as it comes; arrays last until the next is taken."""
        yield from self._calls("batch")
        if not self._asks_twin:
            self._process.tell("next")  # to be run while this one is judged

    def twin(self):
        """Yield ``(path, arrays)`` of the calls of the same batch in float64, each fed as it was in the first run.

        Arrays last until the next are taken. Raises NoTwin in the end where that could not be done.
        """
        end = yield from self._calls("twin")
        self._process.tell("next")
        if end["reason"]:
            raise NoTwin(end["reason"])

    def _calls(self, kind):
        """Yield ``(path, arrays)`` of an answer, and return the event that ends it; what other answers say is kept."""
        while True:
            event = self._kept[kind].popleft() if self._kept[kind] else self._next("call", "end")
            if event["of"] != kind:
                self._keep(event)
            elif event["event"] == "end":
                return event
            else:
                yield event["path"], self._arrays(event)
                self._read(event)

    def _keep(self, event):
        """Keep an event, with the arrays themselves, until somebody asks for its answer."""
        if "file" in event:
            event["arrays"] = [np.array(array) for array in self._arrays(event)]
            self._read(event)
        self._kept[event["of"]].append(event)

    def _arrays(self, event):
        if "file" not in event:
            return event["arrays"]
        return mapped_arrays(self._process.folder / event["file"], event["arrays"])

    def _read(self, event):
        """Give back the file of an event, if it has one."""
        if "file" in event:
            self._process.tell("read", event.pop("file"))

    def _next(self, *expected):
        event = self._process.event()
        if event is None:
            raise ReferenceFailed(f"{self._path}: {self._name} ended without a word: {self._process.last_words()}")
        if event["event"] == "unreadable":
            raise Unreadable(event["message"])
        if event["event"] not in expected:
            words = event["words"]
            told = "; ".join(filter(None, [few(words), remedy(words)]))
            raise ReferenceFailed(f"{self._path}: {self._name} could not {event['stage']} it: {told}", words)
        return event

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.__exit__()
