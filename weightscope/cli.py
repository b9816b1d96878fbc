"""The command line: the list of commands. Errors become exit codes here, and nowhere else."""

import contextlib
import errno
import gc
import os
import sys
import traceback
import warnings

import click

from weightscope.commands import convert, explain, inspect, layers, predict, record, scan, verify
from weightscope.commands.options import VERBOSE
from weightscope.errors import WeightscopeError
from weightscope.model.names import did_you_mean, printable
from weightscope.version import __version__

# Before NumPy is loaded: its BLAS would start a thread for each core, and spin; weightscope keeps cores busy by itself.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Importing makes many objects and no garbage: looking for cycles at every 700 of them takes a twentieth of inspect.
gc.set_threshold(50_000)

INTERRUPTED, CLOSED_PIPE, BUG = 130, 141, 70
CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # what it was piped to, or where it runs, is full


class Commands(click.Group):
    """A group of commands whose failures end in one line on stderr and an exit code."""

    def invoke(self, ctx):
        """Run a command; the exit status is the error's own, 130 for an interrupt, 70 for a bug of ours."""
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except click.exceptions.ClickException as error:
            error.message = "\n".join(map(printable, error.message.split("\n")))
            raise
        except (click.exceptions.Exit, click.exceptions.Abort):
            raise
        except WeightscopeError as error:
            for words in getattr(error, "words", "").splitlines() if ctx.meta.get(VERBOSE) else ():
                click.echo(printable(words), err=True)
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:
                _leave_quietly()
            if error.errno in CANNOT_WRITE:
                _fail(f"cannot write: {error.strerror}", click.UsageError.exit_code)
            _fail_as_bug(error)
        except Exception as error:
            _fail_as_bug(error)

    def make_context(self, *given, **extra):
        """Read the options; an interrupt meanwhile ends as any other does."""
        try:
            return super().make_context(*given, **extra)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)

    def resolve_command(self, ctx, args):
        """Find the command: ``inspect`` for a path; or name the commands that look like what was typed."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            if os.path.exists(args[0]) or any(mark in args[0] for mark in {".", "/", os.sep}):
                return super().resolve_command(ctx, [inspect.command.name, *args])
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _fail(message, status):
    click.echo(f"weightscope: {printable(' '.join(message.splitlines()))}", err=True)
    raise SystemExit(status)


def _leave_quietly():
    # Nobody reads on: what is still buffered must not raise when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(CLOSED_PIPE)


def _fail_as_bug(error):
    if os.environ.get("WEIGHTSCOPE_DEBUG"):
        traceback.print_exc()
    place = traceback.extract_tb(error.__traceback__)[-1]
    _fail(f"a bug of ours: {type(error).__name__}: {error} ({os.path.basename(place.filename)}:{place.lineno});"
          f" please report it, with what WEIGHTSCOPE_DEBUG=1 prints", BUG)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="weightscope")
def main():
    """Open any saved Keras model, see every weight with its meaning, and prove what predict computes.

    weightscope MODEL is short for weightscope inspect MODEL.

    \b
    Exit status: 0 agrees or nothing found, 1 diverges or is not finite, 2 usage
    or an unreadable file, 3 not enough was checked, 4 refused as unsafe, 5 valid
    but unsupported, 6 Keras could not load or run the model, 70 a bug of
    weightscope.
    """


for module in (inspect, explain, predict, verify, record, convert, layers, scan):
    main.add_command(module.command)


def run():
    """Run the command line and leave at once: taking down what ends anyway would be a tenth of inspect's time."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what is wrong with a file is said; lines of source are for who asks with -W
    try:
        main(prog_name="weightscope")
    except SystemExit as end:
        status = end.code
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody may be there any more
            stream.flush()
    os._exit(status or 0)
