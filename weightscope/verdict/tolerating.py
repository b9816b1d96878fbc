"""Which tolerance would pass, where the one that was given asks for more than rounding leaves."""

import math

MOST_RTOL = 0.1  # past it, what is missed are values next to 0, which are a matter of the atol
SLACK = 1.001  # the rule is reckoned in the reference's own dtype


def would_pass(rows, outputs, tolerance):
    """Return the options of ``verify`` with which a check would agree that misses nothing but a given tolerance.

    "" where it agrees, or where a layer misses more than rounding explains. ``rows``: Differences; ``outputs``: Gaps.
    """
    missed = [row for row in rows if row.verdict == "diverges"]
    wrong = [gap for gap in outputs if not gap.within]
    if not (missed or wrong) or not all(row.is_rounding for row in missed) or (wrong and not tolerance.is_given):
        return ""
    groups = {None: wrong}
    for row in missed:
        groups.setdefault(tolerance.of_layer(row.path), []).append(row.own)
    found = [_option(own, gaps, tolerance) for own, gaps in groups.items() if gaps]
    return "" if None in found else " ".join(found)


def _option(own, gaps, tolerance):
    """Return an option as text, None where none would do; ``own``: a layer's ``(name, rtol, atol)``, or None."""
    rtol, atol = (max(gap.passes[index] for gap in gaps) for index in (0, 1))
    if not math.isfinite(atol):
        return None
    by_rtol = rtol <= MOST_RTOL
    if own is None:
        return f"--rtol {rounded_up(rtol)}" if by_rtol else f"--atol {rounded_up(atol)}"
    name, given, besides = own
    numbers = (rounded_up(rtol), f"{besides or 0:g}") if by_rtol else (f"{given or 0:g}", rounded_up(atol))
    return f"--tolerance '{name}={','.join(numbers)}'"


def rounded_up(number):
    """Return a number in two digits, not less than it is, as ``1.1e-3``."""
    exponent = math.floor(math.log10(number * SLACK)) - 1
    return short(math.ceil(number * SLACK / 10.0**exponent) * 10.0**exponent)


def short(number):
    """Return a small number in two digits, its exponent without zeros."""
    return f"{number:.1e}".replace("e-0", "e-").replace("e+0", "e+")
