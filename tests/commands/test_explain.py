"""``weightscope explain``: what is asked for, and what it says of what is not there."""

import json
from pathlib import Path

import pytest
from running import run

SAMPLES = Path(__file__).parents[2] / "sample_models"
XOR = str(SAMPLES / "xor_relu.h5")
INPUT = ["--input", str(SAMPLES / "xor_relu_input.npy")]


def test_a_unit_on_the_board():
    done = run("explain", XOR, "dense", *INPUT, "--sample", "1", "--unit", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "z[1] = Σ x[i] · kernel[i, 1] + bias[1]" in done.stdout
    assert "= 0 · (-0.903775) + 1 · (-0.0749479) - 0.910713 = -0.985661" in done.stdout
    assert "y[1] = relu(z[1]) = relu(-0.985661) = max(-0.985661, 0) = 0" in done.stdout
    assert "2·4 + 4 = 12 parameters" in done.stdout


def test_in_symbols_there_are_no_numbers_of_an_input():
    done = run("explain", XOR, "dense_1")
    assert done.returncode == 0
    assert "z[0] = Σ x[i] · kernel[i, 0] + bias[0]\n" in done.stdout
    assert "y[0] = sigmoid(z[0]) = 1 / (1 + exp(−z[0]))\n" in done.stdout


def test_json():
    done = run("explain", XOR, *INPUT, "--format", "json")
    first, last = json.loads(done.stdout)["layers"]
    assert (first["path"], last["path"]) == ("dense", "dense_1")
    total = last["steps"][-2]
    sums = [term["value"] for term in total["terms"]] + [more["value"] for more in total["more"]]
    assert sum(sums) == pytest.approx(total["value"], rel=1e-6)


def test_markdown_keeps_names_from_a_file_out_of_its_text(tmp_path):
    done = run("explain", XOR, *INPUT, "--format", "markdown", "-o", "page.md", cwd=tmp_path)
    assert done.returncode == 0
    page = (tmp_path / "page.md").read_text()
    assert page.count("```") == 4 and "## `dense_1` `Dense`" in page


@pytest.mark.parametrize("arguments, said", [
    (["dens"], "'dens' is no layer. Did you mean dense"),
    (["dense", "--unit", "4"], "gives a sample numbers of shape (4,): there is none at 4"),
    (["dense", "--at", "1,x"], "'1,x' is no index"),
    (["dense", "--at", "1", "--unit", "1"], "give one of --at and --unit"),
    (["--unit", "1"], "are of one LAYER"),
    (["dense", *INPUT, "--sample", "4"], "there is no sample 4"),
], ids=str)
def test_what_is_not_there_is_said_in_a_line(arguments, said):
    done = run("explain", XOR, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
