"""What a Comparison says in words, whatever the output format."""

import math
import os

from weightscope.model.names import printable
from weightscope.show.columns import ABSENT, is_large, times
from weightscope.show.misjudged import misjudged
from weightscope.show.not_finite import beside, not_finite, proves_nothing
from weightscope.show.tolerances import asked_for, by_tolerance, too_tight
from weightscope.show.wording import apart, counted, difference_text, share_text
from weightscope.verdict.differences import CONTRADICTED
from weightscope.verdict.sources import GREW

CHOSEN = ("quick", "a tolerance was given")  # reasons for no run in float64 that a user gave


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


def headline(result, file=None):
    """Return the verdict of a Comparison in one sentence, whose subject is the model's file.

    ``file``: its name in the sentence; None for the last part of its path.
    """
    file = file or os.path.basename(os.path.normpath(result.file)) if result.file else "the model"
    told = verdict_lines(result)[0]
    return f"{printable(file)} {'' if told.startswith(('agrees', 'diverges')) else 'is '}{told}."


def summary(result):
    """Return all that a Comparison says in lines of text: the verdict, what needs attention, and the details."""
    return [headline(result), *attention(result), *details(result)]


def sentence(result):
    """Return the lines of ``summary``, without the name of the file."""
    return [verdict_lines(result)[0], *attention(result), *details(result)]


def verdict_lines(result):
    """Return the verdict, the words for it first, and lines on what it follows from."""
    return {"agrees": _agrees, "unchecked": _unchecked, "not finite": not_finite, "diverges": _diverges}[
        result.verdict](result)


def attention(result):
    """Return the lines that need attention: what the verdict follows from, and what a reader may not expect."""
    return [*verdict_lines(result)[1:], *too_tight(result), *beside(result), *_no_twin(result, by_choice=False),
            *_no_witness(result), *_edges(result), *_overflow(result), *_grown(result), *_chaotic(result),
            *_self_test(result), *asked_for(result)]


def details(result):
    """Return the lines that are told besides with ``--verbose``: both questions, how errors add up, which Keras."""
    return [*_no_twin(result, by_choice=True), *_same_function(result), *_within_rounding(result), *_total(result),
            f"held against {printable(result.reference)}"]


def _no_twin(result, by_choice):
    """Return a line on why nothing was asked in float64; ``by_choice``: where a user's own words are the reason."""
    told = result.no_twin and (result.no_twin in CHOSEN or result.partial) == by_choice
    return [f"same function: not asked in float64: {printable(result.no_twin)}"] if told else []


def _same_function(result):
    shares = [row.own_in_float64.of_limit for row in result.rows
              if row.own_in_float64 is not None and row.verdict != "misjudged"]
    return [f"same function: {_yes(result.same_function)}; in float64 the largest share of the limit is"
            f" {share_text(max(shares))}"] if shares else []


def _within_rounding(result):
    judged = [row for row in result.rows
              if row.own is not None and row.own.budgeted and row.verdict != "misjudged"]
    if not judged or by_tolerance(result):
        return []
    worst = max(judged, key=lambda row: row.own.of_limit)
    return [f"within rounding: {_yes(all(row.own.within for row in judged))}; in the model's own dtype the largest"
            f" share of the limit is {share_text(worst.own.of_limit)} (layer '{printable(worst.path)}'"
            f"{_ulps(worst.own)})"]


def _yes(answer):
    return "yes" if answer else "no"


def _no_witness(result):
    untold = [row for row in result.rows if row.reason == CONTRADICTED]
    return [f"no witness in float64 for {counted(len(untold), 'layer call')}"] if untold else []


def _edges(result):
    edges = sum(found.edges for row in result.rows for found in (row.own_in_float64, row.own) if found is not None)
    return [f"on an edge: {counted(edges, 'value')} differ where the function jumps"] if edges else []


