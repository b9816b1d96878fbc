"""The operations of ``keras.ops`` in a graph of Keras 3, one file a kind.

First: ``table``, which they enter.
"""
