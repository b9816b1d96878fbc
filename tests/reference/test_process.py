"""The child process of a reference, before and after it is told what to run."""

import shutil
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


def test_its_parent_may_be_killed():
    code = ("from weightscope.reference.process import Process; import time\n"
            "process = Process(); print(process._child.pid, process.folder, flush=True); time.sleep(60)")
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 120
    while _is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shutil.rmtree(folder)  # nobody was left to do it


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
        with pytest.raises(ReferenceFailed, match=r"Keras ended without a word.*tf_keras could not load"):
            verify(model, x, against=Reference(process=process))
