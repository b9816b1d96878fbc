"""Replays ``predict`` by hand beside a reference, layer by layer, and returns the Comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from weightscope.errors import NothingChecked
from weightscope.model.models import Model
from weightscope.model.structure import flatten
from weightscope.reference.choosing import KINDS, Reference, start
from weightscope.reference.recorded import Recorded
from weightscope.replaying import cores
from weightscope.replaying.replay import (
    Replay,
    as_predict_takes,
    batches_of,
    calls_of,
    check_is_model,
    concatenate,
    replay,
    values_of_sample,
)
from weightscope.verdict import causes, comparison, float64, gaps
from weightscope.verdict.budgets import Budgets, Dtypes
from weightscope.verdict.self_testing import trials_of
from weightscope.verdict.sides import Chained, Sides, in_our_float, shortest
from weightscope.verdict.sources import with_sources

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs

MOST_EXPLAINED = 3  # layers, in a report
MOST_KEPT = 160_000_000  # values of one side's trace of a batch; there are a few of them


def verify(model: Model, inputs: Inputs | None = None, tolerance: gaps.Tolerance | None = None, batch_size: int = 32,
           progress: Callable[[str, int, int], object] | None = None,
           against: str | PathLike[str] | Reference | Recorded = "auto", self_test: bool = False,
           ) -> comparison.Comparison:
    """Hold a NumPy replay of a loaded model against Keras, layer by layer and at the output of ``predict``.

    Of every layer, fed with what Keras fed it, is asked: is it the same function, both in float64; and is what Keras
    gives in the model's own dtype within rounding of it? The Comparison is true where all agrees; printed, it is the
    table of ``weightscope verify``. ``model``: as ``load`` returns it; ``inputs``: an array (batch, …), a list or a
    mapping as ``replay`` takes; None for those that recorded values bring along; ``tolerance``: a Tolerance, to judge
    by plain numbers, not by what rounding may do; ``batch_size``: samples that are run at a time, fewer where they make
    too many values to keep; ``progress``: called as ``progress(stage, done, total)``, stage being "keras" or "samples";
    ``against``: "keras" (Keras 3), "tf_keras", "auto" (whichever can load it), a Reference, or recorded values: the
    path of a file, or a Recorded; ``self_test``: also change weights, inputs and settings of each layer in NumPy, on
    the first batch, to see what would be noticed: ``Comparison.trials``. Keras runs in a child process.

    Raises Unsafe for a file with code in it, Unsupported for one without an architecture and for a part of a model,
    NothingChecked for no samples, ReferenceFailed where Keras fails or is missing, Unreadable for inputs that the model
    does not take, and for recorded values of another model.
    """
    tolerance, progress = tolerance or gaps.Tolerance(), progress or (lambda stage, done, total: None)
    referee, why_no_twin = _with_twin(model, referee_of(model, against), tolerance)
    arrays = _with_samples(model, inputs, referee)
    batch_size = _batch_size(model, arrays, referee, batch_size)
    batches, found = list(batches_of(arrays, batch_size)), Found(model, tolerance)
    elsewhere = 0 if _is_recorded(referee) else 1
    with _started(model, arrays, batch_size, referee) as referee, cores.left_to_others(elsewhere):
        version = _run(model, batches, referee, found, progress, self_test)
        predicted, why_no_twin = referee.predicted(), why_no_twin or referee.no_twin
    rows, notes = with_sources(model, comparison.joined(found.rows)), [*model.notes, *referee.notes]
    return comparison.Comparison(
        rows, found.output_gaps(predicted), len(arrays[0]), tolerance, version, notes,
        partial=_is_recorded(referee), no_twin=why_no_twin, trials=found.trials)


def _run(model, batches, referee, found, progress, self_test):
    """Run both on all batches, into ``found``; return which reference it was, in words."""
    states = {}, {}  # of stateful layers: chained, and isolated
    version = None
    for index, batch in enumerate(batches):
        ours = Ours(model, batch, states, found.tolerance)  # while Keras imports, loads and runs
        if version is None:
            progress("keras", 0, len(batches))
            version = referee.ready(ours.chained.compare)
        found.add(_sides(ours, referee), batch, self_test and index == 0)
        progress("samples", index + 1, len(batches))
    return version


class Found:
    """What the batches gave so far: ``rows``, a list of Differences for each, and the outputs."""

    def __init__(self, model, tolerance):
        self._model, self.tolerance = model, tolerance
        self.rows, self.trials, self._ours, self._theirs, self._dtype = [], None, [], [], None

    def add(self, sides, batch, self_test=False):
        """Judge one batch, and look for the cause of the first faults of all; try what would be noticed in it."""
        rows = comparison.traces(self._model, sides, self.tolerance, keep=self_test)
        explain = not any(row.verdict == "diverges" for rows in self.rows for row in rows)
        self.rows.append(explained(self._model, batch, sides, rows) if explain else rows)
        self.trials = tried(self._model, batch, sides, rows, self.tolerance) if self_test else self.trials
        self._ours.append(None if sides.chained.problem else sides.chained.output)
        self._theirs.append(_outputs_in(self._model, sides.theirs))
        self._dtype = shortest(self._model.with_parts(), sides.theirs)

    def output_gaps(self, predicted):
        """Return a Gap for each output of ``predict``, ours against the reference's.

        Where every layer agrees by itself, what its roundings add up to is no fault: then it is enough that ``predict``
        gives what the layers of the reference gave.
        """
        if any(output is None for output in self._ours):
            return []
        tolerance = replace(self.tolerance, through=self._dtype)
        pairs = zip(flatten(concatenate(self._ours)), predicted, strict=True)
        found = [gaps.gap(a, in_our_float(b, a.dtype), tolerance) for a, b in pairs if b is not None]
        sound = all(row.isolated is not None and row.verdict == "agrees" for rows in self.rows for row in rows)
        if sound and all(output is not None for output in self._theirs) and not tolerance.is_given:
            traced = flatten(concatenate(self._theirs))
            kept = [gaps.gap(a, b, tolerance).within for a, b in zip(traced, predicted) if b is not None]
            found = [replace(one, within=one.within or fine) for one, fine in zip(found, kept)]
        return found


def explained(model, batch, sides, rows):
    """Return the rows, the first that diverge with the known mistakes that would explain them."""
    guilty = [row.path for row in rows if row.verdict == "diverges" and row.isolated is not None][:MOST_EXPLAINED]
    if not guilty or sides.budgets is None:
        return rows
    with float64.in_float64(model):
        found = {path: _causes(model, sides, path, call)
                 for path, call in calls_of(model, batch, sides.given, guilty)}
    return [replace(row, causes=tuple(found.get(row.path, ()))) for row in rows]


def tried(model, batch, sides, rows, tolerance):
    """Return a ``self_testing.Trial`` for each call that agrees when it is judged alone."""
    judges = {row.path: sides.finest_judge(row.path, tolerance.for_layer(row.path)) for row in rows
              if row.verdict == "agrees" and row.isolated is not None}
    return trials_of(model, batch, sides.given, judges)


def _causes(model, sides, path, call):
    layer, given = call
    _, theirs, rule = sides.finest_judge(path, gaps.Tolerance())
    return causes.causes_of(layer, given, theirs, rule, causes.mistakable(model, layer))


def _outputs_in(model, trace):
    """Return the model's outputs as a flat list out of a Trace, or None where one is missing."""
    leaves = [(flatten(trace[ref.node]), ref.index) for ref in flatten(model.outputs) if ref.node in trace]
    if len(leaves) < len(flatten(model.outputs)) or any(index >= len(found) for found, index in leaves):
        return None
    return [found[index] for found, index in leaves]


