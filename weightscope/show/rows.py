"""A Comparison as plain text: one row a call of a layer, and the verdict in a sentence."""

from weightscope.model.names import printable
from weightscope.show.text import plain
from weightscope.show.verdict import chosen_rows, chosen_trials, row_texts, sentence, trial_texts
from weightscope.show.wording import counted, shape_text

WIDTHS, VERDICT = (8, 9, 8, 8, 7), 12  # of a comparison's columns: of numbers, and of verdicts
NUMBER, FINEST = 9, 28  # and of a self-test's: of numbers, and of changes of a weight
STYLES = {"agrees": "green", "diverges": "bold red", "not finite": "bold red"}


def comparison(result, page, limit=None):
    """Write a Comparison on a Page of ``show.text``.

    ``limit``: the most rows to show; rows that do not agree are always shown. Each row has the share of what rounding
    may do that the layer alone, fed with the reference's values, uses in float64, and in its own dtype; the largest
    difference, of the layer alone and chained, fed with our values; and where that comes from.
    """
    left = page.width - sum(WIDTHS) - 2 - VERDICT
    page.line(" " * left + _in_columns(["float64", "deployed", "alone", "chained"]))
    _columns(page, left, [("layer", "")], ["used", "used", "largest", "largest", "from"], "verdict")
    for row in chosen_rows(result.rows, limit):
        if isinstance(row, int):
            page.line(f"… {counted(row, 'row')} more, which {'agree' if row > 1 else 'agrees'}")
        else:
            _row(page, left, row)
    page.line()
    verdict, *rest = sentence(result)
    page.line((verdict, _style(result.verdict)))
    for line in rest:
        page.line(line)
    for note in result.notes:
        page.line(f"note: {printable(note)}")
    if result.trials:
        _self_test(result, page, limit)


def _self_test(result, page, limit):
    """Write a row for each call whose check was checked."""
    left = page.width - 2 * NUMBER - FINEST
    page.line()
    _trial(page, left, ("self-test", "bold"), ["changes", "noticed", "one weight, from"])
    for trial in chosen_trials(result, limit):
        if isinstance(trial, int):
            page.line(f"… {counted(trial, 'row')} more, with all changes noticed")
            continue
        numbers, told = trial_texts(trial)
        _trial(page, left, (printable(trial.path), "bold"), [*numbers[:2], printable(numbers[2])])
        for line in told:
            page.line(printable(line), indent=2)


def _trial(page, left, title, numbers):
    if len(title[0]) > left - 2:
        page.line(title)
        title = ("", "")
    made, noticed, finest = numbers
    page.line(title, " " * (left - 2 - len(title[0])) + made.rjust(NUMBER) + noticed.rjust(NUMBER), finest)


def _style(verdict):
    return STYLES.get(verdict, "yellow")


def _row(page, left, row):
    title = [(printable(row.path), "bold"), (printable(row.class_name), "cyan"), (shape_text(row.shape), "green")]
    if len(plain(title)) > left:
        page.line(*title)
        title = []
    _columns(page, left, title, row_texts(row), row.verdict)
    if row.reason:
        page.line(printable(row.reason), indent=2)


def _columns(page, left, title, numbers, verdict):
    used = len(plain(title)) + 2 if title else 0
    page.line(*title, " " * (left - used) + _in_columns(numbers),
              (verdict, _style(verdict) if verdict != "verdict" else ""))


def _in_columns(numbers):
    return "".join(number.rjust(width) for number, width in zip(numbers, WIDTHS))
