"""``weightscope scan``, and what the other commands say of and do with the same files."""

import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from running import run

XOR = "sample_models/xor.keras"


@pytest.fixture
def folder(tmp_path):
    """Files: one that is good, one that names a function, one with a text in it, a pickle of a number."""
    shutil.copy(XOR, tmp_path / "good.keras")
    with zipfile.ZipFile(XOR) as old, zipfile.ZipFile(tmp_path / "named.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1]["config"]["activation"] = {
                    "module": "builtins", "class_name": "function", "config": "print", "registered_name": "print"}
                data = json.dumps(config)
            new.writestr(name, data)
    shutil.copy(XOR, tmp_path / "noted.keras")
    with zipfile.ZipFile(tmp_path / "noted.keras", "a") as archive:
        archive.writestr("notes.py", "# a comment\n")
    (tmp_path / "number.pkl").write_bytes(pickle.dumps(1))
    return tmp_path


def test_a_line_a_finding_and_the_total(folder):
    done = run("scan", str(folder), env={"COLUMNS": "400"})
    lines = done.stdout.splitlines()
    assert done.returncode == 4 and done.stderr == ""
    assert lines[:3] == [
        f"{folder}/named.keras:  WS402 error  layer 'dense' names the function print, which Keras would call, at"
        " config.json config.layers[1].config.activation",
        f"{folder}/noted.keras:  WS428 error  member 'notes.py' is a program's text",
        f"{folder}/number.pkl:  WS461 error  is a Python pickle, which weightscope never opens"]
    assert "  what to do: --allow-function NAME if you trust it" in lines
    assert lines[-1] == "3 errors in 4 models"


def test_nothing_found(folder):
    done = run("scan", str(folder / "good.keras"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing found in 1 model\n", "")


def test_nothing_to_scan_is_no_pass(tmp_path):
    (tmp_path / "notes.txt").write_text("words")
    done = run("scan", str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "no model was there to scan, among 1 file\n")
    done = run("scan", str(tmp_path / "gone"))
    assert done.returncode == 2 and "does not exist" in done.stderr


def test_for_programs(folder):
    done = run("scan", str(folder), "--format", "json")
    found = json.loads(done.stdout)
    assert (found["report"], found["exit_code"], found["errors"], found["warnings"]) == ("scan", 4, 3, 0)
    assert [file["findings"] == [] for file in found["files"]] == [True, False, False, False]
    named = found["files"][1]["findings"][0]
    assert {key: named[key] for key in ("code", "severity", "place")} == {
        "code": "WS402", "severity": "error", "place": "config.json config.layers[1].config.activation"}
    assert named["remedy"] == "--allow-function print if you trust it" and "import a module" in named["could"]


def test_for_pages(folder):
    done = run("scan", str(folder), "--format", "markdown")
    assert done.stdout.startswith("**3 errors in 4 models**\n\n| file | code |")
    assert f"| `{folder}/number.pkl` | WS461 | error |" in done.stdout


def test_names_are_shown_as_data(tmp_path):
    shutil.copy(XOR, tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr("\x1b[31mred\n.py", "# a comment\n")
    for layout in ("terminal", "markdown", "json"):
        done = run("scan", str(tmp_path), "--format", layout)
        assert done.returncode == 4 and "\x1b" not in done.stdout and "WS428" in done.stdout


def test_a_report_is_not_written_over_what_was_scanned(folder):
    done = run("scan", str(folder), "-o", str(folder / "good.keras"))
    assert done.returncode == 2 and "would be lost" in done.stderr
    done = run("scan", str(folder / "good.keras"), "-o", str(folder / "report.txt"))
    assert done.returncode == 0 and (folder / "report.txt").read_text() == "nothing found in 1 model\n"


@pytest.mark.parametrize(("name", "line"), [
    ("named", "WS402 error  layer 'dense' names the function print, which Keras would call, at config.json"),
    ("noted", "WS428 error  member 'notes.py' is a program's text")])
def test_inspect_says_it(folder, name, line):
    path = str(folder / f"{name}.keras")
    done = run("inspect", path, env={"COLUMNS": "400"})
    assert done.returncode == 0 and f"\n{line}" in done.stdout
    found = json.loads(run("inspect", path, "--format", "json").stdout)["findings"]
    assert [(finding["code"], finding["severity"]) for finding in found] == [(line[:5], "error")]
    assert f"| {line[:5]} | error |" in run("inspect", path, "--format", "markdown").stdout


@pytest.mark.keras
@pytest.mark.parametrize("name", ["named", "noted"])
def test_keras_is_not_given_it(folder, name):
    path, x, output = str(folder / f"{name}.keras"), str(folder / "x.npy"), str(folder / "x.npz")
    np.save(x, np.zeros((1, 2), "float32"))
    code = {"named": "WS402", "noted": "WS428"}[name]
    for arguments in (["verify", path], ["record", path, "--input", x, "-o", output],
                      ["convert", path, "-o", str(folder / "new.keras")]):
        done = run(*arguments)
        assert done.returncode == 4 and done.stdout == "", arguments
        assert done.stderr.count(path) == 1 and f": {code} " in done.stderr and "not handed to Keras" in done.stderr
    assert run("predict", path, "--input", x).returncode in (0, 5)  # NumPy runs nothing that the file names