def _with_twin(model, against, tolerance):
    """Return what to ask, and why no twin in float64 is asked for, "" where one is."""
    if _is_recorded(against):
        return against, against.no_twin
    reason = float64.reason_against(model) or ""
    if tolerance.is_given:
        reason = "a tolerance was given"
    elif not against.twin:
        reason = "quick"
    return replace(against, twin=against.twin and not reason), reason


class Ours:
    """Our side of one batch: ``chained``, a ``sides.Chained``, and the budgets for rounding found on the way.

    ``states``: of stateful layers, two mappings: chained, and fed with what the reference was fed with. ``dtypes``: the
    shortest of each call, filled when calls are fed; without ``budgets`` the model has no float64.
    """

    def __init__(self, model, batch, states, tolerance=None):
        self.model, self.batch, self._states, self._begun = model, batch, states[1], dict(states[1])
        has_float64 = float64.reason_against(model) is None
        self.budgets, self.dtypes = (Budgets(), Dtypes(float64.own_dtypes(model))) if has_float64 else (None, {})
        begun = dict(states[0])

        def replayed():
            states[0].clear()
            states[0].update(begun)
            return replay(model, batch, states=states[0], call=self.budgets)

        self.chained = Chained(dict(model.calls()), replayed, tolerance or gaps.Tolerance())

    def fed(self, given):
        """Return our Trace, in float64 where the model has one, each call fed with values ``given``."""
        if self.budgets is None:
            return replay(self.model, self.batch, given, self._states)
        with float64.in_float64(self.model):
            return replay(self.model, self.batch, given, self._states, self.dtypes)

    def fed_in_step(self, given):
        """Return the same, in float64, as a Replay, which is made as it is gone through."""
        return Replay(self.model, self.batch, given, self._states, self.dtypes, float64.in_float64)

    def fed_budgets(self, given):
        """Return the Budgets of what each call is fed with values ``given``."""
        budgets = Budgets()
        with float64.in_float64(self.model):
            replay(self.model, self.batch, given, dict(self._begun), budgets)
        return budgets

    def rounded(self, given):
        """Return our Trace in the model's own dtypes, each call fed with values ``given``."""
        return replay(self.model, self.batch, given, {})


