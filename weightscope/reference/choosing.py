"""Which Keras judges a model: the one that is asked for, or the first that can, of those that are installed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, ClassVar

from weightscope.errors import NoTwin, ReferenceFailed, WeightscopeError
from weightscope.model.model import check_is_model
from weightscope.reference import safety
from weightscope.reference.meanings import other_meanings
from weightscope.reference.process import Process
from weightscope.reference.recorded import Recorded
from weightscope.reference.run import Run
from weightscope.reference.words import remedy

_LOADING = "could not load it"
_REMEDY = "Keras 3 cannot load its own .h5 of such a model: weightscope convert makes a .keras of it that it can"
KINDS = ("auto", "keras", "tf_keras")
NAMES = {"keras": "Keras 3", "tf_keras": "tf_keras"}
INSTALL = {"keras": "pip install 'keras-weightscope[tensorflow]'",
           "tf_keras": "pip install 'keras-weightscope[tf-keras]'"}


@dataclass(frozen=True)
class Reference:
    """Which Keras to ask, for ``verify(…, against=…)`` and ``record``.

    ``kind`` is "keras" (Keras 3), "tf_keras" or "auto"; ``custom_objects`` are paths of your own Python files with the
    classes and functions that it needs to load the model, which are run in its process; ``twin``: whether to run it in
    float64 too; ``process``: a ``process.Process`` that has begun and run nothing yet, None to begin one when needed;
    ``functions``: names, ``module.name``, of functions that the file names and you trust, besides Keras' own that only
    compute: they are imported in its process; ``ignore_code``: run a model that was compiled with code, which is left
    out.
    """

    kind: str = "auto"
    custom_objects: tuple[str, ...] = ()
    twin: bool = True
    process: Process | None = None
    functions: tuple[str, ...] = ()
    ignore_code: bool = False
    inputs: ClassVar[dict[str, Any]] = {}  # of its own it has none
    partial: ClassVar[bool] = False  # it shows every layer

    @property
    def no_twin(self):
        """Why it is not asked in float64, "" where it is."""
        return "" if self.twin else "quick"

    def begin(self, model, samples, twin=True):
        """Start a Keras on a loaded ``model`` and the Samples to run it on, ``samples``, and return a Referee at once.

        ``twin``: whether it is run in float64 too. Raises Unsafe for a file that holds code, Unsupported for one that
        cannot be run, ReferenceFailed where no Keras that was asked for is installed.
        """
        asked = replace(self, twin=self.twin and twin)
        safety.check(model, self)
        safety.check_sizes(model, samples)
        begun = [self.process] if self.process else []

        def run(kind):
            return Run(kind, model.saved, samples, asked, begun.pop() if begun else Process())

        return Referee(model, samples, asked, run)


def referee_of(model, against):
    """Return a Reference or Recorded for what a caller names: a kind of Keras, the path of a file, or one of these."""
    check_is_model(model)
    if isinstance(against, (Reference, Recorded)):
        return against
    return Reference(against) if against in KINDS else Recorded(model, against)


class Referee:
    """The first Keras of those asked for that can load and run the model. A context manager.

    With "auto" that is Keras 3, then tf_keras; the other way round for an old file that Keras 3 would load and compute
    otherwise than it was meant. ``batches``: those of the samples; ``version``: which Keras it is, in words, when it
    has loaded; ``notes`` says what was refused, and what follows from the choice; ``cores``: how many it takes beside
    us.
    """

    partial, cores = Reference.partial, 1

    def __init__(self, model, samples, reference, run):
        self._model, self._reference, self._run, self._current = model, reference, run, None
        kinds = ("keras", "tf_keras") if model.saved.is_old else ()
        self._others = {kind: other_meanings(model, kind) for kind in kinds}
        keras_errs = len(self._others.get("keras", ())) > len(self._others.get("tf_keras", ()))
        every = ("tf_keras", "keras") if keras_errs else ("keras", "tf_keras")
        if safety.is_of_keras_3(model.saved.config) or not model.saved.is_old:
            every = ("keras",)
        self._waiting = list(every if reference.kind == "auto" else (reference.kind,))
        self.batches, self.version, self.notes, self._failures, self._settled = samples.batches, "", [], [], False
        self.asks_twin, self.no_twin = reference.twin, ""
        self._start_next()

    def ready(self):
        """Wait until a Keras has loaded the model, and return its version text; ReferenceFailed without one."""
        while not self.version:
            try:
                self.version = self._current.ready()
            except ReferenceFailed as error:
                self._pass_on(error)
        return self.version

    def calls(self):
        """Yield ``(path, arrays)`` of each call of the next batch as it comes; arrays last until the next is taken.

        Where a Keras fails on the first batch, the next one begins with the same paths again.
        """
        while True:
            self.ready()
            try:
                yield from self._current.calls()
            except ReferenceFailed as error:
                if self._settled:
                    raise
                self._pass_on(error)
            else:
                self._settle()
                return

    def twin(self):
        """Return what yields ``(path, arrays)`` of the same batch in float64, as ``Run.twin``; None if not asked."""
        return self._in_float64() if self.asks_twin else None

    def _in_float64(self):
        try:
            yield from self._current.twin()
        except NoTwin as reason:
            self.no_twin = str(reason)
            raise

    def predicted(self):
        """Return the flat outputs of ``predict`` on all inputs."""
        return self._current.predicted()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._current is not None:
            self._current.__exit__()

    def _settle(self):
        if not self._settled:
            self._settled = True
            self.notes += self._about_choice()

    def _pass_on(self, error):
        """Go on to the next Keras, after one that failed."""
        self._fail(error)
        self._current.__exit__()
        self.version = ""
        self._start_next()

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
        words = "\n".join(getattr(error, "words", "") or self._said(error) for error in self._failures)
        raise ReferenceFailed(f"{self._model.saved.path}: {'; '.join(map(self._said, self._failures))}", words)

    def _fail(self, error):
        saved = self._model.saved
        is_own = self.kind == "keras" and saved.format == "legacy h5 model" and not saved.is_old
        if is_own and _LOADING in str(error) and not remedy(str(error)):
            error = ReferenceFailed(f"{error}; {_REMEDY}", error.words)
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
                safety.check_for_tf_keras(self._model, self._reference)
        except WeightscopeError as error:
            return error
        return None

    def _about_choice(self):
        return [f"{NAMES[self.kind]} judges the file, which is of Keras"
                f" {self._model.saved.keras_version or '1 or 2'}: {other}" for other in self._others.get(self.kind, ())]


def _installed(kind):
    if find_spec(kind) is None:
        return False
    return find_spec("tensorflow") is not None or (kind == "keras" and bool(os.environ.get("KERAS_BACKEND")))
