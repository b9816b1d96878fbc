"""How many of what has no end a test takes: a few in every run, many in ``make soak``, which sets the variable."""

import os

SOAKING = bool(os.environ.get("WEIGHTSCOPE_SOAK"))


def how_many(few, many):
    """Return ``few`` in the quick suite, ``many`` in ``make soak``."""
    return many if SOAKING else few
