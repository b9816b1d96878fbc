"""The child process of a run: ``python -m weightscope.reference.child FOLDER`` (see ``run``)."""

import gc
import json
import os
import select
import shutil
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

from weightscope.errors import Unreadable
from weightscope.model.user_code import run_file
from weightscope.reference.keras3 import Keras3
from weightscope.reference.memory import keep_what_is_freed
from weightscope.reference.storing import append_array
from weightscope.reference.tf_keras import TfKeras
from weightscope.reference.words import few, plain

MOST_FILES = 4  # with arrays that the parent has not read
FEW = 4  # batches, for which compiling what makes them is not worth while
MOST_UNTOLD = 4  # calls whose outputs are not yet written to one
PARENT_ENDS = 50  # hundredths of a second that it may take
_KINDS = {"keras": Keras3, "tf_keras": TfKeras}


def main(folder, parent=None):
    """Serve one Run from its folder, when a line comes in: load, predict, then trace a batch for each further line.

    ``parent``: the process that began this one, by number.
    """
    folder, words = Path(folder), open(0, "rb", buffering=0, closefd=False)
    Thread(target=_end_with_parent, args=(folder, int(parent or os.getppid())), daemon=True).start()
    keep_what_is_freed()
    gc.disable()  # what an import and a model make is there to stay: looking through it again and again costs a fifth
    voice = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever Keras prints is talk, not an answer
    stage = "import"

    def say(event, **facts):
        print(json.dumps({"event": event, **facts}), file=voice, flush=True)

    _import_ahead()
    if not words.readline():  # the parent is gone, or needs nothing
        return
    try:
        request = json.loads((folder / "request.json").read_text())
        keras = _KINDS[request["kind"]]()
        stage = "load"
        own = _own_objects(request["custom_objects"], request["functions"])
        if request["config"] is None:
            keras.load(request["model"], own)
        else:
            keras.build(request["config"], request["model"], own)
        files = _Files(folder, words)
        inputs = [np.load(folder / f"input_{i}.npy", mmap_mode="r") for i in range(request["inputs"])]
        gc.freeze()
        gc.enable()
        say("loaded", version=keras.version)
        stage = "run"
        _serve(keras, inputs, request, partial(_Answer, say, files, ThreadPoolExecutor(1)), files)
    except Unreadable as error:
        say("unreadable", message=str(error))
    except Exception as error:  # whatever Keras raises, the parent must hear of it
        say("failed", stage=stage, words=plain(error))
    os._exit(0)  # while the parent still judges, and without taking down what ends anyway


def _end_with_parent(folder, parent):
    """Wait until nobody can tell us anything any more, and end; with the folder, where the parent cannot remove it."""
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(0, 0)  # whatever is asked for, a hang-up is told
    poll.poll()
    for _ in range(PARENT_ENDS):  # its files are closed a moment before it is gone
        if os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)
            break
        time.sleep(0.01)
    os._exit(0)


