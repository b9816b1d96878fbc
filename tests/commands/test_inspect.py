"""``weightscope inspect`` as a user runs it."""

import io
import json
import subprocess

import h5py
import numpy as np
import pytest
from running import run

from weightscope.files.saved import Stored
from weightscope.opening.load import load
from weightscope.show.overview import Overview
from weightscope.show.text import Page, model


def test_results_are_plain_text_of_stable_width_in_a_pipe(shown):
    path = shown["deep.keras"].path
    done = run("inspect", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    again = run("inspect", path, env={"TERM": "xterm-256color"})
    assert again.stdout == done.stdout
    wide = run("inspect", path, env={"COLUMNS": "200"}).stdout.splitlines()
    for layer in shown["deep.keras"].keras.layers:
        assert any(line.split()[:3] == [layer.name, "Dense", "(None,"] for line in wide)
    full = run("inspect", path, "--full", env={"COLUMNS": "200"}).stdout.splitlines()
    for layer in shown["deep.keras"].keras.layers:
        assert any(line.startswith(f"{layer.name}  Dense  (None, 4)") for line in full)


@pytest.mark.parametrize(("arguments", "env", "coloured"), [
    (["--color", "always"], {}, True),
    (["--color", "always"], {"NO_COLOR": "1"}, True),
    ([], {"FORCE_COLOR": "1", "TERM": "xterm"}, True),
    ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ([], {"NO_COLOR": "1"}, False),
    ([], {}, False),
])
def test_colour_is_where_it_is_wanted(shown, arguments, env, coloured):
    done = run("inspect", shown["small.h5"].path, *arguments, env=env)
    assert done.returncode == 0
    assert ("\x1b[" in done.stdout) == coloured


def test_a_terminal_gets_colours_and_its_own_width(shown):
    pty = pytest.importorskip("pty")
    import fcntl
    import os
    import struct
    import sys
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    env = {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}, "TERM": "xterm"}
    done = subprocess.Popen([sys.executable, "-m", "weightscope", "inspect", shown["small.h5"].path, "--layer", "hid*"],
                            stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    found = b""
    try:
        while chunk := os.read(ours, 65536):
            found += chunk
    except OSError:
        pass  # Linux says so when the other end is closed
    os.close(ours)
    assert done.wait() == 0
    assert b"\x1b[1mhidden\x1b[0m" in found
    assert b"(None, 2) \xc2\xb7 (2 in \xc3\x97 3 units) + (3 units) \xe2\x86\x92 (None, 3)" in found


def test_layers_are_chosen_and_misspelled_ones_are_an_error(shown):
    path = shown["shared.keras"].path
    done = run("inspect", path, "--layer", "twin", "--layer", "inner/*")
    assert done.returncode == 0
    assert "twin  Dense" in done.stdout and "inner/core  Dense" in done.stdout
    assert "joined  Concatenate" not in done.stdout
    done = run("inspect", path, "--layer", "twni")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no layer 'twni' in the model. Did you mean twin?" in done.stderr


def test_a_report_in_a_file_is_whole_or_not_there(shown, tmp_path):
    path = shown["small.h5"].path
    target = tmp_path / "report.txt"
    target.write_text("before")
    done = run("inspect", path, "--layer", "nobody", "-o", str(target))
    assert done.returncode == 2 and target.read_text() == "before"
    done = run("inspect", path, "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert target.read_text(encoding="utf-8") == run("inspect", path).stdout
    assert [item.name for item in tmp_path.iterdir()] == ["report.txt"]
    done = run("inspect", path, "-o", str(tmp_path / "nowhere" / "report.txt"))
    assert done.returncode == 2 and "cannot write" in done.stderr


def test_json_and_markdown(shown):
    path = shown["shared.h5"].path
    found = json.loads(run("inspect", path, "--format", "json", "--stats").stdout)
    assert found["parameters"]["total"] == shown["shared.h5"].keras.count_params()
    assert found["layers"][2]["weights"][0]["statistics"]["zeros"] == 0
    assert run("inspect", path, "--format", "markdown").stdout.startswith("# `shared`\n")


def test_names_of_a_file_never_reach_the_terminal_raw(shown):
    for layout in ("terminal", "json", "markdown"):
        for color in ("never", "always"):
            found = run("inspect", shown["hostile.h5"].path, "--values", "--format", layout, "--color", color).stdout
            assert "\x1b[31mx" not in found and "\u202e" not in found and "red" in found


def test_unclaimed_arrays_and_problems_are_listed(shown, tmp_path):
    import shutil

    path = tmp_path / "more.h5"
    shutil.copy(shown["small.keras"].path.replace(".keras", ".h5"), path)
    with h5py.File(path, "r+") as file:
        file["model_weights"]["stray"] = np.zeros(3)
    found = run("inspect", str(path)).stdout
    assert "arrays in file 5 = claimed 4 + optimizer state 0 + random state 0 + unclaimed 1" in found
    assert "unclaimed: model_weights/stray" in found


def test_arrays_are_read_one_at_a_time_and_only_when_asked_for(shown, monkeypatch):
    reads = []

    def counted(way):
        return lambda stored: reads.append(stored.path) or way(stored)

    monkeypatch.setattr(Stored, "read", counted(Stored.read))
    monkeypatch.setattr(Stored, "pieces", counted(Stored.pieces))
    opened = load(shown["small.h5"].path)
    model(Overview(opened), Page(io.StringIO()))
    assert reads == []
    model(Overview(opened, with_statistics=True), Page(io.StringIO()))
    assert len(reads) == 4
    assert all(weight._array is None for weight in opened.all_weights())
