"""Keras' own word: a child process that loads a model, predicts, and says what every layer gave.

This is the only file that imports Keras, and only in the child (``python -m weightscope.reference``). The sides talk
in JSON lines; arrays travel through files in a temporary folder. The child starts a batch only when asked for it, and
ends when its standard input closes, so it outlives nobody.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from weightscope.errors import ReferenceFailed, Unreadable
from weightscope.kernels.short_floats import BFLOAT16
from weightscope.replaying import Trace
from weightscope.user_code import run_file

INSTALL = "pip install 'keras-weightscope[tensorflow]'"
_SUFFIXES = {"keras archive": ".keras"}


def start(saved, inputs, batch_size=32, custom_objects=()):
    """Start Keras on a file and inputs, and return the Run at once; Keras imports and loads meanwhile.

    ``saved``: what was read from the file; ``inputs``: a flat list of arrays in the model's order;
    ``custom_objects``: paths of the user's own Python files, run by the child before it loads the model. Raises
    ReferenceFailed where Keras is not installed.
    """
    if find_spec("keras") is None or (find_spec("tensorflow") is None and not os.environ.get("KERAS_BACKEND")):
        raise ReferenceFailed(f"verify needs Keras with TensorFlow: {INSTALL}; inspect and predict do without")
    return Run(saved, inputs, batch_size, custom_objects)


class Run:
    """One run of Keras. A context manager: leaving it ends the child and removes its files."""

    def __init__(self, saved, inputs, batch_size, custom_objects=()):
        self._path = saved.path
        self._folder = tempfile.TemporaryDirectory(prefix="weightscope-")
        folder = Path(self._folder.name)
        model = folder / f"model{_SUFFIXES.get(saved.format, '.h5')}"
        model.symlink_to(Path(saved.path).resolve())
        for index, array in enumerate(inputs):
            np.save(folder / f"input_{index}.npy", _storable(array))
        request = {"model": model.name, "inputs": len(inputs), "batch_size": batch_size,
                   "custom_objects": [str(Path(path).resolve()) for path in custom_objects]}
        (folder / "request.json").write_text(json.dumps(request))
        self._log = open(folder / "log.txt", "wb")
        root = str(Path(__file__).resolve().parent.parent)
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **os.environ,
                       "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "weightscope.reference", str(folder)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8", env=environment)
        self._batches = 0

    def version(self):
        """Wait until the model is loaded, and return which Keras runs it, on which backend."""
        return self._next("loaded")["version"]

    def predicted(self):
        """Wait for ``model.predict`` on all inputs, and return its flat list of outputs."""
        return self._arrays("predicted.bin", self._next("predicted")["dtypes"])

    def batch(self):
        """Run the next batch, and return the Trace of it: every call's outputs."""
        self._child.stdin.write("next\n")
        self._child.stdin.flush()
        event = self._next("batch")
        arrays = iter(self._arrays("batch.bin", event["dtypes"]))
        trace = Trace()
        for path, count in event["nodes"]:
            outputs = [next(arrays) for _ in range(count)]
            trace[path] = outputs[0] if count == 1 else outputs
        return trace

    def _next(self, expected):
        try:
            event = json.loads(self._child.stdout.readline())
        except json.JSONDecodeError:
            raise ReferenceFailed(f"{self._path}: Keras ended without a word: {self._last_words()}") from None
        if event["event"] == "unreadable":
            raise Unreadable(event["message"])
        if event["event"] != expected:
            raise ReferenceFailed(f"{self._path}: Keras could not {event['stage']} it: {event['message']}")
        return event

    def _last_words(self):
        self._child.wait()
        self._log.flush()
        lines = (Path(self._folder.name) / "log.txt").read_text(errors="replace").strip().splitlines()
        return f"{lines[-1][:300] if lines else 'nothing was printed'} (status {self._child.returncode})"

    def _arrays(self, name, dtypes):
        with open(Path(self._folder.name) / name, "rb") as file:
            arrays = [np.load(file, allow_pickle=False) for _ in dtypes]
        return [array.view(BFLOAT16) if dtype == "bfloat16" else array for array, dtype in zip(arrays, dtypes)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        self._child.stdin.close()
        self._child.stdout.close()
        self._log.close()
        self._folder.cleanup()


# The child.

def main(folder):
    """Serve one Run from its folder: load, predict, then trace a batch each time a line comes in."""
    folder = Path(folder)
    voice = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever Keras prints is talk, not an answer
    stage = "import"

    def say(event, **facts):
        print(json.dumps({"event": event, **facts}), file=voice, flush=True)

    try:
        import keras
        stage = "load"
        request = json.loads((folder / "request.json").read_text())
        own = _own_objects(request["custom_objects"])
        model = keras.saving.load_model(folder / request["model"], own, compile=False, safe_mode=True)
        inputs = [np.load(folder / f"input_{i}.npy", mmap_mode="r") for i in range(request["inputs"])]
        say("loaded", version=f"Keras {keras.__version__} on {keras.backend.backend()}")
        stage = "run"
        _serve(keras, model, inputs, request["batch_size"], folder, say)
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


def _serve(keras, model, inputs, batch_size, folder, say):
    _reset_states(model)
    predicted = model.predict(_packed(keras, model, inputs), batch_size=batch_size, verbose=0)
    leaves = keras.tree.flatten(predicted)
    say("predicted", dtypes=_write(folder / "predicted.bin", leaves))
    _reset_states(model)
    probe = _probe(keras, model)
    starts = iter(range(0, len(inputs[0]), batch_size))
    for _ in sys.stdin:
        start = next(starts)
        nodes = probe(_packed(keras, model, [x[start:start + batch_size] for x in inputs]))
        dtypes = _write(folder / "batch.bin", [leaf for leaves in nodes.values() for leaf in leaves])
        say("batch", nodes=[[path, len(leaves)] for path, leaves in nodes.items()], dtypes=dtypes)


def _packed(keras, model, inputs):
    """Return the flat inputs in the structure that the model was built on."""
    inputs = [_tensor(np.asarray(x)) for x in inputs]
    return inputs[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.input, inputs)


def _tensor(array):
    if array.dtype.kind not in "US":
        return array
    import tensorflow  # Keras takes text as TensorFlow's tensors only

    return tensorflow.constant(array)


def _reset_states(model):
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


def _write(path, arrays):
    """Write arrays one after the other, and return the names of their dtypes."""
    arrays = [np.asarray(array) for array in arrays]
    with open(path, "wb") as file:
        for array in arrays:
            np.save(file, _storable(array))
    return [array.dtype.name for array in arrays]


def _storable(array):
    """Return an array that needs no pickle: text as ``U``; bfloat16 as float32, which holds each of its values."""
    if array.dtype.kind == "O":
        array = array.astype("S") if all(isinstance(x, bytes) for x in array.flat) else array.astype("U")
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def _probe(keras, model):
    """Return a function from a batch to ``{path: flat outputs}`` of every call, run as ``predict`` runs the model."""
    recorder = _Recorder(keras)

    def run(batch):
        with recorder:
            model(batch, training=False)
        return recorder.nodes

    if keras.backend.backend() == "tensorflow":
        import tensorflow

        run = tensorflow.function(run)
    return lambda batch: keras.tree.map_structure(keras.ops.convert_to_numpy, run(batch))


class _Recorder:
    """While entered, notes the outputs of every call in a model's graph, and in the graphs of models nested in it.

    Keras runs every graph through ``Function._run_through_graph``; what goes on inside a wrapper (TimeDistributed,
    Bidirectional) belongs to the wrapper's own loop and is not noted.
    """

    def __init__(self, keras):
        from keras.src.ops.function import Function

        self._keras, self._function, self._run = keras, Function, Function._run_through_graph
        self.nodes, self._prefixes = {}, [""]

    def __enter__(self):
        self.nodes, self._prefixes = {}, [""]
        self._function._run_through_graph = lambda graph, *args, **kwargs: self._watch(graph, *args, **kwargs)

    def __exit__(self, *_):
        self._function._run_through_graph = self._run

    def _watch(self, graph, inputs, operation_fn=lambda operation: operation, **kwargs):
        prefix, calls = self._prefixes[-1], iter(_calls(graph))
        if prefix is None:
            return self._run(graph, inputs, operation_fn, **kwargs)

        def watched(operation):
            path = prefix + next(path for called, path in calls if called is operation)
            return self._noting(path, operation, operation_fn(operation))

        return self._run(graph, inputs, watched, **kwargs)

    def _noting(self, path, operation, call):
        is_graph = isinstance(operation, (self._keras.Sequential, self._keras.src.models.functional.Functional))

        def noted(*args, **kwargs):
            self._prefixes.append(path + "/" if is_graph else None)
            try:
                outputs = call(*args, **kwargs)
            finally:
                self._prefixes.pop()
            self.nodes[path] = [leaf for leaf in self._keras.tree.flatten(outputs) if leaf is not None]
            return outputs

        return noted


def _calls(graph):
    """Return ``(operation, path)`` of each call of a Keras graph, in the order in which Keras makes them."""
    nodes = [node for depth in sorted(graph._nodes_by_depth, reverse=True) for node in graph._nodes_by_depth[depth]]
    ours = {id(node) for node in nodes}
    found = []
    for node in nodes:
        if node.operation and not node.is_input:
            same = [other for other in node.operation._inbound_nodes if id(other) in ours]
            index = next(i for i, other in enumerate(same) if other is node)
            found.append((node.operation, node.operation.name + (f"#{index + 1}" if index else "")))
    return found


if __name__ == "__main__":
    main(sys.argv[1])