def _import_ahead():
    """Import what either Keras begins with, while the parent reads the model."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        with suppress(Exception):  # what cannot be imported is missed once more, and told, when it is asked for
            import tensorflow  # noqa: F401


def _own_objects(paths, functions):
    """Run the user's files, and return the classes and functions that they define by name, as Keras looks for them.

    ``functions``: ``names``, with their module, of those that the user trusts, and the ``folder`` that they may be in.
    """
    modules = [run_file(path) for path in paths]
    sys.path += [functions["folder"]] * bool(functions["names"])
    found = {name: thing for module in modules for name, thing in vars(module).items()
             if getattr(thing, "__module__", None) == module.__name__ and callable(thing)}
    for module, name in (whole.rpartition(".")[::2] for whole in functions["names"] if "." in whole):
        found.setdefault(name, getattr(import_module(module), name))
    return found


def _serve(keras, inputs, request, answer, files):
    """Say what predict gives, and what the calls give on a batch, in the twin too; the next when the parent goes on."""
    batch_size, twin = request["batch_size"], None
    once = len(inputs[0]) <= batch_size
    few = len(inputs[0]) <= FEW * batch_size

    def predict():
        keras.reset()
        with answer("predicted") as predicted, predicted.telling():
            predicted.note("", keras.predict(inputs, batch_size))
        keras.reset()

    if not once:
        predict()
    probe = _Probe(keras, few)
    for start in range(0, len(inputs[0]), batch_size):
        batch, given = [x[start:start + batch_size] for x in inputs], {}
        with answer("batch", keras.array, given if request["twin"] else None) as said:
            probe.run(batch, said)
        if request["twin"]:
            twin = twin or _Twin(keras, few)
        if once:  # while the parent replays, as the twin
            predict()
        if twin:
            with answer("twin", keras.array) as said:
                twin.run(batch, given, said)
        is_last = start + batch_size >= len(inputs[0])
        if is_last or not files.goes_on():
            return


class _Probe:
    """A model whose calls are noted, in the first of ``keras.probes`` that works."""

    def __init__(self, keras, few):
        self._ways = keras.probes(few)

    def run(self, batch, answer, given=None):
        """Run one batch, and note the calls in an ``_Answer``: those of a way that fails once more in the next."""
        errors = []
        for way in self._ways:
            try:
                with answer.telling():
                    way(batch, answer.note, given)
            except Exception as error:  # whatever Keras raises
                errors.append(error)
            else:
                self._ways = [way]
                return
        raise errors[0]


class _Twin:
    """The model in float64; the first thing that goes wrong with it is the reason why there is none."""

    def __init__(self, keras, few):
        self._few, self._probe, self._reason = few, None, ""
        try:
            self._made = keras.twin()
        except Exception as error:  # whatever Keras raises
            self._reason = few(plain(error))

    def run(self, batch, given, answer):
        """Note the calls of one batch in an ``_Answer``, and the reason why there are none, or no more.

        ``given``: what the calls gave in the model's own dtype, which each call of the twin is fed with.
        """
        try:
            if not self._reason:
                self._begun().run(batch, answer, given)
        except Exception as error:
            self._reason = few(plain(error))
        answer.facts = {"reason": self._reason}

    def _begun(self):
        if self._probe is None:
            twin = self._made()
            twin.reset()
            self._probe = _Probe(twin, self._few)
        return self._probe


class _Answer:
    """The outputs of calls, told to the parent while the next are made.

    ``teller``: an executor of one thread; ``kind``: batch, predicted or twin; ``array``: makes an array of a tensor;
    ``kept``: a mapping that takes the tensors themselves; ``facts``: what else is told in the end.
    """

    def __init__(self, say, files, teller, kind, array=np.asarray, kept=None):
        self._say, self._files, self._kind, self._array, self._kept = say, files, kind, array, kept
        self._teller, self._untold = teller, deque()
        self.facts = {}

    @contextmanager
    def telling(self):
        """While entered, outputs are noted; in the end all of them are told, or what went wrong with one is raised."""
        try:
            yield
            while self._untold:
                self._untold.popleft().result()
        finally:
            wait(self._untold)
            self._untold.clear()

    def note(self, path, leaves):
        """Have the outputs of a call told, a few calls later at most."""
        if len(self._untold) == MOST_UNTOLD:
            self._untold.popleft().result()
        self._untold.append(self._teller.submit(self._tell, path, leaves))
        if self._kept is not None:
            self._kept[path] = leaves

    def _tell(self, path, leaves):
        arrays = [np.asarray(self._array(leaf)) for leaf in leaves]  # this may fail, and then no file is taken
        file = self._files.take()
        facts = [append_array(file, array) for array in arrays]
        file.flush()
        self._say("call", of=self._kind, path=path, file=Path(file.name).name, arrays=facts)

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
            self._say("end", of=self._kind, **self.facts)


class _Files:
    """Files that take arrays to the parent, each of them used again when the parent has read it.

    A file that is there already is written at the speed of memory, a new one many times slower.
    """

    def __init__(self, folder, words):
        self._folder, self._files, self._read, self._told = folder, {}, SimpleQueue(), SimpleQueue()
        Thread(target=self._listen, args=(words,), daemon=True).start()

    def _listen(self, lines):
        for line in lines:
            word, *names = line.decode().split()
            (self._read if names else self._told).put(names[0] if names else word)
        self._read.put(None)
        self._told.put("")

    def take(self):
        """Return a file to write to from its beginning; the process ends where the parent is gone."""
        try:
            name = self._read.get(len(self._files) == MOST_FILES)
        except Empty:
            name = f"arrays_{len(self._files)}"
            self._files[name] = open(self._folder / name, "w+b")
        if name is None:
            self._read.put(None)  # for those that wait
            raise SystemExit
        self._files[name].seek(0)
        return self._files[name]

    def goes_on(self):
        """Wait until the parent wants the next batch, or, false, is gone."""
        return bool(self._told.get())


if __name__ == "__main__":
    main(*sys.argv[1:])
