"""Calls that diverge because the referee is wrong: it computes something else than the file means, and is known to.

That is shown, not guessed: our layer, made to compute as the referee is known to, has to give what it gives.
"""

from dataclasses import replace
from functools import partial

from weightscope.reference.meanings import meanings_of
from weightscope.replaying.replay import calls_of
from weightscope.verdict.budgets import Budgets
from weightscope.verdict.causes import mistaken
from weightscope.verdict.gaps import Tolerance


def with_misjudged(rows, sides, alone, kind):
    """Return the Differences of a batch, ``misjudged`` in the place of ``diverges`` where the referee is shown wrong.

    ``kind``: of the referee, None for recorded values, of which nothing is known.
    """
    model = sides.ours.model
    guilty = {row.path for row in rows if row.verdict == "diverges" and row.own is not None} if kind else ()
    found = {path: meanings for path, layer in model.calls()
             if path in guilty and (meanings := meanings_of(model, layer, kind))}
    if not found:
        return rows
    with sides.ours.in_float64():
        shown = {path for path, call in calls_of(model, sides.ours.batch, sides.given, found)
                 if _is_shown(call, found[path], sides, alone.finest_judge(path, Tolerance())[1:])}
    return [replace(row, verdict="misjudged", meanings=tuple(found[row.path])) if row.path in shown else row
            for row in rows]


def _is_shown(call, meanings, sides, judge):
    """Tell whether a layer, computed as the referee computes what it takes otherwise, gives what that gives.

    ``call``: the layer, and what it is given; ``judge``: the referee's outputs, and the rule that a call is judged by.
    """
    (layer, given), (theirs, rule) = call, judge

    def change(copied, given):
        for meaning in meanings:
            meaning.as_referee(sides.ours.model, layer, copied)
        if sides.budgets is not None:
            budgets.append(Budgets().of_call(copied, given, copied.run(*given)[0]))

    budgets = []
    ours = mistaken(layer, given, change)
    if ours is None:
        return False
    return (partial(rule, budget=budgets[0]) if budgets else rule)(ours, theirs).within
