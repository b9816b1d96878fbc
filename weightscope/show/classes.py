"""Layer classes as plain text: the table of all of them by family, and the page of one."""

from weightscope.layers.catalogue import STANDINGS
from weightscope.model.names import printable
from weightscope.show.wording import axes_text, shape_text

STYLES = {"replayed": "green", "passes through": "green", "yours": "cyan"}


def by_family(entries):
    """Return ``{family: {standing: [Entry]}}``, families and standings in their order."""
    found = {}
    for entry in entries:
        found.setdefault(entry.family, {}).setdefault(entry.standing, []).append(entry)
    return {family: {standing: kinds[standing] for standing in STANDINGS if standing in kinds}
            for family, kinds in found.items()}


def table(entries, page):
    """Write all classes on a Page of ``show.text``, by family."""
    width = max(map(len, STANDINGS))
    for family, kinds in by_family(entries).items():
        page.line((printable(family), "bold"), _classes(sum(map(len, kinds.values()))))
        for standing, found in kinds.items():
            style = STYLES.get(standing, "yellow")
            if standing in STYLES:
                page.line((standing.ljust(width), style), ", ".join(printable(entry.name) for entry in found), indent=2)
                continue
            for entry in found:
                page.line((standing.ljust(width), style), f"{entry.name}: {entry.reason}", indent=2)
    page.line()
    totals = [(standing, sum(entry.standing == standing for entry in entries)) for standing in STANDINGS]
    page.line(f"{len(entries):,} classes: " + ", ".join(f"{count} {name}" for name, count in totals if count))


def one(entry, page):
    """Write what there is to say of one class."""
    style = STYLES.get(entry.standing, "yellow")
    page.line((printable(entry.name), "bold"), printable(entry.family), (entry.standing, style))
    if entry.aliases:
        page.line(f"also {', '.join(entry.aliases)}")
    if entry.reason:
        page.line(printable(entry.reason))
    if entry.layer_class is not None:
        for line in ["", *entry.text.splitlines(), ""]:
            page.line(printable(line))
        for line in entry.formula.splitlines():
            page.line((printable(line), "magenta"), indent=2)
        _sections(entry, page)


def _sections(entry, page):
    for title, rows in sections(entry):
        page.line()
        page.line((title, "bold"))
        widths = [max(map(len, column)) for column in zip(*rows)]
        aligned = sum(widths) + 2 * len(widths) <= page.width
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths)] if aligned else row[:-1]
            page.line(*cells, row[-1], indent=2)


def sections(entry):
    """Return ``(title, rows)`` of a class's page; a row is a list of texts, as many in each row of a section."""
    found = [
        ("settings", [[name, kind, f"default {default}" if default else "must be given"]
                      for name, kind, default in entry.settings()]),
        ("settings without effect on predict", _joined(entry.without_effect())),
        ("settings that are not replayed", _joined(entry.refused())),
        *_of_example(entry),
    ]
    return [(title, rows) for title, rows in found if rows]


def _of_example(entry):
    if entry.problem():
        return [("weights", [[f"an example with guessed settings could not be built: {printable(entry.problem())}"]])]
    given, output = entry.shape()
    inputs = ", ".join(map(shape_text, given))
    return [
        ("weights", [[path, axes_text(weight), _weight_notes(weight, condition)]
                     for path, weight, condition in entry.weights()]),
        ("parts", [[attribute, class_name] for attribute, class_name in entry.parts().items()]),
        ("shape", [[f"{inputs} → {shape_text(output)}"]] if output is not None else []),
    ]


def _joined(names):
    return [[", ".join(names)]] if names else []


def _weight_notes(weight, condition):
    notes = [] if weight.trainable else ["non-trainable"]
    return ", ".join(notes + ([f"with {condition}"] if condition else []))


def _classes(number):
    return f"{number} class" if number == 1 else f"{number} classes"
