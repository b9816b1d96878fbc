"""The parent's side of one run of Keras in a child process.

The child answers in JSON lines; arrays travel through files in its folder, each used again when it has been read. It
runs one batch ahead of what is judged.
"""

import json
from collections import defaultdict, deque
from pathlib import Path

import numpy as np

from weightscope.errors import NoTwin, ReferenceFailed, Unreadable
from weightscope.model.structure import as_outputs, flatten
from weightscope.reference.storing import mapped_arrays, storable
from weightscope.replaying.trace import Trace

_SUFFIXES = {"keras archive": ".keras", "keras weights h5": ".weights.h5"}


class Run:
    """One run of Keras 3 or tf_keras. A context manager: leaving it ends the child and removes its files.

    ``kind``: "keras" or "tf_keras"; ``saved``: what was read from the file; ``inputs``: a flat list of arrays in the
    model's order; ``reference``: the Reference it was asked as; ``process``: the Process to run it in, which has run
    nothing. Keras loads as soon as this is made.
    """

    def __init__(self, kind, saved, inputs, batch_size, reference, process):
        self._path, self._name, self._process = saved.path, {"keras": "Keras"}.get(kind, kind), process
        folder = process.folder
        for index, array in enumerate(inputs):
            np.save(folder / f"input_{index}.npy", storable(array))
        request = {"kind": kind, "model": self._link(saved, folder), "inputs": len(inputs), "batch_size": batch_size,
                   "config": json.dumps(saved.config) if saved.keeps_weights_only else None,
                   "twin": reference.twin,
                   "custom_objects": [str(Path(path).resolve()) for path in reference.custom_objects]}
        self._kept, self._asks_twin = defaultdict(deque), reference.twin
        (folder / "request.json").write_text(json.dumps(request))
        process.tell("begin")

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

    def ready(self, look=None):
        """Wait until the model is loaded and has run; return the version text of the Keras that did.

        ``look``: as in ``batch``.
        """
        version = self._next("loaded")["version"]
        while self._keep(self._next("call", "end"), look)["event"] == "call":
            pass
        return version

    def predicted(self):
        """Wait for ``model.predict`` on all inputs, and return its flat outputs."""
        return flatten(dict(self._calls("predicted"))[""])

    def batch(self, look=None):
        """Return the Trace of the next batch: every call's outputs.

        ``look``: called with the path of each call and a list of its arrays as they come, before they are kept.
        """
        found = Trace(self._calls("batch", look))
        if not self._asks_twin:
            self._process.tell("next")  # to be run while this one is judged
        return found

    def twin(self):
        """Yield ``(path, outputs)`` of the calls of the same batch in float64, each fed as it was in the first run.

        Outputs are to be looked at before the next are taken. Raises NoTwin in the end where that could not be done.
        """
        end = yield from self._calls("twin", lasting=False)
        self._process.tell("next")
        if end["reason"]:
            raise NoTwin(end["reason"])

    def _calls(self, kind, look=None, lasting=True):
        """Yield ``(path, outputs)`` of an answer, and return the event that ends it.

        ``look``: as in ``batch``; ``lasting``: whether outputs are still looked at when the next are taken. What other
        answers say is kept.
        """
        while True:
            event = self._kept[kind].popleft() if self._kept[kind] else self._next("call", "end")
            if event["of"] != kind or (lasting and "file" in event):
                self._keep(event, look)
            elif event["event"] == "end":
                return event
            else:
                yield event["path"], as_outputs(self._arrays(event))
                self._read(event)

    def _keep(self, event, look):
        """Keep an event, with the arrays themselves, until somebody asks for its answer; return it."""
        if "file" in event:
            arrays = self._arrays(event)
            if look and event["of"] == "batch":
                look(event["path"], arrays)
            event["arrays"] = [np.array(array) for array in arrays]
            self._read(event)
        self._kept[event["of"]].append(event)
        return event

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
            raise ReferenceFailed(f"{self._path}: {self._name} could not {event['stage']} it: {event['message']}")
        return event

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.__exit__()
