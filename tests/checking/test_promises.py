"""What weightscope promises of files from strangers (docs/security.md), watched from inside Python by an audit hook."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from edited_models import edited

# A hook can never be taken off again, so each command has a process of its own.
WATCHED = """
import json, os, sys
seen = []
sys.addaudithook(lambda event, given: seen is None or seen.append((event, [str(one) for one in given])))
from weightscope.cli import main
try:
    main(sys.argv[1:], prog_name="weightscope")
except SystemExit as end:
    status = end.code or 0
found, seen = seen, None
with open(os.environ["TOLD"], "w") as file:
    json.dump([status, found, [*filter(None, sys.path), sys.prefix, sys.base_prefix]], file)
"""
# All that Python tells of which something is started, connected to, changed, or unpickled.
NEVER = ("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "pty.",
         "webbrowser.", "urllib.", "http.", "ftplib.", "smtplib.", "shutil.", "tempfile.", "os.remove", "os.rename",
         "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "pickle.", "sqlite3.")
MACHINE = "['uname', '-p']"  # which h5py has Python ask when it is imported, whatever is read then
SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/ld", "/usr/share/zoneinfo")


def watched(folder, *words):
    """Run a command in a folder; return its status, and what Python told, as (event, arguments)."""
    environment = {**os.environ, "TOLD": str(folder.parent / "told.json"),
                   "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", WATCHED, *words], cwd=folder, env=environment, check=True,
                   capture_output=True)
    status, events, own = json.loads((folder.parent / "told.json").read_text())
    return status, events, tuple(own)


def _asks_for_decoys(folder):
    """Return a change of a config: it names a module and a file that are there, beside the model."""
    def change(config):
        settings = config["config"]["layers"][-1]["config"]
        settings["activation"] = {"module": "decoy", "class_name": "function", "config": "called",
                                  "registered_name": "called"}
        settings["vocabulary"] = str(folder / "words.txt")

    return change


@pytest.fixture(params=["xor.keras", "xor.h5"])
def model(tmp_path, request):
    """The name of a model that asks for a module and a file, in a folder with both of them."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "decoy.py").write_text("called = print\n")
    (folder / "words.txt").write_text("one\ntwo\n")
    edited(Path("sample_models", request.param), folder / request.param, _asks_for_decoys(folder))
    return folder / request.param


@pytest.mark.parametrize(("words", "status"), [
    (["inspect"], 0), (["inspect", "--stats", "--values"], 0), (["scan"], 4)], ids=str)
def test_it_opens_the_named_file_alone_and_starts_nothing(model, words, status):
    ended, events, own = watched(model.parent, *words, model.name)
    opened = {given[0] for event, given in events if event == "open"}
    assert ended == status
    assert {path for path in opened if not path.startswith((*own, *SYSTEM)) and not path.isdigit()} == {model.name}
    assert [event for event in events if event[0].startswith(NEVER) and event[1][1:2] != [MACHINE]] == []
    assert not [given for event, given in events if event == "import" and given[0] == "decoy"]


def test_the_hook_sees_what_is_forbidden(tmp_path):
    """Else it proves nothing: a command that writes a file and reads another one is told of."""
    folder = tmp_path / "here"
    folder.mkdir()
    root = Path(__file__).parents[2] / "sample_models"
    _, events, _ = watched(folder, "predict", str(root / "xor.h5"), "--input", str(root / "xor_input.npy"), "-o",
                           "y.npy")
    assert any(event == "os.rename" for event, _ in events)
    assert str(root / "xor_input.npy") in {given[0] for event, given in events if event == "open"}
