"""Layers of Keras 2 that Keras 3 has not, or reads otherwise.

First: ``core``.
"""
