"""The child process of a run: ``python -m weightscope.reference.child FOLDER`` (see ``run``)."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from weightscope.errors import Unreadable
from weightscope.reference.keras3 import Keras3
from weightscope.reference.storing import write_arrays
from weightscope.reference.tf_keras import TfKeras
from weightscope.user_code import run_file

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


def _one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 400 else text[:397] + "..."


def _serve(keras, inputs, request, folder, say):
    batch_size, twin = request["batch_size"], None
    keras.reset()
    say("predicted", dtypes=write_arrays(folder / "predicted.bin", keras.predict(inputs, batch_size)))
    keras.reset()
    probe = keras.probe()
    starts = iter(range(0, len(inputs[0]), batch_size))
    for _ in sys.stdin:
        start = next(starts)
        batch = [x[start:start + batch_size] for x in inputs]
        say("batch", **_written(folder / "batch.bin", probe(batch)))
        if request["twin"]:  # while the parent replays
            twin = twin or _Twin(keras, once=len(inputs[0]) <= batch_size)
            say("twin", **twin.run(batch, folder / "twin.bin"))


class _Twin:
    """The model in float64; the first thing that goes wrong with it is the reason why there is none."""

    def __init__(self, keras, once):
        self._reason, self._probe = "", None
        try:
            twin = keras.twin()
            twin.reset()
            self._probe = twin.probe(once)
        except Exception as error:  # whatever Keras raises
            self._reason = _one_line(error)

    def run(self, batch, path):
        """Return the facts of an answer: where the arrays are, or the reason why there are none."""
        try:
            return {"reason": self._reason} if self._reason else _written(path, self._probe(batch))
        except Exception as error:
            self._reason = _one_line(error)
            return {"reason": self._reason}


def _written(path, nodes):
    dtypes = write_arrays(path, [leaf for leaves in nodes.values() for leaf in leaves])
    return {"nodes": [[path, len(leaves)] for path, leaves in nodes.items()], "dtypes": dtypes}


if __name__ == "__main__":
    main(sys.argv[1])
