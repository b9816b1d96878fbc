"""Any paths in, what hazards are there out: files and folders, told by content, nothing of them run or unpacked."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from weightscope.checking import configs, hazards
from weightscope.checking.catalogue import ELSEWHERE, ERROR, MEMORY, UNREAD, WARNING, Finding
from weightscope.errors import Unsafe, WeightscopeError
from weightscope.files import keras_archive, unknown
from weightscope.files.read import FOLDERS, FORMATS, read, read_architecture
from weightscope.files.source import Source
from weightscope.files.untrusted import BROKEN

# Names that say of a file that it is a model, whatever is in it.
ENDINGS = (".keras", ".h5", ".hdf5", ".pb", ".tflite", ".onnx", ".pt", ".pth", ".ckpt", ".safetensors", ".gguf", ".pkl",
           ".pickle", ".joblib", ".dill")
_PARTS = ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb", "config.json", "metadata.json", "model.weights.h5")
_HEAD_OF_JSON = 1 << 16


class Scanned(NamedTuple):
    """What was found at one ``path``: the ``format``, or what it seems to be, and the ``findings``."""

    path: str
    format: str
    findings: list[Finding]


class Report:
    """All that was ``scanned``, in order, and how many files were looked at besides that are no models: ``others``."""

    def __init__(self, paths):
        self.scanned, self.others = [], 0
        for path, named in _all(paths):
            found = scan(path, named)
            if found is None:
                self.others += 1
            else:
                self.scanned.append(found)

    def count(self, severity):
        """Return how many findings are of a severity."""
        return sum(finding.severity == severity for one in self.scanned for finding in one.findings)

    @property
    def exit_code(self):
        """4 with a finding of level error, 1 with a warning, 3 where nothing was there to scan, else 0."""
        if not self.scanned:
            return 3
        return 4 if self.count(ERROR) else 1 if self.count(WARNING) else 0


def scan(path, named=True):
    """Return what is found at a path, a file or the folder of a model, as Scanned.

    None for what is no model, unless it was ``named``.
    """
    path = os.fspath(path)
    try:
        with read(path) as saved:
            return Scanned(path, saved.format, hazards.of_saved(saved))
    except WeightscopeError as error:
        return _unread(path, error, named)


def _unread(path, error, named):
    """Return what is to be said of a path that is no file or folder of a model, or a broken one; or None."""
    said = str(error).removeprefix(f"{path}: ").removeprefix(f"{getattr(error, 'code', '')} ")
    broken = Finding(error.code or MEMORY if isinstance(error, Unsafe) else UNREAD, "", said)
    if os.path.isdir(path):
        return Scanned(path, "folder", [broken])
    with suppress(WeightscopeError, *BROKEN):
        source = Source(path)
        try:
            return _of_source(source, broken, named)
        finally:
            source.close()
    return Scanned(path, "unreadable", [broken])


def _of_source(source, broken, named):
    if keras_archive.recognises(source):
        return _of_zip(source, broken, named)
    if any(form.recognises(source) for form in FORMATS):
        return Scanned(source.path, "unreadable", [broken])
    if b'"class_name"' in source.window(0, min(_HEAD_OF_JSON, source.length)).read():
        with suppress(WeightscopeError), read_architecture(source.path) as saved:
            return Scanned(source.path, saved.format, hazards.of_saved(saved))
    kind = unknown.kind_of(source)
    if not (named or (kind.of_models and kind.code != ELSEWHERE) or source.path.lower().endswith(ENDINGS)):
        return None
    return Scanned(source.path, kind.name, [Finding(kind.code, "", kind.seems)])


def _of_zip(source, broken, named):
    names, oddities, config = keras_archive.oddities(source)
    found = [*map(Finding.of, oddities), *configs.of_config(config, hazards.CONFIGS["keras archive"])]
    if keras_archive.CONFIG in names:
        told = broken.code in [finding.code for finding in found]
        return Scanned(source.path, "keras archive", found if told else [broken, *found])
    kind = unknown.kind_of_zip(names)
    if not (named or kind.of_models or source.path.lower().endswith(ENDINGS)):
        return None
    return Scanned(source.path, kind.name, [Finding(kind.code, "", kind.seems), *found])


def _all(paths) -> Iterator[tuple[str, bool]]:
    """Yield each file to look at, and each folder that is a model, with whether it was named itself."""
    for path in map(os.fspath, paths):
        if not os.path.isdir(path):
            yield path, True
            continue
        for folder, inner, files in os.walk(path):
            inner.sort()
            is_model = any(form.recognises(folder) for form in FOLDERS)
            if is_model:
                yield folder, True
                inner[:] = [name for name in inner if name != "variables"]
            for name in sorted(files):
                if not (is_model and name in _PARTS) and os.path.isfile(os.path.join(folder, name)):
                    yield os.path.join(folder, name), False
