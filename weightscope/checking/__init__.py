"""What can be wrong with a file, without Keras: one file a kind of finding, one catalogue of them all.

First: ``catalogue``, then ``hazards``, which looks at a file that was read, and ``scan``, which takes any path.
"""
