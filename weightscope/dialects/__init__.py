"""The words of Keras 1 and Keras 2 in those of Keras 3, one file a dialect.

First: ``translate``.
"""
