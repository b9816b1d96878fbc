"""Two traces in, one Comparison out: the verdict as data. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weightscope.show.names import Shown, printable
from weightscope.verdict.alone import judged
from weightscope.verdict.gaps import Gap, Tolerance, worst_gap
from weightscope.verdict.sources import Source

if TYPE_CHECKING:
    from weightscope.verdict.self_testing import Trial

CONTRADICTED = "the reference is no witness in float64: what it gives there is not what its own dtype is rounded from"
ONLY_CHAINED = "what it was fed is not recorded, so the difference may come from before it"


@dataclass(frozen=True, repr=False)
class Difference(Shown):
    """One row of a Comparison: one call of one layer. Ours is what NumPy gives, the reference's what Keras gives.

    ``path``: of the call, as a Trace has it; ``class_name``: of its layer; ``shape``: of its output, (None, units) with
    None for the samples, or a structure of such; None where no rule tells it.

    ``function``, ``isolated``, ``chained``: a Gap between ours and the reference's each, None where one of them has no
    value. ``function``: the layer alone, fed with what the reference fed it, and both in float64: is it the same
    function? ``isolated``: so fed too, the reference in the model's own dtypes. ``chained``: ours fed by ours.
    ``source``: where the chained difference comes from, None for no difference. ``causes``: known mistakes with which
    the layer gives the reference's values.

    ``verdict``: agrees, diverges (its own fault), inherited (only the input was off), not replayed,
    or not compared (the reference shows no value here); ``reason``: more words on it, or "".
    """

    path: str
    class_name: str
    shape: Any
    chained: Gap | None
    isolated: Gap | None
    verdict: str
    reason: str = ""
    function: Gap | None = None
    causes: tuple[str, ...] = ()
    source: Source | None = None

    @property
    def fault(self) -> Gap | None:
        """The Gap that the verdict is about."""
        missed = [found for found in (self.function, self.isolated) if found is not None and not found.within]
        return missed[0] if missed and self.verdict == "diverges" else self.chained

    def __repr__(self) -> str:
        return printable(f"<Difference {self.path!r} ({self.class_name}): {self.verdict}>")


@dataclass(repr=False)
class Comparison(Shown):
    """What a check found. True when every layer, and the output, agrees and something was checked.

    ``print(comparison)`` is the table that ``weightscope verify`` prints. Ours is what NumPy gives; the reference's is
    what Keras gives, or gave when it was recorded.

    ``rows``: a Difference for each call, in call order; ``outputs``: a Gap for each output of the model, ours against
    the reference's own ``predict``; ``samples``: how many samples were run; ``tolerance``: the Tolerance that was
    given, or one without numbers; ``reference``: which Keras it was, in words; ``notes``: what is to be known of the
    file and of the choice of Keras; ``partial``: the reference offers some values only, so that calls it has none for
    are no gap in the check; ``no_twin``: why nothing was asked in float64, "" where it was; ``trials``: a
    ``self_testing.Trial`` for each call whose check was checked, None where that was not asked for.
    """

    rows: list[Difference]
    outputs: list[Gap]
    samples: int
    tolerance: Tolerance
    reference: str = "Keras"
    notes: list[str] = field(default_factory=list)
    partial: bool = False
    no_twin: str = ""
    trials: list[Trial] | None = None

    def __bool__(self) -> bool:
        return self.verdict == "agrees"

    @property
    def verdict(self) -> str:
        """agrees; diverges; or unchecked: not every layer could be compared, or a self-test found the check blind."""
        if self.first is not None or not all(gap.within for gap in self.outputs):
            return "diverges"
        enough = ("agrees", "not compared") if self.partial else ("agrees",)
        complete = all(row.verdict in enough for row in self.rows)
        checked = sum(gap.values for gap in self.outputs)
        if self.partial:
            checked += sum(row.chained.values for row in self.compared if row.chained)
        return "agrees" if complete and checked and self.rows and not self.unnoticed else "unchecked"

    @property
    def unnoticed(self) -> list[tuple[str, str]]:
        """``(path, words)`` of every change that a self-test made and the verdict did not notice."""
        return [(trial.path, words) for trial in self.trials or () for words in trial.missed]

    @property
    def same_function(self) -> bool | None:
        """Whether every layer that was asked in float64 is the same function; None where none was."""
        asked = [row.function.within for row in self.rows if row.function is not None]
        return all(asked) if asked else None

    @property
    def compared(self) -> list[Difference]:
        """The rows of calls of which there are both values, ours and the reference's."""
        return [row for row in self.rows if row.verdict not in ("not compared", "not replayed")]

    @property
    def first(self) -> Difference | None:
        """The first row that diverges by itself, else the first whose inherited difference is too large, or None."""
        for verdict in ("diverges", "inherited"):
            found = next((row for row in self.rows if row.verdict == verdict), None)
            if found is not None:
                return found
        return None

    @property
    def exit_code(self) -> int:
        """0 agrees, 1 diverges, 3 not enough was checked."""
        return {"agrees": 0, "diverges": 1, "unchecked": 3}[self.verdict]

    def __repr__(self) -> str:
        first = f", first at {self.first.path!r}" if self.first else ""
        return printable(f"<Comparison {self.verdict}{first}: {len(self.compared):,} of {len(self.rows):,} layer calls,"
                         f" {self.samples:,} samples, against {self.reference}>")


