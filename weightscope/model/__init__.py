"""What a layer, a weight, a graph and a model are; no family of layers among them.

First: ``layer``, whose ``Layer`` every layer class is; then ``model``, a layer that walks a graph of calls.
"""
