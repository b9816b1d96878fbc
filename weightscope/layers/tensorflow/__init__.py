"""Calls of TensorFlow's functions in a graph of Keras 2.

First: ``operations``, the layers; ``table``, which the functions enter.
"""
