"""Names, shown as data and guessed when misspelled; and things that are ``Shown``. No imports of the package's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any


def printable(text: object) -> str:
    """Return text from a file as one line that a terminal shows and never obeys: a control character as ``\\x1b``.

    Line ends, escape sequences, marks that reverse the direction of writing and the like become Python's escapes.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def near(name: str, names: Iterable[str]) -> list[str]:
    """Return the few names that look most like ``name``, the nearest first, in whatever case they are written."""
    by_letters: dict[str, list[str]] = {}
    for other in dict.fromkeys(names):
        by_letters.setdefault(other.casefold(), []).append(other)
    found = get_close_matches(name.casefold(), by_letters, n=3, cutoff=0.5)
    return [other for letters in found for other in by_letters[letters]][:3]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return `` Did you mean a or b?``, or nothing where no name looks like ``name``."""
    found = [printable(other) for other in near(name, names)]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def is_named(path: str, name: str) -> bool:
    """Tell whether a name or pattern is that of the call at ``path``, or of its layer: ``dense`` of ``a/dense#2``."""
    own = path, path.rpartition("/")[2].partition("#")[0]
    return any(name == other or fnmatchcase(other, name) for other in own)


class Shown:
    """What ``print`` and notebooks show in other words than ``repr``; the words are those of the rooms above.

    A class of a room below show/ cannot ask for them. It is told, by ``show_as``, when ``show.notebook`` is imported,
    as the front door does for whatever it hands out; until then it shows what ``repr`` gives. The command line, which
    shows nothing so, loads nothing for it.
    """

    _as_text = _as_html = None

    def __str__(self) -> str:
        return repr(self) if self._as_text is None else self._as_text()

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows, or None for ``repr``."""
        return None if self._as_html is None else self._as_html()


def show_as(kind: type[Shown], text: Callable[[Any], str], html: Callable[[Any], str]) -> None:
    """Show the objects of a class so: ``text`` and ``html`` return those of an object."""
    kind._as_text, kind._as_html = text, html  # type: ignore[assignment]
