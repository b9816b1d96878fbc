"""The command line's contract: exit codes, stdout for results and stderr for talk, one line for an error."""

import os
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from running import COMMAND, run

from weightscope.cli import main
from weightscope.errors import NotReplayable, Unsafe
from weightscope.version import __version__


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"weightscope, version {__version__}\n", "")


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == 0
    for name in main.commands:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(("arguments", "said"), [
    (["inspct"], "No such command 'inspct'. Did you mean inspect?"),
    (["inspect"], "Missing argument 'MODEL'"),
    (["inspect", "x", "--layr", "y"], "--layer"),
    (["inspect", "x", "--format", "yaml"], "'yaml' is not one of 'terminal', 'json', 'markdown'"),
    (["predict", "x"], "Missing option '--input'"),
    (["predict", "x", "--input", "y", "--batch-size", "0"], "0 is not in the range x>=1"),
])
def test_usage_errors_exit_with_2(arguments, said):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--stats",), ("--format", "json")])
def test_a_model_alone_is_inspected(shown, more):
    path = shown["small.h5"].path
    short, whole = (CliRunner().invoke(main, [*words, path, *more]) for words in ([], ["inspect"]))
    assert (short.exit_code, short.stdout) == (0, whole.stdout) and "kernel" in short.stdout
    assert CliRunner().invoke(main, ["no_such_model.h5"]).stderr.startswith("weightscope: no_such_model.h5: ")
    assert CliRunner().invoke(main, ["."]).stderr.startswith("weightscope: .: ")


@pytest.mark.parametrize("name", ["dense", "MAXPOOLING2D", "maxpool2d", "lstm"])
def test_a_class_is_found_in_any_case(name):
    done = CliRunner().invoke(main, ["layers", name])
    assert done.exit_code == 0 and done.stdout.partition(" ")[0].casefold() in (name.casefold(), "maxpooling2d")


def test_a_class_that_is_almost_named():
    done = CliRunner().invoke(main, ["layers", "max_pooling2d"])
    assert done.exit_code == 2 and "Did you mean MaxPooling2D" in done.stderr


def test_an_unreadable_file_is_one_line_on_stderr(tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    for path in (tmp_path / "missing.h5", tmp_path / "broken.h5", tmp_path):
        done = run("inspect", str(path))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("weightscope: ") and done.stderr.count("\n") == 1


def failing(monkeypatch, error):
    def load(path, **_):
        raise error

    monkeypatch.setattr("weightscope.opening.load.load", load)
    return CliRunner().invoke(main, ["inspect", "model.h5"])


@pytest.mark.parametrize(("error", "status"), [(Unsafe("it holds code"), 4), (NotReplayable("layer 'x'"), 5),
                                               (KeyboardInterrupt(), 130)])
def test_every_error_has_its_exit_code(monkeypatch, error, status):
    done = failing(monkeypatch, error)
    assert done.exit_code == status
    assert done.stdout == ""
    assert done.stderr.startswith("weightscope: ") and done.stderr.count("\n") == 1


def test_a_bug_of_ours_asks_to_be_reported(monkeypatch):
    monkeypatch.delenv("WEIGHTSCOPE_DEBUG", raising=False)
    done = failing(monkeypatch, ZeroDivisionError("one\ntwo"))
    assert done.exit_code == 70
    assert done.stderr.count("\n") == 1
    assert "ZeroDivisionError: one two (test_cli.py:" in done.stderr and "report" in done.stderr
    monkeypatch.setenv("WEIGHTSCOPE_DEBUG", "1")
    assert "Traceback" in failing(monkeypatch, ZeroDivisionError("one")).stderr


def test_control_characters_of_a_message_are_escaped(monkeypatch):
    done = failing(monkeypatch, Unsafe("layer '\x1b[31mred\n\u202e'"))
    assert done.stderr == "weightscope: layer '\\x1b[31mred \\u202e'\n"


def test_a_pipe_closed_early_is_silent(shown):
    for layout in ("terminal", "json"):
        command = [*COMMAND, "inspect", shown["deep.h5"].path, "--format", layout]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()  # long before Python has started
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_an_interrupt_is_one_line(shown):
    code = ("import signal\n"
            "signal.signal(2, signal.default_int_handler)\n"
            "import time; from weightscope.opening import load; from weightscope.cli import main\n"
            "load.load = lambda path, **_: (print('started', flush=True), time.sleep(30))\n"
            "main(['inspect', 'x'], prog_name='weightscope')")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "started\n"
    time.sleep(0.2)
    process.send_signal(2)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "weightscope: interrupted\n")


@pytest.mark.parametrize("module", ["click", "weightscope.cli", "weightscope.commands.verify", "numpy", "h5py",
                                    "weightscope.opening.load"])
def test_an_interrupt_while_it_imports_is_one_line(module):
    """The signal is sent as soon as the module is looked for, so at the same moment each time."""
    code = ("import os, runpy, signal, sys\n"
            "signal.signal(2, signal.default_int_handler)\n"  # whoever runs the tests may have it ignored
            "class Interrupting:\n"
            "    def find_spec(name, path=None, target=None):\n"
            "        if name == os.environ['INTERRUPTED_AT']:\n"
            "            sys.meta_path.remove(Interrupting)\n"
            "            os.kill(os.getpid(), 2)\n"
            "sys.meta_path.insert(0, Interrupting)\n"
            "runpy.run_module('weightscope', run_name='__main__', alter_sys=True)")
    done = subprocess.run([sys.executable, "-c", code, "inspect", "sample_models/xor.h5"], capture_output=True,
                          text=True, env={**os.environ, "INTERRUPTED_AT": module})
    assert (done.returncode, done.stderr, done.stdout) == (130, "weightscope: interrupted\n", "")


def test_output_that_the_encoding_lacks_is_escaped(shown):
    done = run("inspect", shown["small.h5"].path, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "kernel (2, 3) = 2 in \\xd7 3 units" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_a_full_disk_is_one_line(shown):
    command = [*COMMAND, "inspect", shown["small.h5"].path]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "weightscope: cannot write: No space left on device\n"


@pytest.mark.parametrize("version", ["abc", "-1", "99", "2,3", "", "3" * 500, "3.8.0; x"])
def test_what_is_no_version_of_keras(shown, version):
    done = run("inspect", shown["small.h5"].path, "--keras-version", version)
    assert done.returncode == 2
    assert "is no version of Keras" in done.stderr


@pytest.mark.parametrize(("given", "said"), [
    (("--keras-version", "1.2.2"), "Keras 2.12 was the first to write"),
    (("--keras-version", "2.4"), "not of Keras 2.4"),
    (("--bind", "names"), "nothing is to be bound by names"),
])
def test_a_file_is_not_read_as_what_it_cannot_be(shown, given, said):
    done = run("inspect", shown["small.keras"].path, *given)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert run("inspect", shown["small.keras"].path, "--keras-version", "2.15.0").returncode == 0


@pytest.mark.parametrize("version", ["2", "2.15.0", "2.2.4-tf", "3.0.0rc1", "3.16.0.dev2026"])
def test_versions_of_keras(shown, version):
    assert run("inspect", shown["small.h5"].path, "--keras-version", version).returncode == 0


@pytest.mark.parametrize("given", [("--rtol", "nan"), ("--atol", "inf"), ("--rtol", "-1"), ("--tolerance", "dense=nan"),
                                   ("--tolerance", "dense=1,-1")])
def test_what_is_no_tolerance(shown, given):
    done = run("verify", shown["small.h5"].path, *given)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and given[0] in done.stderr
