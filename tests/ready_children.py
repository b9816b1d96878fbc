"""Child processes for references that need not import Keras: each forks off one process that has.

Keras and TensorFlow take seconds to import, and hundreds of tests verify something. ``python ready_children.py SOCKET``
is the process that forks; it ends with the one that started it.
"""

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

CHILD = [sys.executable, "-m", "weightscope.reference.child"]
MATTERS = ("KERAS_", "TF_", "PYTHON", "CUDA_", "XLA_", "OMP_", "LD_")  # what is read while Keras is imported
_DEFAULTS = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}  # as Process gives them to a child
_START = subprocess.Popen


def _that_matters(environment):
    return {name: value for name, value in {**_DEFAULTS, **environment}.items()
            if name.startswith(MATTERS) and name != "PYTHONPATH"}


class Ready:
    """The process that has imported Keras, and what stands in for ``subprocess.Popen`` where a reference begins."""

    def __init__(self):
        self._process = None

    def popen(self, command, **options):
        """Start a reference's child as a fork; whatever else is asked for, ``subprocess`` starts."""
        if command[:3] != CHILD or not self._suits(options["env"]):
            return _START(command, **options)
        return Forked(self._address, command[3], options["stderr"])

    def environment(self):
        """Return variables for a command, with which its own references fork from here too."""
        if not self._suits(os.environ):
            return {}
        path = [str(Path(__file__).parent / "ready_site"), os.environ.get("PYTHONPATH")]
        return {"READY_CHILDREN": self._address, "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def _suits(self, environment):
        """Tell whether a child of this environment may fork from the process that is ready, which begins if need be."""
        if self._process is None:
            self._begin()
        return _that_matters(environment) == self._environment

    def _begin(self):
        self._folder = tempfile.TemporaryDirectory(prefix="ready-")
        self._address = str(Path(self._folder.name) / "socket")
        self._environment = _that_matters(os.environ)
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        environment = {**_DEFAULTS, **os.environ, "PYTHONPATH": path}
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._address)
        listening.listen(64)
        self._process = _START([sys.executable, __file__, str(listening.fileno())], env=environment,
                               stdin=subprocess.PIPE, pass_fds=[listening.fileno()])
        listening.close()

    def end(self):
        """End the process that forks."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._folder.cleanup()


READY = Ready()  # of this process, which need not begin


def forked_or_started(command, **options):
    """What takes the place of ``subprocess.Popen`` in a command that was given ``Ready.environment()``."""
    if list(command[:3]) != CHILD:
        return _START(command, **options)
    return Forked(os.environ["READY_CHILDREN"], command[3], options["stderr"])


class Forked:
    """A child as ``subprocess.Popen`` has them: ``stdin``, ``stdout``, ``pid``, ``returncode``."""

    def __init__(self, address, folder, log):
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(address)
        (theirs_in, stdin), (stdout, theirs_out) = os.pipe(), os.pipe()
        socket.send_fds(self._line, [f"{os.getcwd()}\0{folder}".encode()], [theirs_in, theirs_out, log.fileno()])
        for end in (theirs_in, theirs_out):
            os.close(end)
        self.stdin = io.TextIOWrapper(open(stdin, "wb"), encoding="utf-8")
        self.stdout = io.TextIOWrapper(open(stdout, "rb"), encoding="utf-8")
        self.pid, self.returncode = int.from_bytes(self._line.recv(8), "big"), None

    def poll(self):
        """Return the status, None while the child runs."""
        with suppress(BlockingIOError):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        """Wait for the child to end, and return its status."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            told = self._line.recv(8)
            self.returncode = int.from_bytes(told, "big", signed=True) if told else -signal.SIGKILL
            self._line.close()
        return self.returncode

    def kill(self):
        """Kill the child."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def serve(listening):
    """Import Keras, and fork a child for every connection, until the parent is gone."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    signal.signal(signal.SIGCHLD, lambda *_: _bury())
    while True:
        connection, _ = listening.accept()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # until the child can be found
        pid = os.fork()
        if not pid:
            listening.close()
            _become_child(connection)
        lines[pid] = connection
        connection.send(pid.to_bytes(8, "big"))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


lines = {}


def _bury():
    """Tell those that wait for children how they ended."""
    for pid, connection in list(lines.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with suppress(OSError):
                connection.send(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
            lines.pop(pid).close()


def _become_child(connection):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for other in lines.values():
        other.close()
    said, files, _, _ = socket.recv_fds(connection, 65536, 3)
    directory, folder = said.decode().split("\0")
    os.chdir(directory)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    connection.close()
    status = 1
    try:
        from weightscope.reference.child import main

        main(folder)
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        os._exit(status)


def _watch_parent():
    from threading import Thread

    Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()


if __name__ == "__main__":
    _watch_parent()
    serve(socket.socket(fileno=int(sys.argv[1])))