def _sides(ours, referee):
    """Return the ``Sides`` of one batch."""
    chained, theirs = ours.chained, referee.batch(ours.chained.compare)
    given, theirs = chained.fitting(theirs), chained.aligned(theirs)
    asks_twin = ours.budgets is not None and referee.asks_twin
    isolated = ours.fed_in_step(given) if asks_twin else ours.fed(given)
    fed = set(_fed_calls(ours.model, given, set(flatten(ours.model.inputs))))
    return Sides(
        chained.trace, chained.gaps, isolated, theirs, given, fed, ours.budgets, ours.dtypes,
        referee.twin() if asks_twin else None, rounded=lambda: ours.rounded(given),
        exactly=None if ours.budgets is None else lambda: ours.fed_budgets(given))


def referee_of(model, against):
    """Return a Reference or Recorded for what a caller names: a kind of Keras, the path of a file, or one of these."""
    check_is_model(model)
    if isinstance(against, (Reference, Recorded)):
        return against
    return Reference(against) if against in KINDS else Recorded(model, against)


def _is_recorded(referee):
    return isinstance(referee, Recorded)


def _with_samples(model, inputs, against):
    """Return the inputs as a flat list of arrays with samples in them."""
    if inputs is None:
        inputs = against.inputs if _is_recorded(against) else {}
        missing = [layer.name for layer in model.input_layers if layer.name not in inputs]
        if missing:
            raise NothingChecked(f"there is no input {missing[0]!r} to run the model on")
    arrays = model.standardize(as_predict_takes(model, inputs))
    if not arrays or not len(arrays[0]):
        raise NothingChecked("the input has no samples, so nothing would be checked")
    return arrays


def _batch_size(model, arrays, against, wanted):
    """Return how many samples are run at a time: as recorded, as a state wants it, or as many as are kept easily."""
    if _is_recorded(against):
        return against.header.get("batch_size", wanted)
    if any(getattr(layer, "stateful", False) for layer in model.with_parts()):
        return wanted
    values = values_of_sample(model, arrays)
    return wanted if not values else max(1, min(wanted, MOST_KEPT // values))


def _started(model, arrays, batch_size, against):
    if _is_recorded(against):
        return against.begin(len(arrays[0]), batch_size)
    return start(model, arrays, batch_size, against)


def _fed_calls(model, given, known, prefix=""):
    """Yield the paths of the calls all of whose tensors the reference gives; ``known``: the nodes that have theirs."""
    known = set(known)
    for node in model.nodes:
        path, whole = prefix + node.path, all(ref.node in known for ref in node.refs)
        if isinstance(node.layer, Model):
            yield from _fed_calls(node.layer, given, flatten(node.layer.inputs) if whole else (), path + "/")
            ends = [path + "/" + ref.node for ref in flatten(node.layer.outputs)]
            if path in given or all(end in given for end in ends):
                known.add(node.path)
        else:
            if whole and node.path not in flatten(model.inputs):
                yield path
            if path in given:
                known.add(node.path)
