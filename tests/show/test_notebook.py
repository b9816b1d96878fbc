"""What ``print`` and a notebook show: in few lines, safe whatever a file names, and the command's own table."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from shown_models import HOSTILE, named_in_file

import weightscope
from weightscope.show.notebook import MOST_ROWS

SAMPLES = Path(__file__).resolve().parent.parent.parent / "sample_models"
FILES = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".h5", ".keras"))
MATHS = r"$\href{javascript:alert(1)}{x}$<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def opened(name="xor_relu.h5"):
    """Return a sample model, and its input."""
    model = weightscope.load(SAMPLES / name)
    return model, np.load(SAMPLES / f"{name.split('.')[0]}_input.npy")


def golden(folder, model, x, change=0.0):
    """Record what a model gives, the last layer otherwise by ``change``, and return the path of the file."""
    trace = weightscope.replay(model, x)
    last = list(trace)[-1]
    values = {f"layers/{path}": trace[path] for path, _ in model.calls()}
    np.savez(folder / "golden.npz", **{**values, f"layers/{last}": trace[last] + np.float32(change)})
    return folder / "golden.npz"


def compared(folder, change=0.0, name="xor_relu.h5", **options):
    model, x = opened(name)
    return weightscope.verify(model, x, against=golden(folder, model, x, change), **options)


class Reader(HTMLParser):
    """Reads HTML as a browser does: the text, and every tag and attribute; tags have to be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def safe(text):
    """Require HTML that runs nothing and paints no ground of its own; return what a reader sees."""
    found = Reader(text)
    assert set(found.tags) <= {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td", "pre"}
    assert set(found.attributes) <= {
        ("class", "tex2jax_ignore mathjax_ignore"), ("style", "opacity: 0.65"), ("style", "text-align: left"),
        ("style", "text-align: right")}
    assert found.tags[0] == "div" and "mathjax_ignore" in text[:60]
    return "\n".join(found.text)


# Models.


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_model_is_a_line_a_layer(path, monkeypatch):
    monkeypatch.chdir(SAMPLES)  # a long path would take a line of its own
    model = weightscope.load(path.name)
    lines = [line for line in str(model).splitlines() if not line.startswith("no shapes, no replay: ")]
    assert len(lines) == 2 + len(model.paths())
    assert [line.split()[0] for line in lines[1:-1]] == model.paths()  # what to type in model[…]
    assert ("no shapes, no replay" in str(model)) is path.name.endswith(".weights.h5")
    assert ("  inferred: " in str(model)) is ("inferred: " in model._repr_html_()) is path.name.endswith(".weights.h5")
    assert lines[0].split() == [model.name, *model.class_name.split(), path.name]
    assert repr(model) == (f"<{model.class_name} {model.name!r}: {len(model.layers)} layers,"
                           f" {model.count_params():,} parameters>")
    seen = safe(model._repr_html_())
    assert all(part in seen for part in model.paths())


def test_a_model_in_full(monkeypatch):
    monkeypatch.chdir(SAMPLES)
    model = weightscope.load("xor_relu.h5")
    assert str(model) == """\
sequential  Sequential  xor_relu.h5
  input_layer  InputLayer  (None, 2)
  dense        Dense       (None, 4)  12
  dense_1      Dense       (None, 1)   5
17 parameters = 17 trainable + 0 non-trainable"""
    assert "kernel (2 in × 4 units), bias (4 units)" in safe(model._repr_html_())


def test_what_cannot_be_replayed_is_told(tmp_path):
    path = tmp_path / "model.h5"
    shutil.copy(SAMPLES / "xor_relu.h5", path)
    named_in_file(path, "relu", "ruel")
    model = weightscope.load(path)
    assert "  dense        Dense       (None, 4)  12  not replayed" in str(model).splitlines()
    assert "not replayed: activation 'ruel' is none of Keras'" in str(model["dense"])
    assert "not replayed: activation 'ruel' is none of Keras'" in safe(model._repr_html_())


def test_a_part_of_a_model_has_the_paths_that_it_takes_itself():
    whole = weightscope.load(SAMPLES / "lstm_nested.keras")
    assert str(whole["encoder"]).splitlines() == [
        "encoder  Sequential", "  input_layer  InputLayer  (None, 10, 3)",
        "  lstm         LSTM        (None, 4)      128  frozen", "128 parameters = 0 trainable + 128 non-trainable"]
    assert "lstm" in safe(whole["encoder"]._repr_html_())


def test_layers_and_weights():
    model, _ = opened("lstm.keras")
    assert str(model["dense"]) == """\
dense  Dense  4·1 + 1 = 5 parameters
  y = x · kernel + bias
  kernel (4, 1) = 4 in × 1 unit  float32  4
  bias (1,) = 1 unit             float32  1"""
    assert repr(model["dense"]) == "<Dense 'dense': kernel (4, 1), bias (1,)>"
    assert repr(model["input_layer"]) == "<InputLayer 'input_layer'>"
    kernel = model["lstm"].weights["kernel"]
    assert repr(kernel) == "<Weight kernel (in i|f|c|o:units) (3, 16) float32>"
    lines = str(kernel).splitlines()
    assert lines[0] == "kernel  (3, 16) = 3 in × 4 gates of 4 units: i 0–3, f 4–7, c 8–11, o 12–15"
    assert lines[1] == "  float32"
    assert [line for line in lines if "units)" in line] == [f"[{gate}] (3 in × 4 units)" for gate in "ifco"]
    assert np.array2string(kernel.array[0, 0], floatmode="unique") in lines[3]
    for shown in (model["dense"], kernel):
        assert safe(shown._repr_html_()).strip() == str(shown)
    assert str(weightscope.Weight("bias", "units")) == "bias  not in the file"


# Traces.


def test_a_trace_shows_shapes_and_no_values():
    model, x = opened()
    trace = weightscope.replay(model, np.tile(x, (1000, 1)))
    assert repr(trace) == "<Trace of 3 nodes>"
    assert str(trace) == """\
trace of 3 nodes
  input_layer  (4000, 2)  float32
  dense        (4000, 4)  float32
  dense_1      (4000, 1)  float32
output  (4000, 1)  float32"""
    assert safe(trace._repr_html_()).split() == [
        "trace", "3", "nodes", "path", "shape", "dtype", "input_layer", "(4000,", "2)", "float32", "dense", "(4000,",
        "4)", "float32", "dense_1", "(4000,", "1)", "float32", "output", "(4000,", "1)", "float32"]


def test_what_was_not_replayed_is_told():
    trace = weightscope.Trace({"dense": np.zeros((2, 3)), "both": [np.zeros((2, 1)), np.zeros((2,), int)]},
                              {"odd": "class Odd is not known"})
    assert repr(trace) == "<Trace of 2 nodes, 1 not replayed>"
    assert str(trace).splitlines()[1:] == [
        "  dense  (2, 3)        float64", "  both   (2, 1), (2,)  float64, int64",
        "  odd                  not replayed: class Odd is not known"]
    assert "not replayed: class Odd is not known" in safe(trace._repr_html_())
    with pytest.raises(KeyError) as error:
        trace["odd"]
    assert str(error.value) == "'odd' was not replayed: class Odd is not known"
    with pytest.raises(weightscope.NoSuchLayer) as error:
        trace["dens"]
    assert str(error.value) == "'dens' has no value in this trace. Did you mean dense?"
    assert trace.get("dens") is None and "dens" not in trace


def test_long_tables_are_cut_with_a_note():
    trace = weightscope.Trace({f"layer_{index}": np.zeros(1) for index in range(MOST_ROWS + 7)})
    seen = safe(trace._repr_html_())
    assert f"layer_{MOST_ROWS - 1}\n" in seen and f"layer_{MOST_ROWS}\n" not in seen
    assert "… 7 nodes more; print(trace) has them all" in seen
    assert len(str(trace).splitlines()) == MOST_ROWS + 8


# Comparisons.


@pytest.mark.parametrize("change", [0.0, 0.25])
@pytest.mark.parametrize("self_test", [False, True])
def test_a_comparison_prints_what_the_command_prints(tmp_path, change, self_test):
    model, x = opened()
    reference = golden(tmp_path, model, x, change)
    found = weightscope.verify(model, x, against=reference, self_test=self_test)
    assert bool(found) is (change == 0)
    command = [sys.executable, "-m", "weightscope", "verify", SAMPLES / "xor_relu.h5", "--input",
               SAMPLES / "xor_relu_input.npy", "--reference", reference, "--legend", *["--self-test"] * self_test]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert ran.returncode == found.exit_code
    assert str(found) + "\n" == ran.stdout
    assert len(str(found).splitlines()) > 5 and max(map(len, str(found).splitlines())) <= 80


def test_a_comparison_in_short_and_in_a_notebook(tmp_path):
    found = compared(tmp_path, 0.25)
    assert repr(found) == (f"<Comparison diverges, first at 'dense_1': 2 of 2 layer calls, 4 samples, against recorded"
                           f" values of {tmp_path / 'golden.npz'}>")
    seen = safe(found._repr_html_())
    assert "✗ xor_relu.h5 diverges from recorded values" in seen and "by its own fault" in seen
    assert re.findall(r"^(dense\w*|agrees|diverges)$", seen, re.M) == ["dense", "agrees", "dense_1", "diverges"]
    fine = compared(tmp_path, self_test=True)
    seen = safe(fine._repr_html_())
    assert "✓ xor_relu.h5 agrees with recorded values" in seen and "self-test" in seen


def test_a_row_by_itself(tmp_path):
    row = compared(tmp_path, 0.25).first
    assert repr(row) == "<Difference 'dense_1' (Dense): diverges>"
    lines = str(row).splitlines()
    assert lines[0] == "dense_1  Dense  (None, 1)  diverges"
    assert "total error: 2.5e-01, over 1000% of limit" in str(row) and "apart by 2.5e-01" in str(row)
    assert safe(row._repr_html_()).strip() == str(row)


# Names of a file.


@pytest.mark.parametrize("name", [HOSTILE, MATHS, "a\nb\u2028c", "</pre></div>"])
def test_names_of_a_file_are_shown_as_data(tmp_path, name):
    path = tmp_path / "model.h5"
    shutil.copy(SAMPLES / "xor_relu.h5", path)
    named_in_file(path, "dense_1", name)
    model, x = weightscope.load(path), np.load(SAMPLES / "xor_relu_input.npy")
    trace = weightscope.replay(model, x)
    np.savez(tmp_path / "golden.npz", outputs=trace.output)
    found = weightscope.verify(model, x, against=tmp_path / "golden.npz")
    wrong = weightscope.load(path)
    wrong.layers[1].weights["bias"].array[0] += 1
    for shown in (model, model.layers[1], trace, found, found.rows[1], weightscope.verify(
            wrong, x, against=tmp_path / "golden.npz"), weightscope.Weight(name, "")):
        for text in (str(shown), repr(shown)):
            assert all(line.isprintable() for line in text.splitlines())
        assert "\n" not in repr(shown)
        seen = safe(shown._repr_html_())  # no tag of the name's own
        assert all(line.isprintable() for line in seen.splitlines())
    with pytest.raises(weightscope.NoSuchLayer) as error:
        model["dense_1"]
    assert str(error.value).isprintable()


# Who tells it to whom.


def test_the_front_door_tells_how_things_are_shown_and_nobody_else():
    code = """if True:
        import sys
        from weightscope.opening.load import load
        from weightscope.replaying.trace import Trace
        model = load(sys.argv[1])
        assert str(model) == repr(model) and model._repr_html_() is None
        assert str(Trace()) == repr(Trace()) == "<Trace of 0 nodes>"
        assert "weightscope.show.notebook" not in sys.modules
        import weightscope
        weightscope.Trace
        assert str(model) != repr(model) and "<table>" in model._repr_html_()
        assert "weightscope.verdict" not in sys.modules
        from weightscope.verdict.comparison import Comparison
        from weightscope.verdict.gaps import Tolerance
        empty = Comparison([], [], 0, Tolerance())
        assert str(empty) == repr(empty)
        weightscope.Comparison
        assert str(empty).startswith("the model is unchecked: the model has no layer")
    """
    subprocess.run([sys.executable, "-c", code, SAMPLES / "xor_relu.h5"], check=True)
