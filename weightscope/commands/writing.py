"""Where what a command makes goes: a file is there whole or not at all, and nothing that was read is written over."""

import io
import os
import stat
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import click

READ = "weightscope.read"  # in a context's ``meta``: paths of files that were read, besides its parameters
_HINT = "'--output'"


def to_file(told, **settings):
    """Return the option ``--output``, which is checked before the command begins; ``told``: its help."""
    option = click.option("-o", "--output", type=click.Path(), metavar="FILE", help=told, **settings)

    def with_output(command):
        @wraps(command)
        def checked(*args, **given):
            if given["output"] is not None:
                _check(given["output"], _given(click.get_current_context()))
            return command(*args, **given)

        return option(checked)

    return with_output


@contextmanager
def replaced(path, mode="w"):
    """Open a file beside ``path`` to write into, and move it there once everything is written.

    A link's target is written, and stays linked; a device, a pipe, and a file that has several names are written
    themselves, in one go. ``mode``: ``w`` for text in UTF-8, ``wb`` for bytes. Raises click.BadParameter where it
    cannot be written.
    """
    encoding = None if "b" in mode else "utf-8"
    path, beside = _target(path), None
    try:
        if _is_written_itself(path):
            with _in_one_go(path, encoding) as file:
                yield file
            return
        beside = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
        with open(beside, mode, encoding=encoding) as file:
            yield file
        if path.exists():
            os.chmod(beside, stat.S_IMODE(path.stat().st_mode))
        os.replace(beside, path)
    except OSError as error:
        raise _not(path, error.strerror or "the disk or the pipe took less than was written") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


@contextmanager
def _in_one_go(path, encoding):
    data = io.BytesIO()
    file = data if encoding is None else io.TextIOWrapper(data, encoding, write_through=True)
    yield file
    with open(path, "wb") as there:
        there.write(data.getvalue())


def _target(path):
    """Return where a path leads, or itself where that has no name: a pipe behind ``/dev/stdout``."""
    real = Path(os.path.realpath(path))
    return real if real.exists() or not os.path.exists(path) else Path(path)


def _is_written_itself(path):
    return path.exists() and (not path.is_file() or path.stat().st_nlink > 1)


def _given(context):
    """Return the paths of what a command reads: whatever its parameters name."""
    found = list(context.meta.get(READ, ()))
    for name, value in context.params.items():
        values = value if isinstance(value, tuple) else (value,)
        found += [text for text in values if isinstance(text, str) and name != "output"]
    return found + [text.partition("=")[2] for text in found if "=" in text]


def _check(path, given):
    """Raise click.BadParameter for what cannot be written, or is one of the files that are ``given``."""
    try:
        real = _target(path)
        kind = stat.S_IFMT(real.stat().st_mode) if real.exists() else None
        same = kind is not None and any(_holds(other, real) for other in given if other and os.path.exists(other))
    except (OSError, ValueError) as error:
        raise _not(path, getattr(error, "strerror", None) or str(error)) from error
    if not path:
        raise _not(path, "a file has a name")
    if kind == stat.S_IFDIR:
        raise _not(path, "it is a folder")
    if kind in (stat.S_IFBLK, stat.S_IFSOCK):
        raise _not(path, "it is a disk or a socket")
    if same and kind == stat.S_IFREG:
        raise _not(path, "it is read by this command, and would be lost")
    if kind is None and not real.parent.is_dir():
        raise _not(path, f"there is no folder {str(real.parent)!r}: make it first")
    if kind is not None and not (os.access(real, os.W_OK) and real.stat().st_mode & 0o222):
        raise _not(path, "it is read-only")
    if kind in (None, stat.S_IFREG) and not os.access(real.parent, os.W_OK):
        raise _not(path, f"the folder {str(real.parent)!r} is read-only")


def _holds(given, path):
    """Tell whether a file that is read is the one at ``path``, or a folder that is read holds it."""
    return os.path.samefile(given, path) or (os.path.isdir(given) and Path(os.path.realpath(given)) in path.parents)


def _not(path, reason):
    return click.BadParameter(f"cannot write {str(path)!r}: {reason}", param_hint=_HINT)
