"""What a Comparison says in words, whatever the output format."""

import math

from weightscope.model.names import printable
from weightscope.show.misjudged import misjudged
from weightscope.show.not_finite import beside, not_finite, proves_nothing
from weightscope.show.tolerances import asked_for, by_tolerance, too_tight
from weightscope.show.wording import apart, counted, difference_text, share_text
from weightscope.verdict.differences import CONTRADICTED
from weightscope.verdict.sources import AMPLIFIED, BORN

ABSENT = "-"


def chosen_rows(rows, limit, is_fine=lambda row: row.verdict == "agrees"):
    """Return at most ``limit`` rows, with a number in place of each run of rows left out.

    Rows that are not fine are never left out; None shows all.
    """
    if limit is None or len(rows) <= limit:
        return list(rows)
    room = max(limit - sum(not is_fine(row) for row in rows), 0)
    shown = []
    for row in rows:
        if not is_fine(row) or room > 0:
            room -= is_fine(row)
            shown.append(row)
        elif shown and isinstance(shown[-1], int):
            shown[-1] += 1
        else:
            shown.append(1)
    return shown


def sentence(result):
    """Return the verdict of a Comparison as a few lines of text, the first of them the verdict itself."""
    verdict = _unchecked if result.verdict == "unchecked" else {
        "agrees": _agrees, "not finite": not_finite, "diverges": _diverges}[result.verdict]
    lines = verdict(result)
    return [*lines, *too_tight(result), *beside(result), *_two_answers(result), *_chained(result),
            *_chaotic(result), *_self_test(result), *asked_for(result)]


def row_texts(row):
    """Return the numbers of a Difference as texts: what it used in float64 and deployed, alone, chained, from where."""
    used = [ABSENT if found is None else share_text(found.of_limit) for found in (row.own_in_float64, row.own)]
    largest = [ABSENT if found is None else difference_text(found.absolute) for found in (row.own, row.total)]
    return [*used, *largest, _source_text(row.source)]


def _source_text(source):
    if source is None:
        return ABSENT
    return "here" if source.kind == BORN else _times(source) if source.kind == AMPLIFIED else "before"


def _times(source):
    return f"×{source.factor:.0f}" if 9.5 <= source.factor < 1e4 else f"×{source.factor:.2g}"


def _two_answers(result):
    """Return a line for each of the two questions: the same function, and within rounding."""
    rows = [row for row in result.rows if row.own_in_float64 is not None]
    if rows:
        worst = max(row.own_in_float64.of_limit for row in rows)
        answer = "yes" if result.same_function else "no"
        lines = [f"same function: {answer}; in float64 each layer alone used at most {share_text(worst)} of what"
                 " rounding may do"]
    else:
        lines = [f"same function: not asked in float64: {printable(result.no_twin)}"] if result.no_twin else []
    untold = [row for row in result.rows if row.reason == CONTRADICTED]
    lines += [f"no witness in float64 for {counted(len(untold), 'layer call')}"] if untold else []
    judged = [row for row in result.rows if row.own is not None and row.own.budgeted]
    if judged and not by_tolerance(result):
        worst = max(judged, key=lambda row: row.own.of_limit)
        answer = "yes" if all(row.own.within for row in judged) else "no"
        lines.append(f"within rounding: {answer}; in its own dtype each layer alone used at most"
                     f" {share_text(worst.own.of_limit)} (layer '{printable(worst.path)}'{_ulps(worst.own)})")
    judged = [row for row in result.rows if row.own is not None]
    edges = sum(found.edges for row in result.rows for found in (row.own_in_float64, row.own) if found is not None)
    lines += [f"on an edge: {counted(edges, 'value')} differ where the function jumps"] if edges else []
    return lines + _overflow(judged)


def _ulps(found):
    """Return the difference in units in the last place where it uses most, as a text behind others."""
    return f", {found.ulps:.2g} ulp" if 0 < found.ulps < 1e5 else ""


def _overflow(rows):
    """Return a line on values that are too large for a dtype on the way, where there are some."""
    over = [row for row in rows if row.own.overflows]
    values = sum(row.own.overflows for row in over)
    return [f"overflow: {counted(values, 'value')} finite in float64 {'is' if values == 1 else 'are'} not in"
            f" {over[0].own.dtype}, first at layer '{printable(over[0].path)}'"] if over else []


def _chained(result):
    """Return a line on how far differences grow when NumPy goes on with its own values, where they do."""
    rows = [row for row in result.rows if row.source is not None]
    if not rows or result.first is not None:
        return []
    most = max(rows, key=lambda row: row.total.of_largest)
    off = difference_text(most.total.of_largest)
    told = (f"chained: fed by NumPy's own values, off by at most {off} of a layer's largest value"
            f" (at '{printable(most.path)}')")
    worst = max(rows, key=lambda row: row.source.factor * (row.source.kind == AMPLIFIED))
    amplified = worst.source.kind == AMPLIFIED
    return [told + (f"; most amplified by '{printable(worst.path)}' ({_times(worst.source)})" if amplified else "")]


