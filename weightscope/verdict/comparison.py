"""The verdict as data: a Difference for each call, and the Comparison of them all. Prints nothing."""

from dataclasses import dataclass, field

from weightscope.verdict.gaps import Gap, Tolerance
from weightscope.verdict.sources import Source


@dataclass(frozen=True)
class Difference:
    """One row: one call of one layer.

    ``function``: both sides in float64, each layer fed with what the reference fed it: is it the same function?
    ``isolated``: so fed too, the reference in the model's own dtypes; ``chained``: ours fed by ours; None where one
    side has no value. ``source``: where the chained difference comes from. ``causes``: known mistakes with which the
    layer gives the other side's values.
    ``verdict``: agrees, diverges (its own fault), inherited (only the input was off), not replayed,
    or not compared (the reference shows no value here).
    """

    path: str
    class_name: str
    shape: object
    chained: Gap | None
    isolated: Gap | None
    verdict: str
    reason: str = ""
    function: Gap | None = None
    causes: tuple[str, ...] = ()
    source: Source | None = None

    @property
    def fault(self):
        """The Gap that the verdict is about."""
        missed = [found for found in (self.function, self.isolated) if found is not None and not found.within]
        return missed[0] if missed and self.verdict == "diverges" else self.chained


@dataclass
class Comparison:
    """What a check found. True when every layer, and the output, agrees and something was checked.

    ``rows``: a Difference for each call, in call order; ``outputs``: a Gap for each output of the model, ours against
    the reference's own ``predict``; ``samples``: how many samples were run; ``partial``: the reference offers some
    values only, so that calls it has none for are no gap in the check; ``trials``: a ``self_testing.Trial`` for each
    call whose check was checked, None where that was not asked for.
    """

    rows: list[Difference]
    outputs: list[Gap]
    samples: int
    tolerance: Tolerance
    reference: str = "Keras"
    notes: list[str] = field(default_factory=list)
    partial: bool = False
    no_twin: str = ""
    trials: list | None = None

    def __bool__(self):
        return self.verdict == "agrees"

    @property
    def verdict(self):
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
    def unnoticed(self):
        """``(path, words)`` of every change that a self-test made and the verdict did not notice."""
        return [(trial.path, words) for trial in self.trials or () for words in trial.missed]

    @property
    def same_function(self):
        """Whether every layer that both sides ran in float64 is the same function; None where nothing was asked."""
        asked = [row.function.within for row in self.rows if row.function is not None]
        return all(asked) if asked else None

    @property
    def compared(self):
        """The rows that both sides have a value for."""
        return [row for row in self.rows if row.verdict not in ("not compared", "not replayed")]

    @property
    def first(self):
        """The first row that diverges by itself, else the first whose inherited difference is too large, or None."""
        for verdict in ("diverges", "inherited"):
            found = next((row for row in self.rows if row.verdict == verdict), None)
            if found is not None:
                return found
        return None

    @property
    def exit_code(self):
        """0 agrees, 1 diverges, 3 not enough was checked."""
        return {"agrees": 0, "diverges": 1, "unchecked": 3}[self.verdict]
