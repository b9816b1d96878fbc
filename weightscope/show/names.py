"""Names from a file, and names that a user typed: shown as data, and guessed when misspelled."""

from difflib import get_close_matches


def printable(text):
    """Return text from a file as one line that a terminal shows and never obeys: a control character as ``\\x1b``.

    Line ends, escape sequences, marks that reverse the direction of writing and the like become Python's escapes.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def near(name, names):
    """Return the few names that look most like ``name``, the nearest first."""
    return get_close_matches(name, list(dict.fromkeys(names)), n=3, cutoff=0.5)


def did_you_mean(name, names):
    """Return `` Did you mean a or b?``, or nothing where no name looks like ``name``."""
    found = [printable(other) for other in near(name, names)]
    return f" Did you mean {' or '.join(found)}?" if found else ""
