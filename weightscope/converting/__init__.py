"""A model of an old Keras as a file that Keras 3 loads, held against Keras before it is written.

First: ``convert``.
"""
