"""Weights that are not what the config says: shown by inspect with status 1, refused by predict."""

import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import weightscope
from weightscope.cli import main

SAMPLES = Path(__file__).parents[2] / "sample_models"
PLACES = {".keras": "layers/dense/vars/0", ".h5": "model_weights/dense/dense/kernel"}
INPUT = str(SAMPLES / "xor_input.npy")


def changed(sample, target, **arrays):
    """Write a copy of a sample model with other arrays; None leaves one out."""
    if sample.suffix == ".h5":
        shutil.copy(sample, target)
        _change(target, arrays)
        return str(target)
    with zipfile.ZipFile(sample) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "model.weights.h5":
                file = io.BytesIO(data)
                _change(file, arrays)
                data = file.getvalue()
            new.writestr(name, data)
    return str(target)


def _change(file, arrays):
    with h5py.File(file, "r+") as opened:
        for path, array in arrays.items():
            del opened[path]
            if array is not None:
                opened[path] = array


FAULTS = {
    "missing": (None, "not in the file"),
    "text": (np.array([b"a", b"b"]), "not in the file"),
    "empty": (h5py.Empty("f4"), "not in the file"),
    "other shape": (np.ones((3, 10), "f4"), "has 3 along in, its input (None, 2) has 2"),
    "none of it": (np.ones((0, 10), "f4"), "has 0 along in, its input (None, 2) has 2"),
    "other units": (np.ones((2, 9), "f4"), "has 9 along units, the config says units=10"),
    "other rank": (np.ones((20,), "f4"), "kernel"),
    "complex": (np.ones((2, 10), "c8"), "holds complex64 numbers, the config says float32"),
    "NaN": (np.full((2, 10), np.nan, "f4"), "dense.kernel holds 20 NaN, first at [0, 0]"),
    "an infinity": (np.full((2, 10), -np.inf, "f4"), "dense.kernel holds 20 infinite numbers"),
}


@pytest.mark.parametrize("ending", PLACES)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_weight_that_is_not_what_the_config_says(tmp_path, kind, ending):
    array, said = FAULTS[kind]
    path = changed(SAMPLES / f"xor{ending}", tmp_path / f"m{ending}", **{PLACES[ending]: array})
    done = CliRunner().invoke(main, ["inspect", path])
    lines = done.stdout.splitlines()
    assert done.exit_code == 1 and lines[-1].startswith("1 problem: ")
    if not (kind in ("text", "empty", "other rank") and ending == ".h5"):
        assert said in " ".join(" ".join(lines).split())
    done = CliRunner().invoke(main, ["predict", path, "--input", INPUT])
    assert done.exit_code in (1, 5) and not done.stdout
    assert done.stderr.startswith(f"weightscope: {path}: ") and "dense" in done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.count(path) == 1


def test_what_is_there_in_its_place_is_said(tmp_path):
    path = changed(SAMPLES / "xor.h5", tmp_path / "m.h5", **{PLACES[".h5"]: np.array([b"a", b"b"])})
    problem, = weightscope.load(path).ledger.problems
    assert problem == f"layer 'dense' lists the weight {PLACES['.h5']!r}, which is a dataset of texts"


def test_the_formats_count_alike(tmp_path):
    path = changed(SAMPLES / "xor.keras", tmp_path / "m.keras", **{
        PLACES[".keras"]: None, "layers/dense_1/vars/1": np.full((10,), np.nan, "f4")})
    markdown = CliRunner().invoke(main, ["inspect", path, "--format", "markdown"])
    assert markdown.exit_code == 1 and markdown.stdout.splitlines()[-1].startswith("2 problems: ")
    done = CliRunner().invoke(main, ["inspect", path, "--format", "json"])
    assert done.exit_code == 1 and done.stdout.count("dense_1.bias holds 10 NaN") == 1


def test_numbers_that_are_none_are_computed_with_on_request(tmp_path):
    path = changed(SAMPLES / "xor.keras", tmp_path / "m.keras", **{
        "layers/dense_1/vars/1": np.full((10,), np.nan, "f4")})
    done = CliRunner().invoke(main, ["predict", path, "--input", INPUT, "--allow-nonfinite"])
    assert done.exit_code == 0 and done.stdout.count("nan") == 4


@pytest.mark.parametrize("array", [np.ones((2, 10), "f8"), np.ones((2, 10), "i4"), np.ones((2, 10), bool)])
def test_numbers_of_another_kind_are_what_keras_takes(tmp_path, array):
    path = changed(SAMPLES / "xor.keras", tmp_path / "m.keras", **{PLACES[".keras"]: array})
    assert CliRunner().invoke(main, ["inspect", path]).exit_code == 0
    assert CliRunner().invoke(main, ["predict", path, "--input", INPUT]).exit_code == 0


def test_no_sample_has_a_problem():
    for path in sorted(SAMPLES.iterdir()):
        if path.suffix in (".h5", ".keras"):
            assert not weightscope.load(path).ledger.problems, path
