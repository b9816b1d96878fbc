"""The columns of a Comparison's table, whatever the output format: their heads, what a row has in them, what they mean.

``verbose``: the share of the limit twice, for both questions that are asked of a layer.
"""

from weightscope.show.tolerances import by_tolerance
from weightscope.show.wording import difference_text, share_text
from weightscope.verdict.sources import CAME_IN, GREW

ABSENT = "-"
LAYER = ("layer", "class", "output")
LEGEND = {
    "own error": "largest difference when this layer is given Keras' own values",
    "total error": "largest difference when NumPy computes all before it, too",
    "of limit": "own error as a share of what rounding can do; over 100% diverges",
}
BY_TOLERANCE = "own error as a share of the tolerance; over 100% diverges"
VERBOSE = {
    "in float64": "own error as a share of what rounding can do, all in float64",
    "as saved": "the same in the model's own dtype; over 100% diverges",
}
CAME = "this layer agrees; its error came from before, or grew on the way"


def heads(verbose=False):
    """Return the heads of the columns of numbers."""
    return ["own error", "total error", *(VERBOSE if verbose else ["of limit"])]


def cells(row, verbose=False):
    """Return the numbers of a Difference as texts, one for each of ``heads``."""
    gaps = [row.own, row.total]
    errors = [ABSENT if gap is None or gap.problem else difference_text(gap.absolute) for gap in gaps]
    if not verbose:
        return [*errors, _share(row.of_limit)]
    return [*errors, *(_share(gap and gap.of_limit) for gap in (row.own_in_float64, row.own))]


def _share(share):
    return ABSENT if share is None else share_text(share)


def verdict_text(row):
    """Return the verdict of a Difference, with where its total error is from if that is too large to be let pass."""
    from_before = from_where(row.source)
    if row.verdict == "inherited":
        return from_before or row.verdict
    if row.verdict == "agrees" and is_large(row) and from_before:
        return f"agrees, {from_before}"
    return row.verdict


def is_large(row):
    """Tell whether the total error of a Difference is more than a tolerance for its dtype would allow."""
    return row.total is not None and not row.total.within


def from_where(source):
    """Return in words where a total error is from: ``came in``, ``grew ×3 here``, or "" for the layer itself."""
    if source is None or source.kind not in (CAME_IN, GREW):
        return ""
    return source.kind if source.kind == CAME_IN else f"grew {times(source.factor)} here"


def times(factor):
    """Return a factor as text, ``×3``, ``×2.9``."""
    return "over ×1000" if factor > 1000 else f"×{factor:.0f}" if factor >= 9.5 else f"×{factor:.2g}"


def legend(result, verbose=False):
    """Return ``(column, meaning)`` of the columns of numbers, and of verdicts that explain themselves less."""
    told = {**LEGEND, **(VERBOSE if verbose else {})}
    if by_tolerance(result):
        told["of limit"] = BY_TOLERANCE
    if verbose:
        told.pop("of limit")
    came = any(row.verdict == "inherited" for row in result.rows)
    return [*told.items(), *[("came in, grew", CAME)] * came]
