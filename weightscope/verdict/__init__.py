"""Two sides in, one Comparison out: how far apart they are, what rounding may do, whose fault, and why.

First: ``verify``, the line from samples to a Comparison.
"""
