"""What a replay is held against: Keras 3 or tf_keras, each in a child process, or values recorded before.

A reference gives a version text (``ready``), a Trace for each ``batch``, and what was ``predicted``. Keras is
imported in ``keras3`` and ``tf_keras`` only, and only in the child.
"""

from weightscope.reference.choosing import KINDS, Reference, start
from weightscope.reference.recorded import Recorded

__all__ = ["KINDS", "Recorded", "Reference", "start"]
