"""Reports for people, as plain text: what a terminal shows, a pipe carries and grep finds.

Lines are made of pieces, text or ``(text, style)``; what a style looks like is the page's affair, and the ``Page`` here
shows none. ``show.terminal`` has one in colour.
"""

import os
import re

from weightscope.model.names import printable
from weightscope.show import findings, lines
from weightscope.show.overview import frozen_words, open_sizes, problems_text
from weightscope.show.values import array_text, blocks_of_values, corners, statistics
from weightscope.show.wording import (
    axes_text,
    counted,
    number_text,
    setting_text,
    shape_text,
    sum_text,
    weight_text,
)

PIPED_WIDTH, LEAST_WIDTH = 80, 40


class Page:
    """Lines of text on their way to ``file``; too long ones are folded between words, and nothing is ever cut.

    A page is as wide as the environment's COLUMNS says, else 80: output that is piped has the same form everywhere.
    """

    def __init__(self, file):
        columns = os.environ.get("COLUMNS", "")
        self.said = set()
        self.file, self.width = file, max(int(columns), LEAST_WIDTH) if columns.isdigit() else PIPED_WIDTH

    def line(self, *pieces, indent=0):
        """Print one line of pieces, two blanks between them; empty ones are left out. Folded parts hang by two."""
        pieces = [piece if isinstance(piece, tuple) else (piece, "") for piece in pieces]
        pieces = [piece for piece in pieces if piece[0]]
        for number, (start, end) in enumerate(folds(plain(pieces), max(self.width - indent, LEAST_WIDTH // 2))):
            self.write(pieces, start, end, indent + 2 * (number > 0))

    def raw(self, lines, indent=0):
        """Print lines as they are, however long."""
        for line in lines:
            self.write([(line, "")], 0, len(line), indent)

    def write(self, pieces, start, end, indent):
        """Print the characters from ``start`` to ``end`` of joined pieces, without their styles."""
        self.file.write((" " * indent + plain(pieces)[start:end]).rstrip() + "\n")


def plain(pieces):
    """Return pieces ``(text, style)`` as one text, two blanks between them."""
    return "  ".join(text for text, _ in pieces)


def folds(text, width):
    """Return ``(start, end)`` of the lines into which a text is folded; lines after the first are shorter by two."""
    found, start = [], 0
    while len(text) - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        if not text[start:max(cut, start)].strip():
            cut = start + width  # one word longer than the line
        found.append((start, cut))
        start = cut + len(text[cut:]) - len(text[cut:].lstrip(" "))
        width -= 2 * (len(found) == 1)
    return [*found, (start, len(text))]


def model(view, page):
    """Write the Overview of a model: its layers with their weights, and where every array of the file went."""
    _header(page, view)
    if view.is_short:
        _one_line_each(view, page)
    else:
        _in_full(view, page)
    page.line()
    findings.of_model(view.findings, page)
    _ledger(page, view)


def _one_line_each(view, page):
    page.line()
    lines.write(view, page, with_calls=True)
    if view.full is None:
        page.line()
        page.line(f"one line a layer, for there are {view.size:,}: --full shows all of each, --layer NAME one of them")


def _in_full(view, page):
    spaced = True
    for block in view.blocks:
        if block.is_input and not view.chosen:
            continue
        tall = bool(block.layer.weights or block.parts)
        if tall or spaced:
            page.line()
        block_lines(page, view, block, 0)
        spaced = tall


def _header(page, view):
    saved = view.saved
    page.line((printable(saved.path), "bold"))
    version = f"Keras {printable(saved.keras_version)}" if saved.keras_version else ""
    backend = f"{printable(saved.backend)} backend" if saved.backend else ""
    page.line((printable(view.model.name), "bold"), printable(view.model.class_name), saved.format, version, backend)
    widths = [len(printable(name)) for name, *_ in [*view.inputs, *view.outputs]]
    width = max((width for width in widths if width <= page.width // 2), default=0)  # a longer one shifts only its own
    for name, shape, dtype in view.inputs:
        page.line("input ", (printable(name).ljust(width), "bold"), (shape_text(shape), "green"), printable(dtype))
    for name, shape in view.outputs:
        page.line("output", (printable(name).ljust(width), "bold"), (shape_text(shape), "green"))
    for words in open_sizes(view):
        page.line((words, "dim"))
    if view.is_loose:
        page.line((f"no shapes, no replay: {printable(view.model.refusal())}", "yellow"))
    for note in view.model.notes:
        page.line(f"note: {printable(note)}")


def block_lines(page, view, block, indent):
    """Write a Block of an Overview, and those inside it."""
    _head(page, view, block, indent)
    if len(block.calls) > 1:
        for call in block.calls:
            page.line(_last(call.path), _on(call), (f"→ {shape_text(call.shape)}", "green"), indent=indent + 2)
    if block.refusal and not view.is_loose:
        page.line((f"not replayed: {printable(block.refusal)}", "yellow"), indent=indent + 2)
    if block.layer.inferred:
        page.line((f"inferred: {printable(block.layer.inferred)}", "yellow"), indent=indent + 2)
    _weights(page, view, block, indent + 2)
    for part in block.parts:
        if not part.is_input:
            block_lines(page, view, part, indent + 2)


def _last(path):
    return printable(path.rpartition("/")[2])


def _on(call):
    return "on " + ", ".join(_last(path) for path in call.on)


def _head(page, view, block, indent):
    layer = block.layer
    head = [*_title(view, block, indent), *_facts(block)]
    formula = [(printable(line), "magenta") for line in _formula(page, block)]
    formula += _settings(block)
    if len(formula) < 3 and not layer.weights and _length(*head, *formula) + indent <= page.width:
        head, formula = [*head, *formula], []
    page.line(*head, indent=indent)
    if block.arithmetic():
        formula.append((block.arithmetic(), "green"))
    for line in formula:
        page.line(line, indent=indent + 2)


def _settings(block):
    """Return lines of the settings, those that are as by default in one of their own."""
    found = zip(("with", "by default"), ("", "dim"), block.told_settings())
    return [(printable(f"{title} {', '.join(f'{name}={setting_text(value)}' for name, value in told.items())}"), style)
            for title, style, told in found if told]


def _length(*pieces):
    return len(plain([piece if isinstance(piece, tuple) else (piece, "") for piece in pieces if any(piece)]))


def _formula(page, block):
    """Return the lines of a formula; those that only explain it in words are told once on a page."""
    if block.is_model or block.is_input:
        return []
    lines = block.layer.written_formula().splitlines()
    said = [line for line in lines if line in page.said and not re.search("[=←]", line)]
    page.said.update(lines)
    return [line for line in lines if line not in said]


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
            sum_text(layer) + counted(block.parameters, "parameter") if block.parameters else "",
            ("frozen" if not layer.trainable and block.parameters else "", "yellow"))


def _weights(page, view, block, indent):
    weights = list(block.layer.weights.values())
    names, said = [], set()
    for weight in weights:
        axes = weight_text(weight, said) if weight.shape is not None else axes_text(weight)
        names.append(f"{printable(weight.name)} {axes}")
    width = max((len(name) for name in names if len(name) <= page.width - indent - 24), default=0)
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
    if view.with_statistics:
        found = statistics(values for _, values in weight.stored.pieces())
        values = {"min": found.min, "max": found.max, "mean": found.mean, "std": found.std}
        words = [f"{name} {'none' if value is None else number_text(value)}" for name, value in values.items()]
        alarm = "bold red" if found.nan or found.infinite else ""
        page.line(*words, f"zeros {found.zeros:,}", (f"NaN {found.nan:,}", alarm), (f"Inf {found.infinite:,}", alarm),
                  indent=indent)
    if view.with_values:
        for label, block in blocks_of_values(weight, corners(weight)):
            if label:
                page.line(label, indent=indent)
            page.raw(array_text(block, page.width - indent).splitlines(), indent)


def _ledger(page, view):
    ledger = view.ledger
    page.raw([f"arrays in file {ledger.total} = claimed {ledger.claimed} + optimizer state {ledger.optimizer}"
              f" + random state {ledger.state} + unclaimed {len(ledger.unclaimed)}"])
    for path in ledger.unclaimed:
        page.line((f"unclaimed: {printable(path)}", "yellow"), indent=2)
    for problem in view.problems:
        page.line((f"problem: {printable(problem)}", "red"), indent=2)
    for name, kind in view.saved.others.items():
        page.line(f"also in the file: {printable(name)}, {printable(kind)}", indent=2)
    for name in view.saved.assets:
        page.line(f"also in the file: {printable(name)}, an asset", indent=2)
    page.raw([f"parameters {view.trainable + view.frozen:,} = trainable {view.trainable:,}"
              f" + non-trainable {view.frozen:,}"])
    for words in frozen_words(view):
        page.line((words, "dim"))
    if view.problems:
        page.line((problems_text(view), "red"))
