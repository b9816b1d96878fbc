"""A Comparison as plain text: the verdict in a sentence, one row a call of a layer, and what needs attention."""

from weightscope.model.names import printable
from weightscope.show.columns import LAYER, cells, heads, legend, verdict_text
from weightscope.show.verdict import attention, chosen_rows, chosen_trials, details, headline, trial_texts
from weightscope.show.wording import counted, shape_text

LONG = 30  # rows, past which the sentence stands at the end once more
NUMBER, FINEST = 9, 28  # the columns of a self-test: of numbers, and of changes of a weight
STYLES = {"agrees": "green", "diverges": "bold red", "not finite": "bold red"}


def comparison(result, page, limit=None, verbose=False, with_legend=False):
    """Write a Comparison on a Page of ``show.text``.

    ``limit``: the most rows to show; rows that do not agree are always shown. Each row has the layer's own error, the
    total error, and the share of what is allowed that its own one takes; ``verbose``: that for both questions, and
    the answers to them. ``with_legend``: say what the columns are.
    """
    page.line((headline(result), _style(result.verdict)))
    page.line()
    _table(result, page, limit, verbose)
    more = [*attention(result), *(details(result) if verbose else []),
            *(f"note: {printable(note)}" for note in result.notes)]
    for number, line in enumerate(more):
        page.line() if not number else None
        page.line(line)
    if result.trials:
        _self_test(result, page, limit)
    if with_legend and result.rows:
        page.line()
        _legend(result, page, verbose)
    if len(result.rows) > LONG and limit is None:
        page.line()
        page.line((headline(result), _style(result.verdict)))


def _legend(result, page, verbose):
    told = legend(result, verbose)
    width = max(len(name) for name, _ in told)
    for name, meaning in told:
        page.line((name.ljust(width), "bold"), (meaning, "dim"))


def _table(result, page, limit, verbose):
    """Write the rows, their columns as wide as what stands in them; what is too long for one has a line of its own."""
    chosen = chosen_rows(result.rows, limit)
    rows = [row for row in chosen if not isinstance(row, int)]
    numbers = [heads(verbose), *(cells(row, verbose) for row in rows)]
    verdicts = ["verdict", *map(verdict_text, rows)]
    widths = [max(map(len, column)) for column in zip(*numbers)]
    room = page.width - sum(widths) - 2 * len(widths) - 2 - max(map(len, verdicts))
    labels = _Labels(rows, room)
    lines = iter(zip(numbers, verdicts))

    def line(label, style, row=None):
        texts, verdict = next(lines)
        found = [text.rjust(width) for text, width in zip(texts, widths)]
        if row is not None and found and (row.of_limit or 0) > 1:
            found[2:] = [(text, "bold red") for text in found[2:]]
        page.line(*label, *found, (verdict, style))

    line(labels.heads(), "")
    for row in chosen:
        if isinstance(row, int):
            page.line(f"… {counted(row, 'row')} more, which {'agree' if row > 1 else 'agrees'}")
            continue
        if labels.too_long(row):
            page.line(*labels.too_long(row))
        line(labels.of(row), _style(row.verdict), row)
        if row.reason:
            page.line(printable(row.reason), indent=2)


class _Labels:
    """The columns that say which row it is: name, class and shape, the class where there is room for all of them."""

    def __init__(self, rows, room):
        widths = [max(map(len, column)) for column in zip(LAYER, *map(_label, rows))]
        self._with_class = sum(widths) + 4 <= room
        if not self._with_class:
            shape = min(widths[2], room * 2 // 3)
            widths = [min(widths[0], max(room - 2 - shape, len(LAYER[0]))), 0, shape]
        self._widths = widths

    def heads(self):
        return self._columns([(text, "") for text in LAYER])

    def of(self, row):
        """Return the label of a row as wide as the columns are, empty where it does not fit."""
        return self._columns([(text if len(text) <= width else "", style)
                              for (text, style), width in zip(_styled(row), self._widths)])

    def too_long(self, row):
        """Return what of the label of a row does not fit into the columns."""
        return [piece for piece, width in zip(self._chosen(_styled(row)), self._chosen(self._widths))
                if len(piece[0]) > width]

    def _columns(self, pieces):
        return self._chosen([(text.ljust(width), style) for (text, style), width in zip(pieces, self._widths)])

    def _chosen(self, columns):
        return columns if self._with_class else [columns[0], columns[2]]


def _styled(row):
    return list(zip(_label(row), ("bold", "cyan", "green")))


def _label(row):
    return printable(row.path), printable(row.class_name), printable(shape_text(row.shape))


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
