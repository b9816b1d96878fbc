"""``verify``'s options for the verdict: what is judged, by which rule, and what the report says of it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ready_children import READY

pytestmark = pytest.mark.keras
ROOT = Path(__file__).resolve().parents[2]
MODEL = "sample_models/xor_relu.h5"


def run(*words, **environment):
    environment = {**os.environ, **(environment or READY.environment())}
    done = subprocess.run([sys.executable, "-m", "weightscope", "verify", MODEL, "--format", "json", *words], cwd=ROOT,
                          capture_output=True, text=True, check=False, env=environment)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.parametrize("one_dnn", ["0", "1"])
def test_both_questions_are_answered(one_dnn):
    code, found, _ = run(TF_ENABLE_ONEDNN_OPTS=one_dnn)
    assert code == 0
    assert found["function"] == {"asked": True, "reason": None, "same": True}
    for row in found["rows"]:
        assert row["own_in_float64"]["within"] and row["own"]["within"]
        assert row["own_in_float64"]["of_limit"] < 1
        assert row["causes"] == []


def test_quick_asks_one_and_says_so():
    code, found, _ = run("--quick")
    assert code == 0
    assert found["function"] == {"asked": False, "reason": "quick", "same": None}
    assert all(row["own_in_float64"] is None and row["own"]["of_limit"] < 1 for row in found["rows"])
    assert any(line == "same function: not asked in float64: quick" for line in found["summary"])


def test_a_tolerance_is_plain_allclose():
    code, found, _ = run("--rtol", "1e-3", "--atol", "0")
    assert code == 0
    assert found["function"]["reason"] == "a tolerance was given"
    assert found["tolerance"] == {"rtol": 1e-3, "atol": 0.0, "layers": [], "would_pass": None}
    code, found, _ = run("--rtol", "0", "--atol", "0")
    assert code == 1  # not bit by bit


def test_a_tolerance_that_rounding_does_not_leave_gets_no_cause_but_what_would_pass():
    code, found, _ = run("--rtol", "1e-12", "--atol", "0")
    assert code == 1
    assert "1e-12 is tighter than float32 can be here: about 1.2e-7" in found["summary"]
    assert "by the tolerance alone" in found["summary"][0] and "fault" not in " ".join(found["summary"])
    assert not any(row["causes"] for row in found["rows"])
    assert not any(line.startswith("cause") for line in found["summary"])
    words = found["tolerance"]["would_pass"]
    assert f"agrees from {words}" in found["summary"]
    option, number = words.split()
    assert option == "--rtol"
    assert run(option, number, "--atol", "0")[0] == 0
    assert run(option, str(float(number) * 0.8), "--atol", "0")[0] == 1  # and not much less would do


def test_one_layer_has_a_tolerance_of_its_own():
    code, found, _ = run("--tolerance", "dense_*=0,0")
    assert code == 1
    assert {row["path"]: row["verdict"] for row in found["rows"]}["dense"] == "agrees"
    assert found["first"] == "dense_1"
    assert found["rows"][0]["own_in_float64"]["within"]
    assert "tolerance of layer 'dense_*': |ours - theirs| <= atol + rtol * |theirs| with rtol 0 and atol 0" in (
        found["summary"])
    assert not any(line.startswith("tolerance:") for line in found["summary"])
    words = found["tolerance"]["would_pass"]
    assert words.startswith("--tolerance 'dense_*=")
    assert run(*shlex.split(words))[0] == 0


@pytest.mark.parametrize(("given", "words"), [
    ("dens=1", "'dens' is no layer that computes. Did you mean dense"),
    ("dense=much", "'dense=much' is not NAME=RTOL[,ATOL]"),
    ("dense", "'dense' is not NAME=RTOL[,ATOL]"),
])
def test_a_tolerance_that_fits_nothing_is_an_error(given, words):
    code, found, talk = run("--tolerance", given)
    assert code == 2
    assert found is None
    assert words in talk
