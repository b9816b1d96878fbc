"""Models, layers, weights and traces as ``print`` and a notebook show them: importing this tells it to their classes.

HTML for a notebook has the colours of the page around it, light or dark, and runs nothing: all that a file may have
named is escaped, also from what a notebook reads as mathematics.
"""

import html
import io

from weightscope.model.layer import Layer
from weightscope.model.model import Model
from weightscope.model.names import printable, show_as
from weightscope.model.weight import Weight
from weightscope.replaying.trace import Trace
from weightscope.show import brief, lines
from weightscope.show.overview import Overview
from weightscope.show.text import Page
from weightscope.show.wording import counted

MOST_ROWS = 100  # of a table; a notebook keeps what it shows
FAINT = "opacity: 0.65"


def as_text(write):
    """Return a function of an object to what ``write(object, page)`` writes of it on a page of plain text."""
    def text(shown):
        file = io.StringIO()
        write(shown, Page(file))
        return file.getvalue().rstrip("\n")

    return text


def escaped(text):
    """Return text from a file for HTML: a line that is shown, and nothing in it obeyed."""
    return html.escape(printable(text))


def section(*parts):
    """Return parts of HTML as one, in which no text is taken for mathematics."""
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def line(title, *pieces):
    """Return a line of text: a bold title, and faint pieces; empty ones are left out."""
    bold = [f"<b>{escaped(title)}</b>"] if title else []
    faint = [f'<span style="{FAINT}">{escaped(piece)}</span>' for piece in pieces if piece]
    return f"<div>{' '.join([*bold, *faint])}</div>"


def table(heads, rows, right=()):
    """Return a table of texts; ``right``: the indexes of columns of numbers. The first column is bold."""
    def cells(tag, row):
        return "".join(f'<{tag} style="text-align: {"right" if index in right else "left"}">{_cell(tag, index, text)}'
                       f"</{tag}>" for index, text in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', heads)}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag, index, text):
    return f"<b>{escaped(text)}</b>" if tag == "td" and not index else escaped(text)


def first_rows(rows, noun, all_of_them):
    """Return the first rows of a table, and a line on how many are left out and what has ``all_of_them``, or ""."""
    left = len(rows) - MOST_ROWS
    return rows[:MOST_ROWS], line("", f"… {counted(left, noun)} more; {all_of_them}") if left > 0 else ""


def _model(shown):
    view, rows = Overview(shown), []
    for path, block in lines.with_paths_of_blocks(view):
        path, class_name, shape, number = lines.layer_row(path, block)
        told = "; ".join(lines.remarks(view, block))
        rows.append((path, class_name, shape, brief.weights_text(block), number, told))
    rows, more = first_rows(rows, "layer", "print(model) has them all")
    heads = ("layer", "class", "output shape", "weights", "parameters", "")
    return section(line(shown.name, shown.class_name, brief.source(shown)), table(heads, rows, {4}), more,
                   *[line("", words) for words in [brief.parameters(view), *brief.no_replay(view)]])


def _trace(shown):
    rows = [(path, *brief.outputs_text(outputs), "") for path, outputs in shown.items()]
    rows += [(path, "", "", f"not replayed: {reason}") for path, reason in shown.missing.items()]
    rows, more = first_rows(rows, "node", "print(trace) has them all")
    output = [] if shown.problem or shown.output is None else brief.outputs_text(shown.output)
    told = any(row[3] for row in rows)
    heads = ("path", "shape", "dtype", "")[:3 + told]
    return section(line("trace", counted(len(shown), "node")), table(heads, [row[:3 + told] for row in rows]), more,
                   line("output", *output) if output else "")


def preformatted(text):
    """Return a function of an object to its text in HTML, every blank kept."""
    return lambda shown: section(f"<pre>{html.escape(text(shown))}</pre>")


for _kind, _write in ((Layer, brief.layer), (Weight, brief.weight)):
    show_as(_kind, as_text(_write), preformatted(as_text(_write)))
show_as(Model, as_text(brief.model), _model)
show_as(Trace, as_text(brief.trace), _trace)
