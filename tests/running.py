"""The real command, run as a user runs it."""

import os
import subprocess
import sys

from ready_children import READY

KERAS = ("verify",), ("convert",), ("record",)  # commands that begin a reference
COMMAND = [sys.executable, "-m", "weightscope"]


def run(*arguments, **options):
    """Run the command; its width, colours and debugging are those of ``env`` alone. Returns the finished process."""
    env = {key: value for key, value in os.environ.items()
           if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "WEIGHTSCOPE_DEBUG")}
    given = options.pop("env", {})
    env.update(READY.environment() if arguments[:1] in KERAS and not given else {})
    env.update(given)
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=env, **options)
