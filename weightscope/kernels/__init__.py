"""Pure NumPy on arrays: no config, no layer, no file.

First: ``convolve``; ``activations`` has those of Keras by name.
"""
