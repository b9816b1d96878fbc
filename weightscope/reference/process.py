"""The child process in which Keras runs, and the folder and the lines through which it is talked with.

It needs nothing of weightscope's, so that the child can begin before anything else is imported.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

KILLED = -9  # the status of a child that the system, or somebody, ended at once


class Process:
    """A child that imports TensorFlow at once, before it is told what to run. A context manager: leaving it ends it.

    ``folder``: a temporary one, for a ``request.json``, for arrays, and for whatever else the child writes; it works in
    there, so that no file beside the user's is taken for a module. The child ends when its standard input closes, so it
    outlives nobody, and removes the folder of a parent that was killed.
    """

    def __init__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="weightscope-")
        self.folder = Path(self._temporary.name)
        self._log = open(self.folder / "log.txt", "wb")
        root = str(Path(__file__).resolve().parent.parent.parent)
        path = [os.path.abspath(own) for own in os.environ.get("PYTHONPATH", "").split(os.pathsep) if own]
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **os.environ,
                       "PYTHONPATH": os.pathsep.join([root, *path]), "TMPDIR": str(self.folder)}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "weightscope.reference.child", str(self.folder), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8",
            cwd=self.folder, env=environment)

    def tell(self, *words):
        """Say a line of words; to a child that has ended nothing is said."""
        with suppress(OSError):
            print(*words, file=self._child.stdin, flush=True)

    def event(self):
        """Wait for what the child says next, a mapping; None where it ended."""
        try:
            return json.loads(self._child.stdout.readline())
        except json.JSONDecodeError:
            return None

    def last_words(self):
        """Return in words how the child ended."""
        self._child.wait()
        self._log.flush()
        lines = (self.folder / "log.txt").read_text(errors="replace").strip().splitlines()
        killed = ", as where memory is short: a smaller --batch-size needs less" * (self._child.returncode == KILLED)
        return f"{lines[-1][:300] if lines else 'nothing was printed'} (status {self._child.returncode}{killed})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        with suppress(OSError):  # of what was said to one that had ended
            self._child.stdin.close()
        self._child.stdout.close()
        self._log.close()
        self._temporary.cleanup()
