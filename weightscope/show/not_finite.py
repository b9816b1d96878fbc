"""What a Comparison says of NaN and infinities: in weights, in the input, in what ``predict`` gives."""

import math

from weightscope.model.names import printable
from weightscope.show.wording import counted

FEW = 3  # arrays that are named in one line
ALLOWED = "--allow-nonfinite lets NaN and infinities count as agreement where both have them"


def not_finite(result):
    """Return the verdict of a Comparison that is ``not finite``, and what to do, a line each."""
    weights = [one for one in result.broken if one.kind == "weight"]
    outputs = [_output(one, result) for one in result.broken if one.kind == "output"]
    origins = [] if weights else [_began(one) for one in result.broken if one.origin]
    told = "; ".join(filter(None, [weights_text(weights), *outputs]))
    return [f"not finite: {told}", *dict.fromkeys(origins), ALLOWED]


def weights_text(found):
    """Return what the first of the weights hold that is not finite, and how many are left; ``found``: NotFinites."""
    more = [f"{counted(len(found) - FEW, 'weight')} more"] * (len(found) > FEW)
    return "; ".join([*map(weight_text, found[:FEW]), *more])


def beside(result):
    """Return lines for what is NaN or infinite beside another verdict, and for what the input brings in."""
    lines = [f"input '{printable(one.name)}' holds {_numbers(one)}, first at {_place(one)}: what comes of"
             f" {'it' if one.count == 1 else 'them'} is no fault of the model's" for one in _of(result, "input")]
    if result.verdict != "diverges":
        lines += [_swallowed(one) for one in _of(result, "output") if one.swallowed]
    if result.verdict == "not finite":
        return lines
    weights = [weight_text(one) for one in _of(result, "weight")]
    outputs = [_output(one, result) for one in _of(result, "output") if one.count]
    excused = [_excused(one, result) for one in _of(result, "output") if one.excused]
    return lines + [f"not finite: {'; '.join([*weights[:FEW], *outputs])}"] * bool(weights or outputs) + excused


def proves_nothing(result):
    """Return why a Comparison is unchecked, with NaN and infinities everywhere; "" where that is not why."""
    if result.void:
        return f"{'; '.join(_void(one, result) for one in result.void)}, which proves nothing"
    rows = [row for row in result.rows if row.verdict == "not finite"]
    if not rows:
        return ""
    return (f"all that {len(rows)} of {counted(len(result.rows), 'layer call')} gave is NaN or infinite, first"
            f" {printable(rows[0].path)!r} ({printable(rows[0].class_name)}), which proves nothing")


def _of(result, kind):
    return [one for one in result.not_finite if one.kind == kind]


def weight_text(one):
    """Return what a weight holds that is no finite number, ``dense.bias [0] is NaN``, for its NotFinite."""
    if one.count == 1:
        return f"{printable(one.name)} {_place(one)} is {_value(one.value)}"
    return f"{printable(one.name)} holds {_numbers(one)}, first at {_place(one)}"


def _output(one, result):
    every = _counted_outputs(one, result)
    if one.nan and one.infinite:
        return f"{_numbers(one)} among {every}"
    some = f"all {every}" if one.count == one.size else f"{one.count:,} of {every}"
    return f"{some} {_is(one.count)} {'NaN' if one.nan else 'infinite'}"


def _void(one, result):
    return f"all {_counted_outputs(one, result)} {_is(one.size)} NaN or infinite"


def _excused(one, result):
    return (f"{one.excused:,} of {_counted_outputs(one, result)} {_is(one.excused)} NaN or infinite for samples whose"
            " input is")


def _swallowed(one):
    return (f"Keras' predict gives numbers for {counted(one.swallowed, 'output')} that its layers, run one by one, make"
            " NaN or infinite: what computes several at once may take NaN for 0")


def _counted_outputs(one, result):
    number = counted(one.size, "output")
    return number if len(result.outputs) < 2 else f"{number} of output {one.name}"


def _began(one):
    return f"the first NaN or infinity on the way to it comes of numbers at layer '{printable(one.origin)}'"


def _is(number):
    return "is" if number == 1 else "are"


def _numbers(one):
    kinds = [f"{one.nan:,} NaN"] * bool(one.nan)
    kinds += [f"{one.infinite:,} infinite {'number' if one.infinite == 1 else 'numbers'}"] * bool(one.infinite)
    return " and ".join(kinds)


def _value(value):
    return "NaN" if math.isnan(value) else "infinity" if value > 0 else "-infinity"


def _place(one):
    return f"[{', '.join(map(str, one.index))}]"
