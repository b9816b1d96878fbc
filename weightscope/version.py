"""The version of weightscope, by itself: so that everyone may look at it."""

__version__ = "0.1.0"
