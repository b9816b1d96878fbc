"""Reports for pages: Markdown with tables, as GitHub renders it."""

import re

from weightscope.layers.catalogue import PASSES, REPLAYED
from weightscope.model.names import printable
from weightscope.show.classes import by_family, sections
from weightscope.show.columns import ABSENT, LAYER, cells, heads, legend, verdict_text
from weightscope.show.explained import ending, heading, printable_lines
from weightscope.show.findings import total
from weightscope.show.overview import frozen_words, open_sizes, problems_text
from weightscope.show.values import array_text, blocks_of_values, corners, statistics
from weightscope.show.verdict import attention, chosen_rows, chosen_trials, details, headline, trial_texts
from weightscope.show.wording import (
    axes_text,
    counted,
    number_text,
    setting_text,
    shape_text,
    sum_text,
    weight_text,
)

SPECIAL = re.compile(r"[!\"#$%&'*+/:<>?@\[\\\]^_`{|}~]|www")  # what Markdown, HTML or GitHub may read as more
WIDTH, FENCE = 100, "```"  # of a block of text
HEADS = {"settings": ("name", "kind", ""), "weights": ("weight", "axes", ""), "parts": ("attribute", "class")}
STATISTICS = ("min", "max", "mean", "std", "zeros", "nan", "infinite")


def code(text):
    """Return text as inline code that no Markdown, HTML, table or mention can be read from; "" for nothing."""
    text = printable(text)
    if not text.strip():
        return ""
    if "`" not in text and "|" not in text:
        return f"`{text}`"
    return f"<code>{_entities(text)}</code>"


def prose(text):
    """Return text, which may quote a file, for a sentence: everything but plain words and stops as entities."""
    return _entities(printable(text))


def _entities(text):
    return SPECIAL.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), text)


def table(heads, rows, right=()):
    """Return a table's lines; ``right``: the indexes of the columns of numbers."""
    rule = ["---:" if index in right else "---" for index in range(len(heads))]
    return [f"| {' | '.join(map(str, row))} |" for row in (heads, rule, *rows)]


def model(view, file):
    """Write the Overview of a model: a table of its layers, one of its weights, and the ledger."""
    saved, name = view.saved, code(view.model.name)
    lines = [f"# {name}", "", f"{code(view.model.class_name)} in {code(saved.path)}, {saved.format}"
             + (f", Keras {prose(saved.keras_version)}" if saved.keras_version else "")
             + (f", {prose(saved.backend)} backend" if saved.backend else "") + ".", ""]
    lines += [f"Not replayed: {prose(view.model.refusal())}.", ""] if view.is_loose else []
    lines += [f"- {prose(note)}" for note in view.model.notes] + [""] * bool(view.model.notes)
    lines += _ends(view) + ["## Layers", "", *_layers(view), "", "## Weights", ""]
    file.write("\n".join(lines) + "\n")
    for line in _weights(view):
        file.write(line + "\n")
    hazards = ["", "## Hazards", "", *table(FINDING, [_finding(found) for found in view.findings])]
    file.write("\n".join([*(hazards if view.findings else []), "", "## Ledger", "", *_ledger(view), ""]))


def _ends(view):
    rows = [("input", code(name), code(shape_text(shape)), code(dtype)) for name, shape, dtype in view.inputs]
    rows += [("output", code(name), code(shape_text(shape)), "") for name, shape in view.outputs]
    told = [line for words in open_sizes(view) for line in (f"{words}.", "")]
    return [*table(("", "name", "shape", "dtype"), rows), "", *told] if rows else []