def traces(model, sides, tolerance, keep=False):
    """Return a list of Difference, one for each call.

    Input layers, and nested models as a whole, have no row: their layers have. ``keep``: keep the reference's values
    in float64 of all calls, not only of those that miss something.
    """
    shapes, asked = model.shapes(), {path: tolerance.for_layer(path) for path, _ in model.calls()}
    alone = judged(sides, asked, keep)
    found = {path: (*alone.get(path, (None, None)), sides.gaps.get(path)) for path in asked}
    found = _contradicted(_computed_alike(found, sides), sides)
    rows = [_row(path, layer.class_name, shapes[path], found[path], sides) for path, layer in model.calls()]
    first = next((index for index, row in enumerate(rows) if row.verdict == "diverges"), len(rows))
    return [_inheriting(row, sides, index > first) for index, row in enumerate(rows)]


def _inheriting(row, sides, faulty):
    """Return the row, whose chained difference counts where a call before it diverges, or no budget tells roundings."""
    too_far = row.verdict == "agrees" and row.isolated is not None and row.chained and not row.chained.within
    return replace(row, verdict="inherited") if too_far and (faulty or sides.budgets is None) else row


def _computed_alike(found, sides):
    """Return the Gaps, where the deployed values miss their budget those of ours in the same dtype if they do not.

    Some numbers are made to be lost: what is masked has -1e9 added to it. Computed in the same dtype, ours lose them.
    """
    missed = [path for path, (_, alone, _) in found.items() if alone and alone.budgeted and not alone.within]
    rounded = sides.rounded() if missed else {}
    again = {path: sides.rule(path)(rounded[path], sides.theirs[path]) for path in missed if path in rounded}
    again = {path: replace(one, overflows=found[path][1].overflows) for path, one in again.items() if one.within}
    return {path: (function, again.get(path, alone), chained)
            for path, (function, alone, chained) in found.items()}


def _contradicted(found, sides):
    """Return the Gaps without those in float64 where the reference contradicts itself, and what is deployed agrees.

    TensorFlow has another kernel for each dtype, and not all of them give the same: convolutions in 3D whose strides
    are longer than their kernels, without oneDNN.
    """
    def contradicts(path, function, alone, _):
        missed = function and alone and not function.within and alone.within and alone.budgeted
        return missed and not sides.rule(path)(sides.kept[path], sides.theirs[path]).within

    return {path: (None, *gaps[1:]) if contradicts(path, *gaps) else gaps for path, gaps in found.items()}


def _row(path, class_name, shape, gaps, sides):
    """Return the Difference of one call, as if all before it agreed."""
    function, alone, chained = gaps
    verdict, reason = _verdict(path, gaps, sides)
    return Difference(path, class_name, shape, None if verdict == "not replayed" else chained, alone, verdict, reason,
                      function)


def _verdict(path, gaps, sides):
    function, alone, chained = gaps
    missing = sides.isolated.missing.get(path, "")
    if path not in sides.theirs:
        return "not compared", missing
    if alone is not None:
        unlike = path in sides.kept and function is None and alone.budgeted
        return ("agrees" if alone.within and (function is None or function.within) else "diverges",
                CONTRADICTED if unlike else "")
    if chained is None or missing:
        return "not replayed", missing or sides.chained.missing.get(path, "")
    return ("agrees", "") if chained.within else ("diverges", ONLY_CHAINED)


def joined(parts):
    """Return the rows of several batches as one list: in each row the worst gap of all batches."""
    return [_joined_row(rows) for rows in zip(*parts)]


def _joined_row(rows):
    order = ("agrees", "inherited", "not compared", "not replayed", "diverges")
    worst = max(rows, key=lambda row: order.index(row.verdict))
    return replace(worst, causes=next((row.causes for row in rows if row.causes), ()),
                   chained=worst_gap([row.chained for row in rows]),
                   isolated=worst_gap([row.isolated for row in rows]),
                   function=worst_gap([row.function for row in rows]))
