"""Reports for people: plain text, coloured where a terminal shows it. The only file that imports rich."""

import os

from rich.console import Console
from rich.text import Text

from weightscope.show.names import printable
from weightscope.show.values import array_text, blocks_of_values, statistics
from weightscope.show.verdict import ABSENT, chosen_rows, sentence
from weightscope.show.wording import axes_text, counted, difference_text, number_text, shape_text

PIPED_WIDTH = 80
STYLES = {"agrees": "green", "diverges": "bold red", "inherited": "yellow"}


class Page:
    """Lines of text on their way to ``file``; too long ones are folded, and nothing is ever cut.

    ``color``: ``auto``, ``always`` or ``never``. Without a terminal, a page is as wide as COLUMNS says, else 80.
    """

    def __init__(self, file, color="auto"):
        self.console = _console(file, color)
        self.width = self.console.width

    def line(self, *pieces, indent=0):
        """Print one line of pieces: text, or ``(text, style)``, separated by two blanks."""
        text = joined(*pieces)
        first = True
        for part in self._folded(text, self.width - indent) or [text]:
            part.rstrip()
            self._print(Text(" " * (indent if first else indent + 2)) + part)
            first = False

    def _folded(self, text, width):
        if text.cell_len <= width:
            return [text]
        return text.wrap(self.console, max(width - 2, 20))

    def _print(self, text):
        self.console.print(text, soft_wrap=True, highlight=False)

    def raw(self, lines, indent=0):
        """Print lines as they are, however long."""
        for line in lines:
            self._print(Text(" " * indent + line))


def _console(file, color):
    if color == "always":
        return Console(file=file, force_terminal=True, color_system="standard", no_color=False, width=_width(file))
    plain = color == "never" or "NO_COLOR" in os.environ
    return Console(file=file, force_terminal=False if plain else None, no_color=plain, width=_width(file))


def _width(file):
    if file.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    return max(int(columns), 20) if columns.isdigit() else PIPED_WIDTH


def joined(*pieces):
    """Return pieces, text or ``(text, style)``, as one Text with two blanks between them; empty ones are left out."""
    text = Text()
    for piece in pieces:
        content, style = piece if isinstance(piece, tuple) else (piece, "")
        if content:
            text.append("  " if text else "").append(content, style)
    return text


# A model.

def model(view, file, color="auto"):
    """Write the Overview of a model: its layers with their weights, and where every array of the file went."""
    page = Page(file, color)
    _header(page, view)
    spaced = True
    for block in view.blocks:
        if block.is_input and not view.chosen:
            continue
        tall = bool(block.layer.weights or block.parts)
        if tall or spaced:
            page.line()
        _block(page, view, block, 0)
        spaced = tall
    page.line()
    _ledger(page, view)