def _layers(view):
    rows = []
    for block in _all(view):
        formula = "" if block.is_model else "<br>".join(map(code, block.layer.written_formula().splitlines()))
        chosen, usual = block.told_settings()
        notes = [code(f"{name}={setting_text(value)}") for name, value in chosen.items()]
        notes += [f"by default {code(f'{name}={setting_text(value)}')}" for name, value in usual.items()]
        notes += ["frozen"] * (not block.layer.trainable and bool(block.parameters))
        notes += [f"{code(call.path)} on {', '.join(map(code, call.on))}" for call in _told_calls(block)]
        notes += [f"not replayed: {prose(block.refusal)}"] * bool(block.refusal and not view.is_loose)
        notes += [f"inferred: {prose(block.layer.inferred)}"] * bool(block.layer.inferred)
        shape = code(shape_text(block.shape)) if block.calls else ""
        rows.append((code(block.path), code(block.layer.class_name), shape, code(block.layer.policy), formula,
                     f"{sum_text(block.layer)}{block.parameters:,}", "<br>".join(notes)))
    return table(("layer", "class", "output shape", "dtype", "formula", "parameters", ""), rows, {5})


def _told_calls(block):
    return [] if block.follows or block.is_input else block.calls


def _all(view):
    return [inner for block in view.blocks for inner in block.walk()]


def _weights(view):
    heads, right = ["layer", "weight", "dtype", "values", "trained"], {3}
    if view.with_statistics:
        heads, right = [*heads, *STATISTICS], right | set(range(5, 5 + len(STATISTICS)))
    yield from table(heads, (), right)
    blocks = [(block, weight) for block in _all(view) for weight in block.layer.weights.values()]
    for block, weight in blocks:
        yield table((), [_weight_row(view, block, weight)])[-1]
    if view.with_values:
        for block, weight in blocks:
            if weight.stored is not None:
                yield from _values(block, weight)


def _weight_row(view, block, weight):
    axes = axes_text(weight) if weight.shape is None else weight_text(weight)
    row = [code(block.path), code(f"{weight.name} {axes}")]
    if weight.stored is None:
        return [*row, "", "not in the file", ""] + [""] * (len(STATISTICS) * view.with_statistics)
    row += [code(weight.dtype), f"{weight.stored.size:,}", "yes" if block.trains_weight(weight) else "no"]
    if view.with_statistics:
        found = statistics(values for _, values in weight.stored.pieces())
        row += [_cell(getattr(found, name)) for name in STATISTICS]
    return row


def _cell(value):
    return ABSENT if value is None else f"{value:,}" if isinstance(value, int) else number_text(value)


def _values(block, weight):
    yield from ("", f"### {code(block.path)} {code(weight.name)}", "")
    for label, found in blocks_of_values(weight, corners(weight)):
        if label:
            yield from (code(label), "")
        yield from ("```", *array_text(found, WIDTH).splitlines(), "```", "")


def _ledger(view):
    ledger, saved = view.ledger, view.saved
    yield f"arrays in file {ledger.total} = claimed {ledger.claimed} + optimizer state {ledger.optimizer}" + (
        f" + random state {ledger.state} + unclaimed {len(ledger.unclaimed)}")
    yield ""
    told = [f"- unclaimed: {code(path)}" for path in ledger.unclaimed]
    told += [f"- problem: {prose(problem)}" for problem in view.problems]
    told += [f"- also in the file: {code(name)}, {prose(kind)}" for name, kind in saved.others.items()]
    told += [f"- also in the file: {code(name)}, an asset" for name in saved.assets]
    yield from [*told, ""] if told else []
    yield f"parameters {view.trainable + view.frozen:,} = trainable {view.trainable:,}" + (
        f" + non-trainable {view.frozen:,}")
    for words in frozen_words(view):
        yield from ("", f"{words}.")
    if view.problems:
        yield from ("", f"{problems_text(view)}.")


def explanation(view, file):
    """Write an ``Explained``: a heading for each call, and its steps in a block of text."""
    board, lines = view.board(WIDTH), [f"# {code(heading(view))}"]
    for path, found in view.blocks:
        if isinstance(found, str):
            lines += ["", f"## {code(path)}", "", f"Not replayed: {prose(found)}."]
            continue
        text = [*printable_lines(found.layer.written_formula()), f"{view.given(path, found)} → {found.shape}", "",
                *(board.lines(found.steps) or [ending(view, found)])]
        lines += ["", f"## {code(path)} {code(found.layer.class_name)}", "", FENCE,
                  *(printable(line).replace(FENCE, "") for line in text), FENCE]
        lines += ["", f"Not explained: {prose(found.why_not)}."] if found.why_not else []
    file.write("\n".join(lines) + "\n")


