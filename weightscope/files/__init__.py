"""Saved models as data: `read` opens a file of any format of Keras and says what it holds.

Untrusted bytes end in this package. No code of a file runs, no link in it is followed, no size it states is
believed before it is compared, and whatever is wrong with it becomes a WeightscopeError of one line.
"""

import os

from weightscope.files import keras_archive, legacy_h5, shards, unknown, weights_h5
from weightscope.files.saved import Saved, Stored
from weightscope.files.source import Source
from weightscope.files.untrusted import reading

__all__ = ["Saved", "Stored", "read"]

# The first that recognises the content reads it; the ending of the name plays no part.
FORMATS = (keras_archive, legacy_h5, weights_h5, shards)


def read(path: str | os.PathLike[str]) -> Saved:
    """Open the file at ``path`` and say what it holds. Close the result, or use it as a context manager.

    Raises: ``Unreadable`` for a file that is missing, damaged or no Keras model; ``Unsafe`` for one that wants to
    read other files or takes far more memory than it has bytes; ``Unsupported`` for a model in a format of others.
    """
    name = os.fspath(path)
    with reading(name):
        if os.path.isdir(name):
            raise unknown.error_for_folder(name)
        source = Source(name)
        try:
            for form in FORMATS:
                if form.recognises(source):
                    return form.read(source)
            raise unknown.error_for(source)
        except BaseException:
            source.close()
            raise
