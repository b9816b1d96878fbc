"""A model and inputs in, a Trace out: ``predict`` by hand, in NumPy.

First: ``replay``; ``inputs`` finds or makes up what it is run on.
"""
