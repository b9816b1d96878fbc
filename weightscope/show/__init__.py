"""One file an output format: each says the same, read from an ``Overview`` of a model or a ``Comparison``."""
