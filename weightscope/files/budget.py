"""How much memory the reading of a file may take, beyond the arrays that are asked for.

It is counted where bytes become objects, before they do: a file may claim far more than it is long, and pack what
is all alike a thousandfold.
"""

from contextvars import ContextVar

from weightscope.errors import Unsafe

MEGABYTE = 1 << 20
MOST = 512 * MEGABYTE

_most = ContextVar("most", default=MOST)
_taken = ContextVar("taken", default=0)


def allow(nbytes: int) -> None:
    """Let each file take so many bytes from now on."""
    _most.set(nbytes)


def begin() -> None:
    """Count anew, for another file."""
    _taken.set(0)


def take(nbytes: int, what: str) -> None:
    """Count ``nbytes`` that will be kept. Raises: ``Unsafe`` where that is too much; ``what`` begins the message."""
    check(_taken.get() + nbytes, what)
    _taken.set(_taken.get() + nbytes)


def check(nbytes: int, what: str) -> None:
    """Raise ``Unsafe`` where ``nbytes``, taken for a while or not yet counted, are too many."""
    if nbytes > _most.get():
        needed, most = -(-nbytes // MEGABYTE), _most.get() // MEGABYTE
        raise Unsafe(f"{what} would take about {needed:,} MB of memory, and {most:,} are allowed:"
                     f" --max-memory {needed} if you trust the file", "WS446")


def of_json(text: bytes) -> int:
    """How many bytes the objects of a piece of JSON take, roughly, itself included.

    By its tokens, for what they become in Python 3.11 on 64 bits: a list, a mapping, an entry of one, half a text, and
    for each comma a number with a place for it.
    """
    costs = {b"[": 64, b"{": 72, b":": 60, b'"': 8, b",": 30}
    return len(text) + sum(cost * text.count(token) for token, cost in costs.items())