def _header(page, view):
    saved = view.saved
    page.line((printable(saved.path), "bold"))
    version = f"Keras {printable(saved.keras_version)}" if saved.keras_version else ""
    backend = f"{printable(saved.backend)} backend" if saved.backend else ""
    page.line((printable(view.model.name), "bold"), printable(view.model.class_name), saved.format, version, backend)
    width = max((len(printable(name)) for name, *_ in [*view.inputs, *view.outputs]), default=0)
    width = min(width, page.width // 3)
    for name, shape, dtype in view.inputs:
        page.line("input ", (printable(name).ljust(width), "bold"), (shape_text(shape), "green"), printable(dtype))
    for name, shape in view.outputs:
        page.line("output", (printable(name).ljust(width), "bold"), (shape_text(shape), "green"))
    if view.is_loose:
        page.line((f"no shapes, no replay: {printable(view.model.refusal())}", "yellow"))
    for note in view.model.notes:
        page.line(f"note: {printable(note)}")


def _block(page, view, block, indent):
    _head(page, view, block, indent)
    if len(block.calls) > 1:
        for call in block.calls:
            page.line(_last(call.path), _on(call), (f"→ {shape_text(call.shape)}", "green"), indent=indent + 2)
    if block.refusal and not view.is_loose:
        page.line((f"not replayed: {printable(block.refusal)}", "yellow"), indent=indent + 2)
    _weights(page, view, block, indent + 2)
    for part in block.parts:
        if not part.is_input:
            _block(page, view, part, indent + 2)


def _last(path):
    return printable(path.rpartition("/")[2])


def _on(call):
    return "on " + ", ".join(_last(path) for path in call.on)


def _head(page, view, block, indent):
    layer = block.layer
    head = [*_title(view, block, indent), *_facts(block)]
    formula = [] if block.is_model or block.is_input else layer.written_formula().splitlines()
    formula = [(printable(line), "magenta") for line in formula]
    if len(formula) == 1 and not layer.weights and joined(*head, *formula).cell_len + indent <= page.width:
        head, formula = [*head, *formula], []
    page.line(*head, indent=indent)
    for line in [*formula, (block.arithmetic(), "green")]:
        if line[0]:
            page.line(line, indent=indent + 2)


def _title(view, block, indent):
    name = printable(block.path if view.chosen and indent == 0 else block.layer.name)
    if block.attribute and block.attribute != block.layer.name:
        name = f"{printable(block.attribute)}: {name}"
    return (name, "bold"), (printable(block.layer.class_name), "cyan")


def _facts(block):
    layer, calls = block.layer, block.calls
    connected = len(calls) == 1 and not block.follows and not block.is_input
    shape = shape_text(block.shape) if len(calls) == 1 else f"called {len(calls)} times" if calls else ""
    return (_on(calls[0]) if connected else "",
            (f"→ {shape}" if connected else shape, "green"),
            printable(layer.policy) if layer.policy != "float32" else "",
            counted(block.parameters, "parameter") if block.parameters else "",
            ("frozen" if not layer.trainable and block.parameters else "", "yellow"))


def _weights(page, view, block, indent):
    weights = list(block.layer.weights.values())
    names = [f"{printable(weight.name)} {axes_text(weight)}" for weight in weights]
    width = min(max(map(len, names), default=0), page.width - 40)
    for weight, name in zip(weights, names):
        if weight.stored is None:
            page.line(name.ljust(width), ("not in the file", "red"), indent=indent)
            continue
        frozen = "" if weight.trainable else "non-trainable"
        page.line(name.ljust(width), weight.dtype, f"{weight.stored.size:>{_digits(weights)},}", frozen, indent=indent)
        if view.with_statistics or view.with_values:
            _numbers(page, view, weight, indent + 2)


def _digits(weights):
    return max(len(f"{weight.stored.size:,}") for weight in weights if weight.stored is not None)


def _numbers(page, view, weight, indent):
    array = weight.stored.read()
    if view.with_statistics:
        found = statistics(array)
        values = {"min": found.min, "max": found.max, "mean": found.mean, "std": found.std}
        words = [f"{name} {'none' if value is None else number_text(value)}" for name, value in values.items()]
        alarm = "bold red" if found.nan or found.infinite else ""
        page.line(*words, f"zeros {found.zeros:,}", (f"NaN {found.nan:,}", alarm), (f"Inf {found.infinite:,}", alarm),
                  indent=indent)
    if view.with_values:
        for label, block in blocks_of_values(weight, array):
            if label:
                page.line(label, indent=indent)
            page.raw(array_text(block, page.width - indent).splitlines(), indent)


def _ledger(page, view):
    ledger = view.ledger
    page.raw([f"arrays in file {ledger.total} = claimed {ledger.claimed} + optimizer state {ledger.optimizer}"
              f" + random state {ledger.state} + unclaimed {len(ledger.unclaimed)}"])
    for path in ledger.unclaimed:
        page.line((f"unclaimed: {printable(path)}", "yellow"), indent=2)
    for problem in ledger.problems:
        page.line((f"problem: {printable(problem)}", "red"), indent=2)
    for name, kind in view.saved.others.items():
        page.line(f"also in the file: {printable(name)}, {printable(kind)}", indent=2)
    for name in view.saved.assets:
        page.line(f"also in the file: {printable(name)}, an asset", indent=2)
    page.raw([f"parameters {view.trainable + view.frozen:,} = trainable {view.trainable:,}"
              f" + non-trainable {view.frozen:,}"])


# A comparison.

NUMBERS = (9, 9, 9, 9)  # widths of the columns of differences


def comparison(result, file, color="auto", limit=None):
    """Write a Comparison: one row a call of a layer, and then the verdict in a sentence.

    ``limit``: the most rows to show; rows that do not agree are always shown. Each row has the largest absolute and
    relative difference, first of the layer alone (fed with the reference's values), then of the chain (fed with ours).
    """
    page = Page(file, color)
    left = page.width - sum(NUMBERS) - 14
    _columns(page, left, "", ["alone", "", "chained", ""], ("", ""))
    _columns(page, left, "layer", ["absolute", "relative", "absolute", "relative"], ("verdict", ""))
    for row in chosen_rows(result.rows, limit):
        if isinstance(row, int):
            page.line(f"… {counted(row, 'row')} more that agree" if row > 1 else "… 1 more row that agrees")
        else:
            _row(page, left, row)
    page.line()
    for line in sentence(result):
        page.line((line, STYLES.get(result.verdict, "yellow")) if line.startswith(result.verdict) else line)
    for note in result.notes:
        page.line(f"note: {printable(note)}")


def _row(page, left, row):
    title = joined((printable(row.path), "bold"), (printable(row.class_name), "cyan"), shape_text(row.shape))
    numbers = []
    for found in (row.isolated, row.chained):
        numbers += [ABSENT, ABSENT] if found is None else [difference_text(found.absolute),
                                                           difference_text(found.relative)]
    if title.cell_len > left:
        page.line(title)
        title = ""
    _columns(page, left, title, numbers, (row.verdict, STYLES.get(row.verdict, "yellow")))
    if row.reason:
        page.line(printable(row.reason), indent=2)


def _columns(page, left, title, numbers, verdict):
    text = Text().append(title)
    text.append(" " * (left - text.cell_len))
    for number, width in zip(numbers, NUMBERS):
        text.append(number.rjust(width))
    page.line(text.append("  ").append(*verdict))
