"""What a Comparison says in words, whatever the output format."""

from weightscope.compare import ATOL_OF_LARGEST, RTOL
from weightscope.show.names import printable
from weightscope.show.wording import apart, counted, difference_text

ABSENT = "-"


def chosen_rows(rows, limit):
    """Return at most ``limit`` rows, with a number in place of each run of rows left out.

    Rows that do not agree are never left out; None shows all.
    """
    if limit is None or len(rows) <= limit:
        return list(rows)
    room = max(limit - sum(row.verdict != "agrees" for row in rows), 0)
    shown = []
    for row in rows:
        if row.verdict != "agrees" or room > 0:
            room -= row.verdict == "agrees"
            shown.append(row)
        elif shown and isinstance(shown[-1], int):
            shown[-1] += 1
        else:
            shown.append(1)
    return shown


def sentence(result):
    """Return the verdict of a Comparison as a few lines of text, the first of them the verdict itself."""
    if result.verdict == "agrees":
        return [_agrees(result), tolerance_text(result)]
    if result.verdict == "unchecked":
        return [_unchecked(result), tolerance_text(result)]
    return [*_diverges(result), tolerance_text(result)]


def _agrees(result):
    values = sum(found.values for found in result.outputs)
    return (f"agrees: all {counted(len(result.rows), 'layer call')}, and the output of predict, on"
            f" {counted(result.samples, 'sample')} ({counted(values, 'output value')})")


def _unchecked(result):
    if not result.rows:
        return "unchecked: the model has no layer that computes anything"
    if not sum(found.values for found in result.outputs):
        return "unchecked: no output value was compared"
    left = [row for row in result.rows if row.verdict != "agrees"]
    return (f"unchecked: {len(left)} of {counted(len(result.rows), 'layer call')} could not be compared, first"
            f" {printable(left[0].path)!r} ({printable(left[0].class_name)})")


def _diverges(result):
    first = result.first
    lines = []
    if first is not None:
        fault = "by its own fault" if first.verdict == "diverges" else "with differences inherited from before it"
        found = first.isolated if first.verdict == "diverges" else first.chained
        lines.append(f"diverges: first at layer '{printable(first.path)}' ({printable(first.class_name)}), {fault}:"
                     f" {gap_text(found, result.reference)}")
    for index, found in enumerate(result.outputs):
        if not found.within:
            start = "" if lines else "diverges: "
            lines.append(f"{start}output {index} of predict: {gap_text(found, result.reference)}")
    return lines


def gap_text(found, reference):
    """Return where a Gap is widest, with both numbers: ``at [0, 3] NumPy has 0.12345, Keras 0.12346``."""
    if found.problem:
        return found.problem
    ours, theirs = apart(found.ours, found.theirs)
    index = ", ".join(map(str, found.index))
    return f"at [{index}] NumPy has {ours}, {reference} {theirs} (apart by {difference_text(abs_gap(found))})"


def abs_gap(found):
    """Return the distance of the two numbers at the index of a Gap."""
    return abs(found.ours - found.theirs)


def tolerance_text(result):
    """Return the rule that the verdict follows, in words."""
    given = result.tolerance
    if given.rtol is not None and given.atol is not None:
        bounds = f"rtol {given.rtol:g} and atol {given.atol:g}"
    else:
        rtol = f"{RTOL['float32']:g}" if given.rtol is None else f"{given.rtol:g}"
        atol = f"{given.atol:g}" if given.atol is not None else (
            f"{ATOL_OF_LARGEST['float32']:g} of the layer's largest value")
        bounds = f"rtol {rtol} and atol {atol} (for float32; other dtypes have their own)"
    return f"tolerance: |NumPy - {result.reference}| <= atol + rtol * |{result.reference}| with {bounds}"
