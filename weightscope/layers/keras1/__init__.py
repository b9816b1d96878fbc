"""Layers of Keras 1 that Keras 3 has not, or keeps in another layout.

First: ``core``.
"""
