"""What ``-o`` may point at: nothing that is there is lost, and nothing is half-written."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import run

SAMPLES = Path(__file__).parents[2] / "sample_models"
XOR, XOR_INPUT = SAMPLES / "xor.h5", SAMPLES / "xor_input.npy"


@pytest.fixture
def xor(tmp_path):
    """A copy of the XOR net and of its input, as the user's only ones."""
    shutil.copy(XOR, tmp_path / "xor.h5")
    shutil.copy(XOR_INPUT, tmp_path / "x.npy")
    return tmp_path


def refused(reason, *words):
    """Run a command, which must end as misused, with one line for the reason; nothing may be left beside its files."""
    done = run(*words)
    assert done.returncode == 2 and reason in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize(("words", "how"), [(words, how) for words in [
    ("inspect", "MODEL"), ("predict", "MODEL", "--input", "x.npy"), ("convert", "MODEL"),
    ("predict", "xor.h5", "--input", "MODEL"), ("record", "MODEL", "--input", "x.npy"),
    ("verify", "xor.h5", "--reference", "MODEL"), ("inspect", "xor.h5", "--layer-code", "MODEL"),
    ("verify", "xor.h5", "--custom-objects", "MODEL"), ("inspect", "xor.h5", "--architecture", "MODEL"),
] for how in (["itself", "link", "hard link", "dotted"] if words == ("inspect", "MODEL") else ["itself"])], ids=str)
def test_nothing_that_is_read_is_written_over(xor, words, how):
    endings = {"convert": ".keras", "record": ".npz", "predict": ".npy"}
    name = xor / f"it{'.py' if '--layer-code' in words else endings.get(words[0], '.h5')}"
    if "--layer-code" in words:
        name.write_text("import weightscope\n\n\n@weightscope.keras_lambda('a')\ndef f(x):\n    return x\n")
    else:
        shutil.copy(xor / "xor.h5", name)
    before, target = name.read_bytes(), name
    if how == "dotted":
        target = xor / "." / "folder" / ".." / name.name
        (xor / "folder").mkdir()
    elif how != "itself":
        target = xor / f"other{name.suffix}"
        (os.link if how == "hard link" else os.symlink)(name, target)
    given = [str(name) if word == "MODEL" else str(xor / word) if "." in word else word for word in words]
    refused("would be lost", *given, "-o", str(target))
    assert name.read_bytes() == before


def test_what_cannot_be_written_is_told_before_any_work(xor):
    (xor / "folder.npz").mkdir()
    (xor / "read_only.npz").write_text("kept")
    (xor / "read_only.npz").chmod(0o444)
    for target, reason in [("folder.npz", "it is a folder"), ("read_only.npz", "it is read-only"),
                           ("none/a.npz", "make it first"), ("", "a file has a name"),
                           (f"{'a' * 300}.npz", "too long"), ("xor.h5/a.npz", "make it first"), ("a\0b", "null")]:
        if "\0" in target:
            continue  # no argument of a process can hold it
        words = ["record", str(xor / "no_such_model.h5"), "--input", str(xor / "x.npy")]
        refused(reason, *words, "-o", target and str(xor / target))
    assert (xor / "read_only.npz").read_text() == "kept"
    assert not list(xor.glob(".*"))


def test_what_is_in_a_folder_that_is_read_is_not_written_over(xor):
    (xor / "port").mkdir()
    np.zeros(4, "float32").tofile(xor / "port" / "dense_2.bin")
    words = ["verify", str(xor / "xor.h5"), "--input", str(xor / "x.npy"), "--reference", str(xor / "port")]
    refused("would be lost", *words, "-o", str(xor / "port" / "dense_2.bin"))
    assert (xor / "port" / "dense_2.bin").stat().st_size == 16


def test_a_link_stays_a_link_and_a_mode_stays(xor):
    (xor / "report.txt").write_text("old")
    (xor / "report.txt").chmod(0o640)
    (xor / "link.txt").symlink_to("report.txt")
    assert run("inspect", str(xor / "xor.h5"), "-o", str(xor / "link.txt")).returncode == 0
    assert (xor / "link.txt").is_symlink() and "Dense" in (xor / "report.txt").read_text()
    assert stat.S_IMODE((xor / "report.txt").stat().st_mode) == 0o640


def test_both_names_of_a_file_have_the_report(xor):
    (xor / "a.txt").write_text("old")
    os.link(xor / "a.txt", xor / "b.txt")
    assert run("inspect", str(xor / "xor.h5"), "-o", str(xor / "a.txt")).returncode == 0
    assert (xor / "a.txt").samefile(xor / "b.txt") and "Dense" in (xor / "b.txt").read_text()


def test_a_dangling_link_is_followed(xor):
    (xor / "link.txt").symlink_to(xor / "new.txt")
    assert run("inspect", str(xor / "xor.h5"), "-o", str(xor / "link.txt")).returncode == 0
    assert (xor / "link.txt").is_symlink() and "Dense" in (xor / "new.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_pipes_and_devices_are_written_to(xor):
    os.mkfifo(xor / "pipe.npy")
    words = [sys.executable, "-m", "weightscope", "predict", str(xor / "xor.h5"), "--input", str(xor / "x.npy"), "-o"]
    pipe = os.open(xor / "pipe.npy", os.O_RDONLY | os.O_NONBLOCK)  # waits for no writer
    assert subprocess.run([*words, str(xor / "pipe.npy")], stderr=subprocess.PIPE, timeout=100).returncode == 0
    data = os.read(pipe, 10**5)
    os.close(pipe)
    (xor / "copy.npy").write_bytes(data)
    assert np.load(xor / "copy.npy").shape == (4, 1) and stat.S_ISFIFO((xor / "pipe.npy").stat().st_mode)
    done = run("inspect", str(xor / "xor.h5"), "-o", "/dev/null")
    assert done.returncode == 0 and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert "Dense" in run("inspect", str(xor / "xor.h5"), "-o", "/dev/stdout").stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is full")
def test_a_full_disk_is_no_bug_of_ours(xor):
    done = run("inspect", str(xor / "xor.h5"), "-o", "/dev/full")
    assert done.returncode == 2 and "No space left" in done.stderr
