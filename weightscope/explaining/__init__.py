"""One number of one layer, derived from the numbers before it, as the layer itself computed it: steps to write down.

First: ``explain``; then ``steps``, what a step is. The other files have the families of layers, as ``layers`` has them.
"""
