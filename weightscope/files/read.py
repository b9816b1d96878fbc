"""Opens a file of any format of Keras, told by its content, and says what it holds.

Whatever is wrong with a file becomes a WeightscopeError of one line.
"""

import os

from weightscope.errors import Unreadable
from weightscope.files import (
    budget,
    keras0_h5,
    keras_archive,
    keras_folder,
    legacy_h5,
    savedmodel,
    shards,
    tensor_bundle,
    unknown,
    weights_h5,
)
from weightscope.files.saved import Saved
from weightscope.files.source import Source
from weightscope.files.untrusted import parsed_json, reading

# The first that recognises the content reads it; the ending of the name plays no part.
FORMATS = (keras_archive, legacy_h5, keras0_h5, weights_h5, shards, tensor_bundle)
FOLDERS = (savedmodel, keras_folder)


def read(path: str | os.PathLike[str]) -> Saved:
    """Open the file, or the folder of a SavedModel or an unpacked .keras, at ``path`` and say what it holds.

    Close the result, or use it as a context manager.

    Raises: ``Unreadable`` for a file that is missing, damaged or no Keras model; ``Unsafe`` for one that wants to
    read other files or takes far more memory than it has bytes; ``Unsupported`` for a model in a format of others.
    """
    name = os.fspath(path)
    budget.begin()
    with reading(name):
        if os.path.isdir(name):
            for form in FOLDERS:
                if form.recognises(name):
                    return form.read(name)
            raise unknown.error_for_folder(name)
        source = Source(name)
        try:
            for form in FORMATS:
                if form.recognises(source):
                    saved = form.read(source)
                    saved.oddities = source.oddities
                    return saved
            raise unknown.error_for(source)
        except BaseException:
            source.close()
            raise


MOST_JSON = 2**28  # bytes of an architecture: the largest known takes half a million


def read_architecture(path: str | os.PathLike[str]) -> Saved:
    """Read a model's configuration alone: from the JSON text of ``model.to_json()``, or from a model's file.

    Raises: what `read` raises, and ``Unreadable`` for a file without a configuration.
    """
    name = os.fspath(path)
    with reading(name):
        if os.path.isfile(name) and (text := _json_text(name)) is not None:
            found = parsed_json(text, "the file")
            if not isinstance(found, dict) or not isinstance(found.get("config"), (dict, list)):
                raise Unreadable("its JSON is no model's: it should have class_name and config, as to_json gives it")
            version, backend = (None if found.get(key) is None else str(found[key])
                                for key in ("keras_version", "backend"))
            return Saved(name, "architecture", version, backend, found)
    with read(name) as saved:
        if saved.config is None:
            raise Unreadable(f"{name}: holds no architecture either; give a model's .json, .keras or .h5")
        return saved


def _json_text(path: str) -> str | None:
    with open(path, "rb") as file:
        if file.read(64).lstrip()[:1] != b"{":
            return None
        file.seek(0)
        data = file.read(MOST_JSON + 1)
    if len(data) > MOST_JSON:
        raise Unreadable(f"its JSON takes more than {MOST_JSON:,} bytes")
    return data.decode("utf-8", "replace")
