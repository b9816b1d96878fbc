"""A Comparison, and a row of it, as ``print`` and a notebook show them: importing this tells it to their classes."""

from functools import partial

from weightscope.model.names import printable, show_as
from weightscope.show import rows
from weightscope.show.columns import LAYER, cells, heads, legend, verdict_text
from weightscope.show.notebook import MOST_ROWS, as_text, line, preformatted, section, table
from weightscope.show.verdict import attention, chosen_rows, chosen_trials, gap_text, headline, trial_texts
from weightscope.show.wording import counted, difference_text, shape_text, share_text
from weightscope.verdict.comparison import Comparison, Difference

MARKS = {"agrees": "✓", "diverges": "✗", "not finite": "✗"}


def _comparison(shown):
    names = heads()
    found = [(f"… {counted(row, 'row')} more", *[""] * (2 + len(names)), "agrees") if isinstance(row, int)
             else _row(row) for row in chosen_rows(shown.rows, MOST_ROWS)]
    right = set(range(len(LAYER), len(LAYER) + len(names)))
    told = [line("", text) for text in [*attention(shown), *[f"note: {note}" for note in shown.notes]]]
    told += [line("", f"{name}: {meaning}") for name, meaning in legend(shown)]
    trials = [_self_test(shown)] if shown.trials else []
    return section(line(f"{MARKS.get(shown.verdict, '?')} {headline(shown)}"),
                   table((*LAYER, *names, "verdict"), found, right), *told, *trials)


def _row(row):
    reason = f": {row.reason}" if row.reason else ""
    return (row.path, row.class_name, shape_text(row.shape), *cells(row), verdict_text(row) + reason)


def _self_test(shown):
    found = []
    for trial in chosen_trials(shown, MOST_ROWS):
        if isinstance(trial, int):
            found.append((f"… {counted(trial, 'row')} more", "", "", "with all changes noticed", ""))
        else:
            numbers, told = trial_texts(trial)
            found.append((trial.path, *numbers, "; ".join(told)))
    return table(("self-test", "changes", "noticed", "one weight, from", ""), found, {1, 2})


def _difference(shown, page):
    page.line(printable(shown.path), printable(shown.class_name), shape_text(shown.shape), shown.verdict)
    for title, found in (("own error", shown.own), ("own error in float64", shown.own_in_float64),
                         ("total error", shown.total)):
        if found is not None:
            where = "" if found.within else f"; {gap_text(found, 'the reference')}"
            page.line(f"{title}: {difference_text(found.absolute)}, {share_text(found.of_limit)} of limit{where}",
                      indent=2)
    for text in [*[f"cause: {words}" for words in shown.causes], *filter(None, [shown.reason])]:
        page.line(printable(text), indent=2)


show_as(Difference, as_text(_difference), preformatted(as_text(_difference)))
show_as(Comparison, as_text(partial(rows.comparison, with_legend=True)), _comparison)
