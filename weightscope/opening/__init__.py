"""A path in, a Model out: read, translated, built, and every array of the file bound to its weight.

First: ``load``.
"""