def comparison(result, file, limit=None, verbose=False, with_legend=False):
    """Write a Comparison: the verdict, a table of one row a call of a layer, and what needs attention."""
    names, rows = heads(verbose), []
    for row in chosen_rows(result.rows, limit):
        if isinstance(row, int):
            rows.append((f"… {counted(row, 'row')} more", *[""] * (2 + len(names)), "agrees"))
        else:
            rows.append((code(row.path), code(row.class_name), code(shape_text(row.shape)), *cells(row, verbose),
                         verdict_text(row) + (f": {prose(row.reason)}" if row.reason else "")))
    right = set(range(len(LAYER), len(LAYER) + len(names)))
    lines = [f"**{prose(headline(result))}**", "", *table((*LAYER, *names, "verdict"), map(_plain, rows), right), ""]
    lines += [f"- {prose(line)}" for line in [*attention(result), *(details(result) if verbose else []), *result.notes]]
    if with_legend:
        lines += ["", *table(("column", "what it is"), legend(result, verbose))]
    if result.trials:
        lines += ["", "## Self-test", "", *_self_test(result, limit)]
    file.write("\n".join(lines) + "\n")


def _plain(row):
    """Return the cells of a row, none of which is read as HTML."""
    return [cell.replace("<", "&lt;") if cell.startswith("<1") else cell for cell in row]


def _self_test(result, limit):
    rows = []
    for trial in chosen_trials(result, limit):
        if isinstance(trial, int):
            rows.append((f"… {counted(trial, 'row')} more", *[""] * 5))
            continue
        numbers, told = trial_texts(trial)
        rows.append((code(trial.path), code(trial.class_name), *map(prose, numbers), "<br>".join(map(prose, told))))
    return table(("layer", "class", "changes", "noticed", "one weight, from", ""), rows, {2, 3})


FINDING = ("code", "", "what", "where", "could", "what to do")


def findings(found, file):
    """Write the Report of a scan: the total, and a table with a row a finding."""
    rows = [(code(one.path), *_finding(each)) for one in found.scanned for each in one.findings]
    file.write("\n".join([f"**{prose(total(found))}**", "", *(table(("file", *FINDING), rows) if rows else [])]) + "\n")


def _finding(found):
    return (found.code, found.severity, prose(found.said), code(found.place), prose(found.could), prose(found.remedy))


def classes(entries, file):
    """Write the table of all layer classes by family."""
    rows = []
    for family, kinds in by_family(entries).items():
        plain = [", ".join(entry.name for entry in kinds.get(standing, ())) for standing in (REPLAYED, PASSES)]
        others = [f"{entry.name}: {standing}, {prose(entry.reason)}" for standing, found in kinds.items()
                  for entry in found if standing not in (REPLAYED, PASSES)]
        rows.append((code(family), *plain, "<br>".join(others)))
    file.write("\n".join(table(("family", "replayed", "passes its input through", "other"), rows)) + "\n")


def layer_class(entry, file):
    """Write the page of one layer class."""
    lines = [f"# {code(entry.name)}", "", f"{code(entry.family)}, {entry.standing}"
             + (f": {prose(entry.reason)}" if entry.reason else "") + "."]
    lines += ["", f"Also {', '.join(map(code, entry.aliases))}."] if entry.aliases else []
    if entry.layer_class is not None:
        lines += ["", prose(entry.text), "", "```", *entry.formula.splitlines(), "```"]
        for title, found in sections(entry):
            heads = HEADS.get(title, ("",) * len(found[0]))
            lines += ["", f"## {title.capitalize()}", "", *table(heads, [map(code, row) for row in found])]
    file.write("\n".join(lines) + "\n")
