"""Counts what weightscope does with a folder of public model files, and writes the table of it in docs/files.md.

``python tests/real_models_table.py [FOLDER]``, or ``make real``: the folder holds the files and a ``manifest.tsv`` as
``real_models.py`` reads it. Needs Keras and tf_keras, and some minutes. What fails is printed, with its reason.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import real_models

import weightscope
from weightscope.converting.convert import convert
from weightscope.errors import ReferenceFailed, WeightscopeError
from weightscope.replaying import inputs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "files.md"
TABLE = re.compile(r"(<!-- real models -->\n).*?(<!-- end of real models -->)", re.DOTALL)
COLUMNS = {
    "files": "files",
    "opened": "open, every array accounted for",
    "replayed": "replay",
    "recorded": "meet recorded values",
    "keras": "agree with Keras 3",
    "tf_keras": "agree with tf_keras",
    "converted": "`convert` makes loadable, of those Keras 3 refuses",
}
SAMPLES = 2
NO_ANSWER = None


def main(folder=real_models.FOLDER):
    """Count, print what failed, and write the table into the page."""
    counts = {}
    for row in real_models.rows_of(folder):
        kept = counts.setdefault(row["keras_version"].partition(".")[0] or "not said", (Counter(), Counter()))
        for column, outcome in outcomes(folder, row):
            if outcome is NO_ANSWER:
                continue
            kept[0][column] += outcome is True
            kept[1][column] += 1
            if outcome is not True:
                print(f"{row['file']}: {column}: {outcome}", flush=True)
    PAGE.write_text(TABLE.sub(lambda found: found[1] + table(counts) + found[2], PAGE.read_text()))


def outcomes(folder, row):
    """Yield ``(column, True or what went wrong)`` of what can be asked of one file."""
    yield "files", True
    try:
        model = weightscope.load(folder / row["file"])
    except WeightscopeError as error:
        yield "opened", str(error)
        return
    closed = model.ledger.closes and not model.ledger.unclaimed and not model.ledger.problems
    yield "opened", closed or "its ledger does not close"
    try:
        given, _ = inputs.for_model(model, (), 0, SAMPLES)
    except WeightscopeError as error:
        yield "replayed", str(error)
        return
    yield "replayed", answer(lambda: not (missing := weightscope.replay(model, given).missing) or missing)
    if row["expected"]:
        yield "recorded", answer(lambda: bool(weightscope.verify(model, against=str(folder / row["expected"]))))
    for kind, column in (("keras", "loads_in_keras_3.15"), ("tf_keras", "loads_in_tf_keras_2.21")):
        if row[column] == "yes":
            yield kind, answer(lambda kind=kind: bool(weightscope.verify(model, given, against=kind)))
    if row["loads_in_keras_3.15"] != "yes":
        yield "converted", answer(lambda: convert(model, given).agrees)


def answer(question):
    """Return what a question says, the error that it ends with, or NO_ANSWER where Keras cannot run what it loads."""
    try:
        return question()
    except ReferenceFailed:
        return NO_ANSWER
    except WeightscopeError as error:
        return str(error)


def table(counts):
    """Return the Markdown table of ``{version: (how many did, how many were asked)}``, with the sum below."""
    total = Counter(), Counter()
    for pair in counts.values():
        for sums, found in zip(total, pair):
            sums.update(found)
    lines = [f"| saved by | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for version, pair in [*sorted(counts.items()), ("all", total)]:
        name = f"Keras {version}" if version.isdigit() else version
        lines.append(f"| {name} | {' | '.join(cell(column, *pair) for column in COLUMNS)} |")
    return "\n".join(lines) + "\n"


def cell(column, did, asked):
    """Return ``14 of 15``; a number alone for the files themselves."""
    if column == "files" or not asked[column]:
        return str(asked[column] or "")
    return f"{did[column]} of {asked[column]}"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
