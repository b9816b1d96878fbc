"""What a Comparison says of tolerances: which were asked for, whether rounding leaves them, and what would pass."""

from weightscope.model.names import printable
from weightscope.verdict.budget import UNITS
from weightscope.verdict.gaps import ATOL_OF_LARGEST, RTOL
from weightscope.verdict.tolerating import short


def by_tolerance(result):
    """Tell whether calls are judged by one tolerance for all, not by what rounding may do."""
    given = result.tolerance
    judged = [row.own or row.total for row in result.compared if given.of_layer(row.path) is None]
    return given.is_given or not all(found.budgeted for found in judged if found is not None)


def asked_for(result):
    """Return the rules that the verdict follows beside the budgets for rounding, a line each."""
    given = result.tolerance
    lines = [f"tolerance: |ours - theirs| <= atol + rtol * |theirs| with {_bounds(given.rtol, given.atol)}"
             ] if by_tolerance(result) else []
    rule = "" if lines else "|ours - theirs| <= atol + rtol * |theirs| with "
    return lines + [f"tolerance of layer '{printable(name)}': {rule}{_bounds(rtol, atol)}"
                    for name, rtol, atol in given.layers]


def too_tight(result):
    """Return a line on a tolerance that rounding does not leave, and one on what would pass, where there are such."""
    missed = [row for row in result.rows if row.is_rounding]
    told = [_tighter(max(missed, key=lambda row: row.own.of_limit), result.tolerance)] if missed else []
    return told + [f"agrees from {result.would_pass}"] * bool(result.would_pass)


def _tighter(row, given):
    own = given.of_layer(row.path)
    rtol, atol = own[1:] if own else (given.rtol, given.atol)
    asked = f"{rtol:g}" if rtol is not None and not atol else _bounds(rtol, atol)
    unit = 2 * UNITS[row.rounding.dtype]
    here = unit if rtol is not None and rtol < unit else row.own.relative
    return f"{asked} is tighter than {row.rounding.dtype} can be here: about {short(here)}"


def _bounds(rtol, atol):
    if rtol is not None and atol is not None:
        return f"rtol {rtol:g} and atol {atol:g}"
    rtol = f"{RTOL['float32']:g}" if rtol is None else f"{rtol:g}"
    atol = f"{atol:g}" if atol is not None else f"{ATOL_OF_LARGEST['float32']:g} of the layer's largest value"
    return f"rtol {rtol} and atol {atol} (for float32; other dtypes have their own)"
