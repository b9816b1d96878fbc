"""Every Keras layer that weightscope can replay, one file a family, named as Keras names it.

First: ``core_dense``; ``families`` imports those that a model needs.
"""
