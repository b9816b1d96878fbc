"""The verdict as data: a Difference for each call, and the Comparison of them all. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightscope.model.names import Shown, printable
from weightscope.verdict.finite import NotFinite
from weightscope.verdict.gaps import Gap, Tolerance
from weightscope.verdict.sources import Source
from weightscope.verdict.tolerating import would_pass

if TYPE_CHECKING:
    from weightscope.reference.meanings import Meaning
    from weightscope.verdict.self_testing import Trial


@dataclass(frozen=True, repr=False)
class Difference(Shown):
    """One row of a Comparison: one call of one layer. Ours is what NumPy gives, the reference's what Keras gives.

    ``path``: of the call, as a Trace has it; ``class_name``: of its layer; ``shape``: of its output, (None, units) with
    None for the samples, or a structure of such; None where no rule tells it.

    ``own``, ``own_in_float64``, ``total``: a Gap between ours and the reference's each, None where one of them has no
    value. ``own``: the layer alone, fed with what the reference fed it, which is in the model's own dtypes;
    ``own_in_float64``: so fed too, and both in float64: is it the same function? ``total``: ours fed by ours.
    ``source``: where the total difference comes from, None for no difference. ``causes``: the known mistake with
    which the layer gives the reference's values, one or none. ``rounding``: where the layer misses a tolerance that was
    given, the Gap by what rounding may do: within, where that explains it. ``meanings``: of a call that is misjudged,
    a ``reference.meanings.Meaning`` for each thing that the reference takes otherwise.

    ``verdict``: agrees, diverges (its own fault), inherited (its total error came in with what fed it), not finite (all
    that was compared is NaN or infinite), misjudged (it is shown that the reference computes something else than the
    file means), not replayed, not compared (the reference shows no value here), or not comparable (it shows more or
    fewer values than the layer gives); ``reason``: more words on it, or "".
    """

    path: str
    class_name: str
    shape: Any
    total: Gap | None
    own: Gap | None
    verdict: str
    reason: str = ""
    own_in_float64: Gap | None = None
    causes: tuple[str, ...] = ()
    source: Source | None = None
    rounding: Gap | None = None
    meanings: tuple[Meaning, ...] = ()

    @property
    def own_error(self) -> float | None:
        """The largest difference of the layer alone, fed with what the reference fed it; None where it was not."""
        return None if self.own is None else self.own.absolute

    @property
    def total_error(self) -> float | None:
        """The largest difference where ours is fed by ours, from the input on; None where one has no value."""
        return None if self.total is None else self.total.absolute

    @property
    def of_limit(self) -> float | None:
        """The share of what is allowed that its own error takes: the worse of both questions, from 1 on too much.

        What rounding may do is allowed, or a tolerance; that of the total error counts where nothing tells its own.
        """
        asked = [gap.of_limit for gap in (self.own_in_float64, self.own) if gap is not None]
        return max(asked) if asked else None if self.total is None else self.total.of_limit

    @property
    def is_rounding(self) -> bool:
        """Whether it misses a tolerance that was given, and rounding explains it."""
        return self.verdict == "diverges" and self.rounding is not None and self.rounding.within

    @property
    def fault(self) -> Gap | None:
        """The Gap that the verdict is about."""
        missed = [found for found in (self.own_in_float64, self.own) if found is not None and not found.within]
        return missed[0] if missed and self.verdict == "diverges" else self.total

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
    ``self_testing.Trial`` for each call whose check was checked, None where that was not asked for; ``not_finite``: a
    ``finite.NotFinite`` for each weight, input and output with NaN or infinities in it; ``allow_nonfinite``: whether
    these count as agreement where both have them; ``file``: the path of the model's file, "" where none is known.
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
    not_finite: list[NotFinite] = field(default_factory=list)
    allow_nonfinite: bool = False
    file: str = ""

    def __bool__(self) -> bool:
        return self.verdict == "agrees"

    @property
    def verdict(self) -> str:
        """agrees; diverges; not finite, of weights or outputs; or unchecked.

        Unchecked: not every layer could be compared, a self-test found the check blind, or the reference is wrong.
        """
        compared = [gap for gap in self.outputs if not (self.partial and gap.problem)]
        if self.first is not None or not (self.misjudged or all(gap.within for gap in compared)):
            return "diverges"
        if self.broken:
            return "not finite"
        enough = ("agrees", "not compared") if self.partial else ("agrees",)
        complete = all(row.verdict in enough for row in self.rows) and not self.not_comparable
        checked = sum(gap.values for gap in self.outputs)
        if self.partial:
            checked += sum(row.total.values for row in self.compared if row.total)
        blind = self.unnoticed or self.untried or self.void
        return "agrees" if complete and checked and self.rows and not blind else "unchecked"

    @property
    def broken(self) -> list[NotFinite]:
        """The weights and outputs that are not finite, without what comes of the input; none where that is allowed."""
        wrong = [one for one in self.not_finite if one.kind != "input" and one.count]
        return [] if self.allow_nonfinite else wrong

    @property
    def not_comparable(self) -> list[tuple[str, str]]:
        """``(path, words)`` of what is recorded with more or fewer values than there are, layers and then outputs."""
        outputs = [(f"output {index} of predict", gap.problem) for index, gap in enumerate(self.outputs)]
        rows = [(row.path, row.reason) for row in self.rows if row.verdict == "not comparable"]
        return rows + [(name, problem) for name, problem in outputs if self.partial and problem]

    @property
    def void(self) -> list[NotFinite]:
        """The outputs all of which is NaN or infinite, which proves nothing; none where that is allowed."""
        outputs = [one for one in self.not_finite if one.kind == "output"]
        return [] if self.allow_nonfinite else [one for one in outputs if one.count + one.excused == one.size]

    @property
    def untried(self) -> list[tuple[str, str]]:
        """``(path, reason)`` of every call that a self-test could make no change to that shows."""
        if self.trials is None:
            return []
        tried = {trial.path for trial in self.trials}
        alone = [(row.path, "what it was fed is not recorded") for row in self.compared if row.path not in tried]
        return [(trial.path, trial.untried) for trial in self.trials if trial.untried] + alone

    @property
    def would_pass(self) -> str:
        """The options with which it would agree, where it misses only a tolerance that was given, else ""."""
        return would_pass(self.rows, self.outputs, self.tolerance)

    @property
    def unnoticed(self) -> list[tuple[str, str]]:
        """``(path, words)`` of every change that a self-test made and the verdict did not notice."""
        return [(trial.path, words) for trial in self.trials or () for words in trial.missed]

    @property
    def same_function(self) -> bool | None:
        """Whether every layer that was asked in float64 is the same function; None where none was.

        Calls that are misjudged are not counted.
        """
        asked = [row.own_in_float64.within for row in self.rows
                 if row.own_in_float64 is not None and row.verdict != "misjudged"]
        return all(asked) if asked else None

    @property
    def compared(self) -> list[Difference]:
        """The rows of calls of which there are both values, ours and the reference's."""
        return [row for row in self.rows if row.verdict not in ("not compared", "not comparable", "not replayed")]

    @property
    def misjudged(self) -> list[Difference]:
        """The rows of calls of which the reference computes something else than the file means."""
        return [row for row in self.rows if row.verdict == "misjudged"]

    @property
    def first(self) -> Difference | None:
        """The first row that diverges by itself, else the first whose inherited difference is too large, or None.

        What is inherited behind a call that is misjudged is none.
        """
        for verdict in ("diverges",) if self.misjudged else ("diverges", "inherited"):
            found = next((row for row in self.rows if row.verdict == verdict), None)
            if found is not None:
                return found
        return None

    @property
    def exit_code(self) -> int:
        """0 agrees, 1 diverges or is not finite, 3 not enough was checked."""
        return {"agrees": 0, "diverges": 1, "not finite": 1, "unchecked": 3}[self.verdict]

    def __repr__(self) -> str:
        first = f", first at {self.first.path!r}" if self.first else ""
        return printable(f"<Comparison {self.verdict}{first}: {len(self.compared):,} of {len(self.rows):,} layer calls,"
                         f" {self.samples:,} samples, against {self.reference}>")
