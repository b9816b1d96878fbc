"""The child process of a run: ``python -m weightscope.reference.child FOLDER`` (see ``run``)."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np

from weightscope.errors import Unreadable
from weightscope.reference.keras3 import Keras3
from weightscope.reference.storing import append_array
from weightscope.reference.tf_keras import TfKeras
from weightscope.user_code import run_file

_NOISE = re.compile(r'\x1b\[[0-9;]*m|File "[^"]*", line \d+, in \S+|defined at \(most recent call last\):')
_KINDS = {"keras": Keras3, "tf_keras": TfKeras}


def main(folder):
    """Serve one Run from its folder: load, predict, then trace a batch each time a line comes in."""
    folder = Path(folder)
    voice = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever Keras prints is talk, not an answer
    stage = "import"

    def say(event, **facts):
        print(json.dumps({"event": event, **facts}), file=voice, flush=True)

    try:
        request = json.loads((folder / "request.json").read_text())
        keras = _KINDS[request["kind"]]()
        stage = "load"
        own = _own_objects(request["custom_objects"])
        if request["config"] is None:
            keras.load(request["model"], own)
        else:
            keras.build(request["config"], request["model"], own)
        inputs = [np.load(folder / f"input_{i}.npy", mmap_mode="r") for i in range(request["inputs"])]
        say("loaded", version=keras.version)
        stage = "run"
        _serve(keras, inputs, request, folder, say)
    except Unreadable as error:
        say("unreadable", message=str(error))
    except Exception as error:  # whatever Keras raises, the parent must hear of it
        say("failed", stage=stage, message=_one_line(error))


def _own_objects(paths):
    """Run the user's files, and return the classes and functions that they define by name, as Keras looks for them."""
    modules = [run_file(path) for path in paths]
    return {name: thing for module in modules for name, thing in vars(module).items()
            if getattr(thing, "__module__", None) == module.__name__ and callable(thing)}


def _one_line(error, most=400):
    """Return what an error says, without colours, and without the lines of code that TensorFlow made a node at."""
    text = " ".join(_NOISE.sub("", str(error)).split()) or type(error).__name__
    return text if len(text) <= most else text[:most - 3] + "..."


def _serve(keras, inputs, request, folder, say):
    """Say what predict gives, and what the calls give on a batch, in the twin too; the next when a line comes in."""
    batch_size, twin = request["batch_size"], None
    once = len(inputs[0]) <= batch_size

    def predict():
        keras.reset()
        with _Answer(folder / "predicted") as answer:
            answer.note("", keras.predict(inputs, batch_size))
        keras.reset()
        say("predicted", **answer.facts)

    if not once:
        predict()
    probe = _Probe(keras, once)
    for start in range(0, len(inputs[0]), batch_size):
        batch, given = [x[start:start + batch_size] for x in inputs], {}
        say("batch", **probe.run(batch, folder / f"batch_{start}", kept=given if request["twin"] else None))
        if once:  # while the parent replays, as the twin
            predict()
        if request["twin"]:
            twin = twin or _Twin(keras, once)
            say("twin", **twin.run(batch, given, folder / f"twin_{start}"))
        if not sys.stdin.readline():
            return


class _Probe:
    """A model whose calls are noted, in the first of ``keras.probes`` that works."""

    def __init__(self, keras, once):
        self._keras, self._ways = keras, keras.probes(once)

    def run(self, batch, path, given=None, kept=None):
        """Run one batch, and return the facts of an answer; ``given``: as for ``probes``, ``kept``: for ``_Answer``."""
        errors = []
        for way in self._ways:
            try:
                with _Answer(path, self._keras.array, kept) as answer:
                    way(batch, answer.note, given)
            except Exception as error:  # whatever Keras raises
                errors.append(error)
            else:
                self._ways = [way]
                return answer.facts
        raise errors[0]


class _Twin:
    """The model in float64; the first thing that goes wrong with it is the reason why there is none."""

    def __init__(self, keras, once):
        self._reason = ""
        try:
            twin = keras.twin(last=once)
            twin.reset()
            self._probe = _Probe(twin, once)
        except Exception as error:  # whatever Keras raises
            self._reason = _one_line(error, 200)

    def run(self, batch, given, path):
        """Return the facts of an answer: where the arrays are, or the reason why there are none.

        ``given``: what the calls gave in the model's own dtype, which each call of the twin is fed with.
        """
        try:
            if not self._reason:
                return self._probe.run(batch, path, given)
        except Exception as error:
            self._reason = _one_line(error, 200)
        return {"reason": self._reason}


class _Answer:
    """The outputs of calls, written to a file as they are made; ``facts`` says what is where.

    ``array``: makes an array of a tensor; ``kept``: a mapping that takes the tensors themselves.
    """

    def __init__(self, path, array=np.asarray, kept=None):
        self._file, self._array, self._kept = open(path, "wb"), array, kept
        self.facts = {"file": path.name, "calls": [], "arrays": []}

    def note(self, path, leaves):
        """Write the outputs of a call."""
        self.facts["calls"].append([path, len(leaves)])
        self.facts["arrays"] += [append_array(self._file, self._array(leaf)) for leaf in leaves]
        if self._kept is not None:
            self._kept[path] = leaves

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


if __name__ == "__main__":
    main(sys.argv[1])
