"""One file an output format: each says the same, read from an ``Overview`` of a model or from a ``Comparison``.

First: ``text``; ``wording`` has the words that all of them use.
"""
