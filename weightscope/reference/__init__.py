"""Whatever a replay is held against, and writing it down: Keras 3 or tf_keras in a child process, or a record.

First: ``choosing``, which starts one. Keras is imported in ``keras3`` and ``tf_keras`` only, in the child.
"""
