"""Layers as an older Keras 3 computed them, where a newer one computes otherwise.

First: ``attention``.
"""
