"""What a Comparison looks like in each format, from real replays: one of the file, one of a model changed by hand."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from weightscope.model.structure import flatten
from weightscope.opening.load import load
from weightscope.replaying.replay import replay
from weightscope.replaying.trace import Trace
from weightscope.show import json as json_report
from weightscope.show import markdown, rows, terminal
from weightscope.show.formats import Terminal
from weightscope.show.text import Page
from weightscope.show.verdict import chosen_rows, sentence
from weightscope.verdict.alone import judged_alone
from weightscope.verdict.comparison import Comparison
from weightscope.verdict.differences import differences_of
from weightscope.verdict.gaps import Tolerance, gap
from weightscope.verdict.ours import Ours
from weightscope.verdict.sides import held_together
from weightscope.verdict.sources import with_sources

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")

AGREES = """\
NAME agrees with Keras: all 3 layers and predict, on 4 samples.

layer   class    output     own error  total error  of limit  verdict
hidden  Dense    (None, 3)          0            0        0%  agrees
drop    Dropout  (None, 3)          0            0        0%  agrees
answer  Dense    (None, 1)          0            0        0%  agrees

tolerance: |ours - theirs| <= atol + rtol * |theirs| with rtol 0.0001 and atol
  1e-05 of the layer's largest value (for float32; other dtypes have their own)
"""

# By hand: for [1, 1] hidden is relu(5, 7, 8) and answer sigmoid(5 - 7 + 0.5) = 0.182426; with 0.125 more in the first
# bias it is sigmoid(-1.375) = 0.201813. The first sample's hidden goes from 0 to 0.125.
DIVERGES = """\
NAME diverges from Keras: first at layer 'hidden' (Dense), by its own fault.

layer   class    output     own error  total error    of limit  verdict
hidden  Dense    (None, 3)    1.2e-01      1.2e-01  over 1000%  diverges
drop    Dropout  (None, 3)          0      1.2e-01          0%  came in
answer  Dense    (None, 1)          0      3.0e-02          0%  grew ×2.9 here

layer 'hidden': at [0, 0] NumPy has 0, Keras 0.125, apart by 1.2e-01
output of predict: at [3, 0] NumPy has 0.182426, Keras 0.201813, apart by
  1.9e-02
tolerance: |ours - theirs| <= atol + rtol * |theirs| with rtol 0.001 and atol 0
"""


def compared(path, change=None, tolerance=None, drop=()):
    """Compare a file's replay with that of the same file, one array of which ``change`` has changed."""
    tolerance = tolerance or Tolerance()
    model, other = load(path), load(path)
    if change:
        name, weight, amount = change
        layer = next(layer for layer in other.layers if layer.name == name)
        layer.weights[weight].array[0] += amount
    whole = replay(other, X)
    theirs = Trace({key: value for key, value in whole.items() if key not in drop})
    ours = without_budgets(model)
    found = with_sources(rows_of(ours, theirs, tolerance), model.feeders())
    outputs = [gap(ours.trace.output, whole.output, tolerance)]
    return Comparison(found, outputs, len(X), tolerance, file=str(model.saved.path))


def without_budgets(model, x=X):
    """Return our side of a batch, to be judged by a tolerance as a quantized model's is."""
    ours = Ours(model, [x])
    ours.budgets, ours.dtypes = None, {}
    return ours


def rows_of(ours, theirs, tolerance=None):
    sides = held_together(ours, ((path, flatten(outputs)) for path, outputs in theirs.items()),
                          tolerance or Tolerance())
    return differences_of(sides, judged_alone(sides))


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def written(result, limit=None):
    file = io.StringIO()
    rows.comparison(result, Page(file), limit)
    return file.getvalue()


def test_agreement(shown):
    result = compared(shown["small.h5"].path)
    assert result
    assert written(result) == AGREES.replace("NAME", "small.h5")


def test_divergence_names_the_layer_and_both_numbers(shown):
    result = compared(shown["small.h5"].path, ("hidden", "bias", 0.125), Tolerance(1e-3, 0.0))
    assert not result
    assert written(result) == DIVERGES.replace("NAME", "small.h5")


def test_an_inherited_difference_says_so(shown):
    result = compared(shown["small.h5"].path, ("hidden", "bias", 0.125), drop=["hidden"])
    assert "first at layer 'answer' (Dense)" in sentence(result)[0] or "'drop'" in sentence(result)[0]


def test_what_was_not_compared_is_no_agreement(shown):
    result = compared(shown["small.h5"].path, drop=["drop"])
    assert result.verdict == "unchecked"
    assert sentence(result)[0] == ("unchecked: 1 of 3 layer calls could not be compared, first 'drop' (Dropout)")
    assert "drop    Dropout  (None, 3)          -            -         -  not compared" in written(result)


