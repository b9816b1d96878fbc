"""Which Keras judges a model: the one that is asked for, or the first that can, of those that are installed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from weightscope.errors import NoTwin, ReferenceFailed, WeightscopeError
from weightscope.reference import safety
from weightscope.reference.process import Process
from weightscope.reference.run import Run

KINDS = ("auto", "keras", "tf_keras")
NAMES = {"keras": "Keras 3", "tf_keras": "tf_keras"}
INSTALL = {"keras": "pip install 'keras-weightscope[tensorflow]'",
           "tf_keras": "pip install 'keras-weightscope[tf-keras]'"}


@dataclass(frozen=True)
class Reference:
    """Which Keras to ask, for ``verify(…, against=…)`` and ``record``.

    ``kind`` is "keras" (Keras 3), "tf_keras" or "auto"; ``custom_objects`` are paths of your own Python files with the
    classes and functions that it needs to load the model, which are run in its process; ``twin``: whether to run it in
    float64 too; ``process``: a ``process.Process`` that has begun and run nothing yet, None to begin one when needed.
    """

    kind: str = "auto"
    custom_objects: tuple[str, ...] = ()
    twin: bool = True
    process: Process | None = None


def start(model, inputs, batch_size=32, reference=Reference()):
    """Start a Keras on a loaded model and a flat list of arrays, and return a Referee at once.

    Raises Unsafe for a file that holds code, Unsupported for one that cannot be run, ReferenceFailed where no Keras
    that was asked for is installed.
    """
    safety.check(model, reference.custom_objects)
    begun = [reference.process] if reference.process else []

    def run(kind):
        return Run(kind, model.saved, inputs, batch_size, reference, begun.pop() if begun else Process())

    return Referee(model, reference, run)


class Referee:
    """The first Keras of those asked for that can load and run the model. A context manager.

    With "auto" that is Keras 3, then tf_keras; the other way round for an old file that Keras 3 would load and compute
    otherwise than it was meant. ``notes`` says what was refused, and what follows from the choice.
    """

    def __init__(self, model, reference, run):
        self._model, self._reference, self._run, self._current = model, reference, run, None
        self._other_meaning = is_old(model.saved) and _holds(model.with_parts(), "hard_sigmoid_keras2")
        every = ("tf_keras", "keras") if self._other_meaning else ("keras", "tf_keras")
        self._waiting = list(every if reference.kind == "auto" else (reference.kind,))
        self.notes, self._failures = [], []
        self.asks_twin, self.no_twin = reference.twin, ""
        self._start_next()

    def ready(self, look=None):
        """Return the version text of the first Keras that loads and runs the model; ReferenceFailed without one.

        ``look``: as ``Run.batch`` takes it; where a Keras fails, it is called with the same paths again.
        """
        while True:
            try:
                version = self._current.ready(look)
            except ReferenceFailed as error:
                self._fail(error)
                self._current.__exit__()
                self._start_next()
            else:
                self.notes += self._about_choice()
                return version

    def predicted(self):
        """Return the flat outputs of ``predict`` on all inputs."""
        return self._current.predicted()

    def batch(self, look=None):
        """Run the next batch, and return the Trace of it; ``look``: as ``Run.batch`` takes it."""
        return self._current.batch(look)

    def twin(self):
        """Yield ``(path, outputs)`` of the same batch in float64, as ``Run.twin`` does."""
        try:
            yield from self._current.twin()
        except NoTwin as reason:
            self.no_twin = str(reason)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._current is not None:
            self._current.__exit__()

    def _start_next(self):
        self._current = None
        while self._waiting:
            self.kind = self._waiting.pop(0)
            problem = self._problem(self.kind)
            if problem is None:
                self._current = self._run(self.kind)
                return
            self._fail(problem)
        if len(self._failures) == 1:
            raise self._failures[0]
        raise ReferenceFailed(f"{self._model.saved.path}: {'; '.join(map(self._said, self._failures))}")

    def _fail(self, error):
        self._failures.append(error)
        self.notes.append(f"{NAMES[self.kind]} is not the reference: {self._said(error)}")

    def _said(self, error):
        return str(error).removeprefix(f"{self._model.saved.path}: ")

    def _problem(self, kind):
        """Return the error that keeps a Keras from being started, or None."""
        if not _installed(kind):
            return ReferenceFailed(f"{NAMES[kind]} is not installed: {INSTALL[kind]}; inspect and predict do without,"
                                   " and verify with --reference FILE")
        try:
            if kind == "tf_keras":
                safety.check_for_tf_keras(self._model, self._reference.custom_objects)
        except WeightscopeError as error:
            return error
        return None

    def _about_choice(self):
        if self.kind == "tf_keras" or not self._other_meaning:
            return []
        return [f"the file is of Keras {self._model.saved.keras_version or '1 or 2'}, and Keras 3 judges it, whose"
                " hard_sigmoid is another function: clip(x/6 + 0.5) instead of clip(0.2x + 0.5)"]


def is_old(saved):
    """Tell whether a file is of Keras 1 or 2: by its version, or without one by its format."""
    if saved.keras_version:
        return str(saved.keras_version).split(".")[0] in ("0", "1", "2")
    return saved.order is not None


def _holds(layers, word):
    return any(word in str(getattr(layer, "config", "")) for layer in layers)


def _installed(kind):
    if find_spec(kind) is None:
        return False
    return find_spec("tensorflow") is not None or (kind == "keras" and bool(os.environ.get("KERAS_BACKEND")))
