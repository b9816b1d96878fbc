"""The child process of a reference, before and after it is told what to run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import weightscope
from weightscope.errors import ReferenceFailed
from weightscope.reference.choosing import Reference
from weightscope.reference.process import Process
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras


def test_what_is_never_told_anything_leaves_nothing():
    with Process() as process:
        child = process._child
        assert process.folder.is_dir() and child.poll() is None
    assert child.poll() is not None and not process.folder.exists()


def test_it_ends_when_nobody_can_tell_it_anything_any_more():
    with Process() as process:
        process._child.stdin.close()
        assert process._child.wait(120) == 0
        assert process.event() is None and "status 0" in process.last_words()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0, 2, 6])
def test_its_parent_may_be_killed(seconds, by, tmp_path):
    """Whatever the child is at then, importing, loading or waiting, it ends, and the folder with it."""
    code = ("import sys, time, numpy, weightscope; from weightscope.reference.process import Process\n"
            "from weightscope.reference.choosing import Reference\n"
            "process = Process(); print(process._child.pid, process.folder, flush=True)\n"
            "model = weightscope.load('sample_models/xor.h5')\n"
            "weightscope.verify(model, numpy.ones((2, 2)), against=Reference('keras', process=process))\n"
            "time.sleep(60)")
    root, environment = Path(__file__).parents[2], {**os.environ, "TMPDIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(root)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root,
                              env=environment)
    pid, folder = parent.stdout.readline().split()
    time.sleep(seconds)
    parent.send_signal(by)
    parent.wait()
    deadline = time.monotonic() + 120
    while _is_running(pid) or Path(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not list(tmp_path.iterdir())


def _is_running(pid):
    found = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()
    return bool(found) and not found.startswith("Z")


def test_one_that_has_begun_runs_one_model_and_another_is_begun_for_the_next():
    samples = Path(__file__).parents[2] / "sample_models"
    model, x = weightscope.load(samples / "xor.h5"), np.load(samples / "xor_input.npy")
    with Process() as process:
        assert verify(model, x, against=Reference(process=process))
        assert not process.folder.exists()
    with Process() as process:
        process._child.kill()
        with pytest.raises(ReferenceFailed, match=r"ended without a word: nothing was printed \(status -9, as where"
                                                  r" memory is short: a smaller --batch-size needs less\)"):
            verify(model, x, against=Reference(process=process))