def test_numbers_that_look_alike_get_more_digits(shown):
    result = compared(shown["small.h5"].path, ("answer", "bias", 1e-6), Tolerance(0.0, 0.0))
    found = result.outputs[0]
    text = sentence(result)[1]
    ours, theirs = text.split("NumPy has ")[1].split(", apart")[0].split(", Keras ")
    assert ours != theirs
    np.testing.assert_allclose([float(ours), float(theirs)], [found.ours, found.theirs], rtol=1e-5)


def test_a_limit_never_hides_a_difference(shown):
    result = compared(shown["small.h5"].path, ("answer", "bias", 0.5))
    found = written(result, limit=0)
    assert "… 2 rows more, which agree\nanswer  Dense" in found
    assert "diverges" in found.splitlines()[4]
    assert [r if isinstance(r, int) else r.path for r in chosen_rows(result.rows, 2)] == ["hidden", 1, "answer"]
    assert len(chosen_rows(result.rows, None)) == 3


def test_a_long_name_takes_a_line_of_its_own(shown):
    path = shown["deep.keras"].path
    model = load(path)
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    trace = replay(model, x)
    whole = [gap(trace.output, trace.output, Tolerance())]
    result = Comparison(rows_of(without_budgets(model, x), trace), whole, 2, Tolerance())
    found = written(result)
    assert max(map(len, found.splitlines())) <= 80
    for layer in model.layers[1:]:
        assert layer.name in found
    assert len(written(result, limit=5).splitlines()) < 20


def columns(line):
    """Return where the columns of numbers, and of verdicts, end or begin in a table's line."""
    return [match.end() for match in re.finditer(r"own error|total error|of limit|  verdict", line)]


@pytest.mark.parametrize("width", [80, 120])
def test_columns_never_shift(shown, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    path = shown["deep.keras"].path
    model = load(path)
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    trace = replay(model, x)
    for length in range(1, 60):
        result = Comparison(
            [replace(row, path="n" * length) for row in rows_of(without_budgets(model, x), trace)][:2],
            [gap(trace.output, trace.output, Tolerance())], 2, Tolerance())
        head, *lines = written(result).splitlines()[2:]
        ends = columns(head)
        numbers = [line for line in lines[:lines.index("")] if line.endswith("agrees")]
        assert len(numbers) == 2 and len(ends) == 4
        for line in numbers:
            assert [line[end - 2:end].strip() for end in ends[:3]] == ["0", "0", "0%"]
            assert line[ends[3] - len("verdict"):] == "agrees"
        assert max(map(len, lines)) <= width


def test_what_the_columns_are_is_said(shown):
    result = compared(shown["small.h5"].path, ("hidden", "bias", 0.125))
    file = io.StringIO()
    rows.comparison(result, Page(file), verbose=True, with_legend=True)
    told = file.getvalue()
    for name in ("own error", "total error", "in float64", "as saved", "came in, grew"):
        assert re.search(rf"^{name}  +\w", told, re.MULTILINE)
    assert "\nheld against Keras\n" in told and "held against" not in written(result)


def test_in_one_line(shown):
    file = io.StringIO()
    result = compared(shown["small.h5"].path)
    Terminal(file, "never").comparison(result, quiet=True)
    assert file.getvalue() == f"{result.file} agrees with Keras: all 3 layers and predict, on 4 samples.\n"


def test_json(shown):
    file = io.StringIO()
    result = compared(shown["small.h5"].path, ("hidden", "bias", float("nan")))
    json_report.comparison(result, file)
    found = json.loads(file.getvalue(), parse_constant=lambda name: pytest.fail(name))
    assert (found["schema"], found["report"], found["verdict"], found["exit_code"]) == (2, "verify", "diverges", 1)
    assert found["first"] == "hidden"
    assert found["rows"][0]["own"]["theirs"] == "NaN"
    assert found["rows"][0]["own"]["absolute"] == "Infinity"
    assert [row["path"] for row in found["rows"]] == ["hidden", "drop", "answer"]
    assert found["rows"][0]["shape"] == [None, 3]
    assert found["outputs"][0]["within"] is False
    assert found["tolerance"] == {"rtol": None, "atol": None, "layers": [], "would_pass": None}


def test_markdown(shown):
    file = io.StringIO()
    markdown.comparison(compared(shown["small.h5"].path, ("hidden", "bias", 0.125)), file)
    tokens = MarkdownIt("commonmark").enable("table").parse(file.getvalue())
    cells = [token.content for token in tokens if token.type == "inline"]
    assert cells[0].startswith("**small.h5 diverges from Keras")
    assert sum(token.type == "tr_open" for token in tokens) == 4
    assert cells[1:8] == ["layer", "class", "output", "own error", "total error", "of limit", "verdict"]
    assert cells[8:11] == ["`hidden`", "`Dense`", "`(None, 3)`"]
    assert [cells[index] for index in (14, 21, 28)] == ["diverges", "came in", "grew ×2.9 here"]


def test_colours(shown):
    file = io.StringIO()
    rows.comparison(compared(shown["small.h5"].path), terminal.TerminalPage(file, forced=True))
    assert "\x1b[32magrees\x1b[0m" in file.getvalue()
