"""Replays ``predict`` by hand beside a reference, layer by layer, and returns the Comparison.

One way: samples → what we give → what the reference gives → how far apart, chained and alone → a verdict on each call →
its causes. Each step takes what the step before it gave.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from os import PathLike
from typing import TYPE_CHECKING

from weightscope.errors import NothingChecked
from weightscope.model.model import Model
from weightscope.reference.choosing import Reference, referee_of
from weightscope.reference.recorded import Recorded
from weightscope.replaying import cores
from weightscope.replaying.samples import samples_of, told
from weightscope.verdict import finite, float64
from weightscope.verdict.alone import judged_alone
from weightscope.verdict.causes import with_causes
from weightscope.verdict.comparison import Comparison
from weightscope.verdict.differences import differences_of, joined
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.misjudging import with_misjudged
from weightscope.verdict.ours import Ours, States
from weightscope.verdict.outputs import Outputs
from weightscope.verdict.self_testing import trials_of
from weightscope.verdict.sides import held_together
from weightscope.verdict.sources import with_sources
from weightscope.verdict.versions import as_judged, meanings

if TYPE_CHECKING:
    from weightscope.model.arrays import Inputs

MOST_KEPT = 160_000_000  # values of one side's trace of a batch; there are a few of them


def verify(model: Model, inputs: Inputs | None = None, tolerance: Tolerance | None = None,
           batch_size: int | None = None, progress: Callable[[str, int, int], object] | None = None,
           against: str | PathLike[str] | Reference | Recorded = "auto", self_test: bool = False,
           allow_nonfinite: bool = False) -> Comparison:
    """Hold a NumPy replay of a loaded model against Keras, layer by layer and at the output of ``predict``.

    Of every layer, fed with what Keras fed it, is asked: is it the same function, both in float64; and is what Keras
    gives in the model's own dtype within rounding of it? The Comparison is true where all agrees; printed, it is the
    table of ``weightscope verify``. ``model``: as ``load`` returns it; ``inputs``: an array (batch, …), a list or a
    mapping as ``replay`` takes; None for those that recorded values bring along; ``tolerance``: a Tolerance, to judge
    by plain numbers, not by what rounding may do; ``batch_size``: samples that are run at a time, None for what the
    file says, or else 32; fewer where they make too many values to keep; ``progress``: called as ``progress(stage,
    done, total)``, stage being "keras" or "samples"; ``against``: "keras" (Keras 3), "tf_keras", "auto" (whichever can
    load it), a Reference, or recorded values: the path of a file, or a Recorded; ``self_test``: also change weights,
    inputs and settings of each layer in NumPy, on the first batch, to see what would be noticed: ``Comparison.trials``;
    ``allow_nonfinite``: let NaN and infinities count as agreement where both have them, also in weights. Keras runs in
    a child process. A file of an older Keras 3 is read as the Keras that judges it reads it; where its own meant
    something else, a note says so.

    Raises Unsafe for a file with code in it, Unsupported for one without an architecture and for a part of a model,
    NothingChecked for no samples, ReferenceFailed where Keras fails or is missing, Unreadable for inputs that the model
    does not take, and for recorded values of another model.
    """
    tolerance = tolerance or Tolerance()
    referee = referee_of(model, against)
    own, model = model, as_judged(model, referee)
    samples = _samples(model, inputs, batch_size, referee)
    no_twin = _why_no_twin(model, referee, tolerance)
    with referee.begin(model, samples, not no_twin) as theirs, cores.left_to_others(theirs.cores):
        states, found = States(), Found(model, samples, self_test)
        for batch in told(theirs.batches, progress):
            ours = Ours(model, batch, states)  # while Keras imports, loads and runs
            sides = held_together(ours, theirs.calls(), tolerance, theirs.partial)
            found.add(sides, judged_alone(sides, theirs.twin(), found.keeps), theirs.kind)
        predicted = found.outputs(theirs)
    rows = found.differences(allow_nonfinite)
    return Comparison(rows, found.output_gaps(predicted, tolerance), len(samples), tolerance, theirs.version,
                      [*_notes(own, model, samples, theirs), *found.notes], partial=theirs.partial,
                      no_twin=no_twin or theirs.no_twin, trials=found.trials, allow_nonfinite=allow_nonfinite,
                      not_finite=found.not_finite(predicted, rows), file=str(model.saved.path))


class Found:
    """What the batches of ``samples`` gave so far.

    ``rows``: Differences for each; ``trials`` of the first, None if not asked for; ``keeps``: whether all that the twin
    says of the next batch is to be kept, for a self-test; ``notes``: on recorded values in another layout.
    """

    def __init__(self, model, samples, self_test):
        self.notes = []
        self._model, self._inputs = model, samples.arrays
        self.rows, self.trials, self.keeps, self._outputs = [], None, self_test, Outputs()
        self._given_not_finite = [*finite.of_weights(model), *finite.of_inputs(model, samples.arrays)]

    def add(self, sides, alone, kind=None):
        """Judge one batch; find the causes of the first faults of all, and try what would be noticed in the first.

        ``kind``: which Keras the referee is, None for recorded values.
        """
        rows = with_misjudged(differences_of(sides, alone), sides, alone, kind)
        if self.keeps:
            self.trials, self.keeps = trials_of(rows, sides, alone), False
        explained = any(row.verdict == "diverges" for row in chain.from_iterable(self.rows))
        self.rows.append(rows if explained else with_causes(rows, sides, alone))
        self._outputs.add(sides)
        self.notes += [note for path, words in sides.read_as.items()
                       if (note := f"layer {path!r} is {words}") not in self.notes]

    def outputs(self, theirs):
        """Return what ``predict`` gave, recorded outputs in the layout of ours."""
        predicted = theirs.predicted()
        if theirs.partial:
            predicted, told = self._outputs.in_our_layout(predicted)
            self.notes += told
        return predicted

    def differences(self, allow_nonfinite=False):
        """Return a Difference for each call, of all batches."""
        rows = with_sources(joined(self.rows), self._model.feeders())
        return rows if allow_nonfinite else finite.not_agreeing(rows, self._given_not_finite)

    def output_gaps(self, predicted, tolerance):
        """Return a Gap for each output of ``predict``, ours against the reference's."""
        return self._outputs.gaps(predicted, list(chain.from_iterable(self.rows)), tolerance)

    def not_finite(self, predicted, rows):
        """Return a NotFinite for each weight, input and output with such numbers, of ours or of ``predict``.

        ``rows``: the Differences of all batches, as one list.
        """
        outputs = finite.of_outputs(self._model, self._inputs, self._outputs.ours(len(predicted)), predicted)
        return [*self._given_not_finite, *finite.with_origins(outputs, rows, self._model)]


def _notes(own, model, samples, theirs):
    """Return what is to be known: of the file, the referee, what the file's own Keras meant, and the batches."""
    return [*model.notes, *theirs.notes, *meanings(own, model, samples.arrays), *filter(None, [samples.note])]


def _samples(model, inputs, batch_size, referee):
    """Return the Samples that are run, the reference's without ``inputs``; NothingChecked where there are none."""
    if inputs is None:
        inputs = referee.inputs
        missing = [layer.name for layer in model.input_layers if layer.name not in inputs]
        if missing:
            raise NothingChecked(f"there is no input {missing[0]!r} to run the model on")
    samples = samples_of(model, inputs, batch_size, MOST_KEPT)
    if not len(samples):
        raise NothingChecked("the input has no samples, so nothing would be checked")
    return samples


def _why_no_twin(model, referee, tolerance):
    """Return why no twin in float64 is asked for, "" where one is."""
    if referee.partial:
        return referee.no_twin
    return "a tolerance was given" if tolerance.is_given else referee.no_twin or float64.reason_against(model) or ""