def _ulps(found):
    """Return the difference in units in the last place where it uses most, as a text behind others."""
    return f", {found.ulps:.2g} ulp" if 0 < found.ulps < 1e5 else ""


def _overflow(result):
    """Return a line on values that are too large for a dtype on the way, where there are some."""
    over = [row for row in result.rows if row.own is not None and row.own.overflows]
    values = sum(row.own.overflows for row in over)
    return [f"overflow: {counted(values, 'value')} finite in float64 {'is' if values == 1 else 'are'} not in"
            f" {over[0].own.dtype}, first at layer '{printable(over[0].path)}'"] if over else []


def _total(result):
    """Return a line on how large total errors are."""
    rows = [row for row in result.rows if row.source is not None]
    if not rows or result.first is not None or result.misjudged:
        return []
    most = max(rows, key=lambda row: row.total.of_largest)
    return [f"total error: at most {difference_text(most.total.of_largest)} of a layer's largest value, at"
            f" '{printable(most.path)}'{_growth(rows)}"]


def _grown(result):
    """Return a line on roundings that have grown past what a tolerance would allow, where all layers agree."""
    large = [row for row in result.rows if row.verdict == "agrees" and is_large(row)]
    if not large or result.first is not None:
        return []
    return [f"large total error, though every layer agrees: {difference_text(large[0].total_error)} at layer"
            f" '{printable(large[0].path)}'{_growth(result.rows)}"]


def _growth(rows):
    grown = [row for row in rows if row.source is not None and row.source.kind == GREW]
    if not grown:
        return ""
    worst = max(grown, key=lambda row: row.source.factor)
    return f"; it grew most, {times(worst.source.factor)}, at '{printable(worst.path)}'"


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
    end = "" if values else ", without an output to compare"
    which = f"{_which(result)}{' and predict' if values else ''}"
    return [f"agrees with {_reference(result)}: {which}, on {counted(result.samples, 'sample')}{end}"]


def _which(result):
    """Return which layers were compared, as ``all 3 layers``."""
    checked, every = len(result.compared), len(result.rows)
    noun = "call" if any("#" in row.path for row in result.rows) else "layer"
    if checked < every:
        return f"{checked:,} of {counted(every, noun)}"
    return {1: f"its only {noun}", 2: f"both {noun}s"}.get(every, f"all {counted(every, noun)}")


def _reference(result):
    """Return which Keras it was, by its backend too if that is another than the usual one."""
    return printable(result.reference.replace(" on tensorflow", ""))


def _unchecked(result):
    return misjudged(result) if result.misjudged else [_why_unchecked(result)]


def _why_unchecked(result):
    if not result.rows:
        return "unchecked: the model has no layer that computes anything"
    if result.not_comparable:
        path, words = result.not_comparable[0]
        which = path if path.startswith("output ") else f"layer '{printable(path)}'"
        first = "first " * (len(result.not_comparable) > 1)
        return (f"unchecked: {counted(len(result.not_comparable), 'recorded array')} cannot be compared, {first}that of"
                f" {which}, {words}")
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
    theirs, first = "the record" if result.partial else "Keras", result.first
    lines = [] if first is None else [
        _first(first), f"layer '{printable(first.path)}': {gap_text(first.fault, theirs)}"]
    lines += [_cause(row, theirs) for row in result.rows if row.causes]
    for index, found in enumerate(result.outputs):
        if not found.within:
            which = f"output {index}" if len(result.outputs) > 1 else "output"
            lines.append(f"{which} of predict: {gap_text(found, theirs)}")
    return [f"diverges from {_reference(result)}: {lines[0]}", *lines[1:]]


def _first(row):
    own = row.verdict == "diverges"
    fault = "by its own fault" if own else "with an error that came in from before it"
    fault = "by the tolerance alone" if row.is_rounding else fault
    if own and row.own is None:
        fault = row.reason
    return f"first at layer '{printable(row.path)}' ({printable(row.class_name)}), {fault}"


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