def _chaotic(result):
    """Return a line for each output of predict that rounding can move further than a plain tolerance lets it."""
    return [("chaotic here: " if found.is_chaotic else "") + f"rounding can move output {index} of predict by"
            f" {difference_text(found.span)} of its largest value"
            + (", so that it proves nothing: the layers decide" if found.is_chaotic else "")
            for index, found in enumerate(result.outputs) if found.span]


def _self_test(result):
    """Return a line on what the self-test found, where there was one."""
    if result.trials is None:
        return []
    made = sum(trial.made for trial in result.trials)
    found = f"{made - len(result.unnoticed)} of {made}" if result.unnoticed else f"all {made}"
    finest = [trial.finest[1] for trial in result.trials if trial.finest]
    told = f"; in every layer, that of one weight by {difference_text(max(finest))} of itself" if finest else ""
    return [f"self-test: noticed {found} changes of weights, inputs and settings{told}"]


def chosen_trials(result, limit):
    """Return at most ``limit`` Trials as ``chosen_rows`` does; those with a change that was missed are always there."""
    return chosen_rows(result.trials or [], limit, lambda trial: not trial.missed and not trial.untried)


def trial_texts(trial):
    """Return the texts of a Trial: how many changes, how many noticed, and the finest; then lines of what to know."""
    weight, change = trial.finest or ("", 0.0)
    told = [f"not noticed: {words}" for words in trial.missed]
    told += [f"with this input nothing depends on {words}" for words in trial.unused]
    told += [f"not tried: {trial.untried}"] * bool(trial.untried)
    return [str(trial.made), str(trial.made - len(trial.missed)),
            f"{difference_text(change)} of {weight}" if weight else ABSENT], told


def _agrees(result):
    values = sum(found.values for found in result.outputs)
    checked, every = len(result.compared), counted(len(result.rows), "layer call")
    calls = f"{checked} of {every}" if result.partial else f"all {every}"
    output = f", and the output of predict, on {counted(result.samples, 'sample')} ({counted(values, 'output value')})"
    if not values:
        output = f", and no output, on {counted(result.samples, 'sample')}"
    return [f"agrees with {printable(result.reference)}: {calls}{output}"]


def _unchecked(result):
    return misjudged(result) if result.misjudged else [_why_unchecked(result)]


def _why_unchecked(result):
    if not result.rows:
        return "unchecked: the model has no layer that computes anything"
    if not sum(found.values for found in result.outputs) and not (result.partial and result.compared):
        return "unchecked: no output value was compared"
    fine = ("agrees", "not compared") if result.partial else ("agrees",)
    left = [row for row in result.rows if row.verdict not in (*fine, "not finite")]
    if not left and proves_nothing(result):
        return f"unchecked: {proves_nothing(result)}"
    if not left and result.untried and not result.unnoticed:
        path, words = result.untried[0]
        return (f"unchecked: the self-test could try nothing on {counted(len(result.untried), 'layer call')}, first at"
                f" layer '{printable(path)}': {words}")
    if not left:
        path, words = result.unnoticed[0]
        return (f"unchecked: the verdict did not notice {counted(len(result.unnoticed), 'change')} of the self-test,"
                f" first at layer '{printable(path)}': {printable(words)}")
    return (f"unchecked: {len(left)} of {counted(len(result.rows), 'layer call')} could not be compared, first"
            f" {printable(left[0].path)!r} ({printable(left[0].class_name)})")


def _diverges(result):
    theirs = "the record" if result.partial else "Keras"
    lines = [] if result.first is None else [_first(result.first, theirs)]
    lines += [_cause(row, theirs) for row in result.rows if row.causes]
    for index, found in enumerate(result.outputs):
        if not found.within:
            lines.append(f"output {index} of predict: {gap_text(found, theirs)}")
    return [f"diverges from {printable(result.reference)}: {lines[0]}", *lines[1:]]


def _first(row, theirs):
    own = row.verdict == "diverges"
    fault = "by its own fault" if own else "with differences inherited from before it"
    fault = "by the tolerance alone" if row.is_rounding else fault
    if own and row.own is None:
        fault = row.reason
    return (f"first at layer '{printable(row.path)}' ({printable(row.class_name)}), {fault}:"
            f" {gap_text(row.fault, theirs)}")


def _cause(row, theirs):
    return f"cause at '{printable(row.path)}': {theirs} gives what the layer gives with {printable(row.causes[0])}"


def gap_text(found, theirs="Keras", ours="NumPy"):
    """Return where a Gap is widest, with both numbers: ``at [0, 3] NumPy has 0.12345, Keras 0.12346``.

    ``theirs``, ``ours``: what the sides are called.
    """
    if found.problem:
        return found.problem
    own, value = apart(found.ours, found.theirs)
    index = ", ".join(map(str, found.index))
    distance = abs(found.ours - found.theirs)
    by = f", apart by {difference_text(distance)}" if math.isfinite(distance) else ""
    return f"at [{index}] {ours} has {own}, {theirs} {value}{by}"
