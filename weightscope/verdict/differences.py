"""From gaps to a verdict on each call: a Difference, of one batch or of several."""

from dataclasses import replace

from weightscope.verdict.comparison import Difference
from weightscope.verdict.gaps import worst_gap

CONTRADICTED = "the reference is no witness in float64: what it gives there is not what its own dtype is rounded from"
ONLY_CHAINED = "what it was fed is not recorded, so the difference may come from before it"


def differences_of(sides, alone):
    """Return a list of Difference, one for each call of a batch: a ``sides.Sides`` and an ``alone.Alone`` of it.

    Input layers, and nested models as a whole, have no row: their layers have.
    """
    model = sides.ours.model
    found = {path: (alone.function.get(path), alone.deployed.get(path), sides.gaps.get(path)) for path in sides.asked}
    found = _contradicted(_computed_alike(found, sides), sides, alone.kept)
    shapes = model.shapes()
    rows = [_row((path, layer.class_name, shapes[path]), found[path], sides, alone) for path, layer in model.calls()]
    first = next((index for index, row in enumerate(rows) if row.verdict == "diverges"), len(rows))
    return [_inheriting(row, sides, index > first) for index, row in enumerate(rows)]


def _inheriting(row, sides, faulty):
    """Return the row, whose chained difference counts where a call before it diverges, or no budget tells roundings."""
    too_far = row.verdict == "agrees" and row.own is not None and row.total and not row.total.within
    return replace(row, verdict="inherited") if too_far and (faulty or sides.budgets is None) else row


def _computed_alike(found, sides):
    """Return the Gaps, where the deployed values miss their budget those of ours in the same dtype if they do not.

    Some numbers are made to be lost: what is masked has -1e9 added to it. Computed in the same dtype, ours lose them.
    """
    missed = [path for path, (_, alone, _) in found.items() if alone and alone.budgeted and not alone.within]
    rounded = sides.ours.rounded(sides.given) if missed else {}
    again = {path: sides.rule(path)(rounded[path], sides.theirs[path]) for path in missed if path in rounded}
    again = {path: replace(one, overflows=found[path][1].overflows) for path, one in again.items() if one.within}
    return {path: (function, again.get(path) or _without_overflows(alone), chained)
            for path, (function, alone, chained) in found.items()}


def _without_overflows(gap):
    """Return a Gap in which nothing counts as an overflow if it diverges: a NaN is then no more than another value."""
    return gap if gap is None or gap.within else replace(gap, overflows=0)


def _contradicted(found, sides, kept):
    """Return the Gaps without those in float64 where the reference contradicts itself, and what is deployed agrees.

    TensorFlow has another kernel for each dtype, and not all of them give the same: convolutions in 3D whose strides
    are longer than their kernels, without oneDNN.
    """
    def contradicts(path, function, alone, _):
        missed = function and alone and not function.within and alone.within and alone.budgeted
        return missed and not sides.rule(path)(kept[path], sides.theirs[path]).within

    return {path: (None, *gaps[1:]) if contradicts(path, *gaps) else gaps for path, gaps in found.items()}


def _row(call, gaps, sides, alone):
    """Return the Difference of one call (its path, class and shape), as if all before it agreed."""
    function, deployed, chained = gaps
    verdict, reason = _verdict(call[0], gaps, sides, alone)
    chained = None if verdict in ("not replayed", "not comparable") else chained
    return Difference(*call, chained, deployed, verdict, reason, function,
                      rounding=_by_rounding(call[0], deployed, sides, alone))


def _by_rounding(path, deployed, sides, alone):
    """Return the Gap of a call by what rounding may do, where it misses a tolerance; None where that is not known."""
    if deployed is None or deployed.within or deployed.budgeted or path not in (sides.budgets or {}):
        return None
    return sides.rule(path)(alone.missed[path], sides.theirs[path]) if path in alone.missed else None


def _verdict(path, gaps, sides, alone):
    function, deployed, chained = gaps
    missing = alone.missing.get(path, "")
    if path in sides.unlike:
        return "not comparable", sides.unlike[path]
    if path not in sides.theirs:
        return "not compared", missing
    if deployed is not None:
        unlike = path in alone.kept and function is None and deployed.budgeted
        return ("agrees" if deployed.within and (function is None or function.within) else "diverges",
                CONTRADICTED if unlike else "")
    if chained is None or missing:
        return "not replayed", missing or sides.ours.trace.missing.get(path, "")
    return ("agrees", "") if chained.within else ("diverges", ONLY_CHAINED)


def joined(parts):
    """Return the rows of several batches as one list: in each row the worst gap of all batches."""
    return [_joined_row(rows) for rows in zip(*parts)]


def _joined_row(rows):
    order = ("agrees", "inherited", "not compared", "not comparable", "not replayed", "misjudged", "diverges")
    worst = max(rows, key=lambda row: order.index(row.verdict))
    return replace(worst, causes=next((row.causes for row in rows if row.causes), ()),
                   total=worst_gap([row.total for row in rows]),
                   own=worst_gap([row.own for row in rows]),
                   own_in_float64=worst_gap([row.own_in_float64 for row in rows]),
                   rounding=worst_gap([row.rounding for row in rows]))
