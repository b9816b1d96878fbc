"""Values recorded before, as a reference: an ``.npz``, or an HDF5 file with ``inputs``, ``activations``, ``outputs``.

In an ``.npz`` the name of an array says what it is::

    inputs/NAME     an input of the model, by the name of its input layer
    layers/PATH     what a call gave, by its path: ``dense``, ``dense#2`` its second call, ``model/dense`` inside a
                    nested model; ``layers/PATH:1`` is the second of several outputs
    outputs/NAME    what ``predict`` gave, by the path of the layer that gives it
    weightscope     in what ``weightscope record`` writes: a text in JSON (``record``)

and the three words may be left out: a plain ``dense`` is an input, else a call. A model with one input and one output
may call them ``inputs`` and ``outputs``, and an ``.npy`` is its output. The first axis is the samples. All names are
optional, and nothing is ever unpickled.

An HDF5 file has groups ``inputs``, ``activations`` (the calls) and ``outputs`` with such names. Files that were made
to test training have targets in ``outputs``, and what ``predict`` gave in ``predictions``, which then counts.

A folder has a file for each array, ``dense.bin``, ``dense.csv`` or ``inner/dense.npy``, and a ``.bin`` nothing but
numbers: shapes are the layers' (``verdict.fitting``).
"""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscope.errors import Unreadable
from weightscope.files.source import Source
from weightscope.files.untrusted import reading
from weightscope.model.model import Model
from weightscope.opening.content_hash import content_hash
from weightscope.reference.storing import restored
from weightscope.replaying.input_files import arrays_in

if TYPE_CHECKING:
    from weightscope.model.arrays import NDArray

HEADER = "weightscope"
NUMBERS = (".bin", ".raw")  # endings of files that hold numbers and nothing else
_GROUPS = {"inputs": "inputs", "layers": "layers", "activations": "layers", "outputs": "outputs"}


class Recorded:
    """Recorded values of one model, for ``verify(model, against=…)``: a reference that needs no Keras.

    ``model``: a loaded one; ``path``: an ``.npz`` of ``weightscope.record``, or with arrays named after calls, an
    ``.npy``, ``.csv`` or ``.bin`` with the output, an HDF5 file, or a folder of such files; ``names``: ``{name in the
    file: name in the model}`` for those that differ; ``by_order``: take the arrays in their order for those of the
    calls, whatever their names; ``dtype``: of the numbers in a ``.bin``.

    ``inputs``: ``{name: array}`` as far as the file has them; ``header``: what ``record`` wrote about itself, or {}.
    Raises Unreadable for a file that cannot be read, that belongs to another model, or names what this one lacks.
    """

    kind = None  # of Keras: whoever recorded them, nothing is known of how it computes
    partial = True  # a layer without a recorded value is no gap in the check
    no_twin, cores = "recorded values are in their own dtypes", 0

    def __init__(self, model: Model, path: str | os.PathLike[str], names: dict[str, str] | None = None,
                 by_order: bool = False, dtype: str = "float32") -> None:
        self.path = os.fspath(path)
        self.notes: list[str] = []
        arrays = _read(self.path, dtype)
        self.header: dict[str, Any] = self._header(arrays.pop(HEADER, None))
        self._check_model(model)
        self._names = _Names(model)
        self.inputs: dict[str, NDArray[np.generic]] = {}
        self._layers: dict[str, Any] = {}
        self._outputs: dict[Any, Any] = {}
        for name, array in (self._in_order(arrays) if by_order else self._renamed(arrays, names or {})).items():
            array = restored(array, self.header.get("dtypes", {}).get(name))
            self._place(name, array)
        if not self._layers and not self._outputs:
            raise Unreadable(f"{self.path}: holds no value of a layer or an output to compare with")
        version = self.header.get("reference")
        self.version = f"recorded values of {self.path}" + (f" ({version})" if version else "")

    def begin(self, model, samples, twin=False):
        """Take the Samples that are run, ``samples``, batch by batch as they were recorded.

        ``model``, ``twin``: as a Reference takes them; one was looked at before, and the other is not recorded.
        """
        samples.batch_size = self.header.get("batch_size", samples.batch_size if self._by_samples(len(samples)) else
                                             max(len(samples), 1))
        self._samples, self._batch_size, self._next = len(samples), samples.batch_size, 0
        self.batches = samples.batches
        return self

    def calls(self):
        """Yield ``(path, arrays)`` of the calls of the next batch that are recorded, None for an array that is not."""
        start, self._next = self._next, self._next + self._batch_size
        last = self._next >= self._samples
        part = slice(start, None if last else self._next)  # what is left over shows as another shape
        for path, leaves in self._layers.items():
            yield path, [self._cut(leaves.get(index), part) for index in range(max(leaves) + 1)]

    def twin(self):
        """Return None: nothing is recorded in float64 besides."""

    def predicted(self):
        """Return the flat outputs of ``predict``, None for one that is not recorded."""
        return [self._outputs.get(ref, self._leaf(ref)) for ref in self._names.outputs]

    def _cut(self, array, part):
        return array[part] if array is not None and array.ndim and self._samples > self._batch_size else array

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _leaf(self, ref):
        path, index = ref
        return self._layers.get(path, {}).get(index)

    def _by_samples(self, samples):
        """Tell whether every recorded array has the samples along its first axis, so that batches can be cut of it."""
        arrays = [array for leaves in self._layers.values() for array in leaves.values()]
        return all(array.ndim and len(array) == samples for array in arrays)

    def _renamed(self, arrays, names):
        unknown = next((name for name in names if name not in arrays), None)
        if unknown is not None:
            near = get_close_matches(unknown, arrays, n=3, cutoff=0.5)
            raise Unreadable(f"{self.path}: holds no {unknown!r}" + (f"; it has {', '.join(near)}" if near else ""))
        return {names.get(name, name): array for name, array in arrays.items()}

    def _in_order(self, arrays):
        """Return the arrays under the names of the calls, in their order."""
        calls = self._names.calls
        if len(arrays) != len(calls):
            raise Unreadable(f"{self.path}: holds {len(arrays)} arrays, and the model makes {len(calls)} layer calls:"
                             " they cannot be taken by order")
        return dict(zip(calls, arrays.values()))

    def _header(self, stored):
        if stored is None:
            return {}
        try:
            header = json.loads(str(stored))
            if isinstance(header, dict) and isinstance(header.get("dtypes", {}), dict):
                return header
        except ValueError:
            pass
        raise Unreadable(f"{self.path}: its {HEADER!r} is not what weightscope record writes")

    def _check_model(self, model):
        expected = self.header.get("model")
        if expected and expected != content_hash(model.saved):
            raise Unreadable(f"{self.path}: was recorded of another model than {model.saved.path}: its architecture or"
                             " its weights differ; record it again")

    def _place(self, name, array):
        kind, path, index = self._names.of(name, self.path)
        if kind == "inputs":
            self.inputs[path] = array
        elif kind == "outputs":
            self._outputs[path, index] = array
        else:
            self._layers.setdefault(path, {})[index] = array


class _Names:
    """What the names of recorded arrays mean in one model."""

    def __init__(self, model):
        self.inputs = [layer.name for layer in model.input_layers]
        self.outputs = model.sources()
        self._calls = {path: sources for path, sources in model.sources_by_path() if path not in self.inputs}
        self.calls = [path for path, _ in model.calls()]

    def of(self, name, file):
        """Return (inputs, layers or outputs; path; which output) of a recorded name; Unreadable for an unknown one."""
        group, _, rest = name.partition("/")
        group = _GROUPS.get(group or "outputs")
        found = self._found(None, name) or (self._found(group, rest) if rest else self._only(group))
        if found:
            return found
        near = get_close_matches(rest if group else name, [*self.inputs, *self._calls], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "names are those of weightscope inspect"
        raise Unreadable(f"{file}: holds {name!r}, which the model has no layer or input for; {hint}")

    def _found(self, kind, text):
        path, index = _split(text)
        if kind in (None, "inputs", "layers") and path in self.inputs:
            return "inputs", path, 0
        if kind == "inputs":
            return self._only(kind)
        if path not in self._calls:
            return None
        sources = self._calls[path]
        path, index = (path, index) if sources is None else sources[min(index, len(sources) - 1)]
        if kind == "outputs":
            return ("outputs", path, index) if (path, index) in self.outputs else None
        return "layers", path, index

    def _only(self, group):
        if group == "inputs" and len(self.inputs) == 1:
            return "inputs", self.inputs[0], 0
        return ("outputs", *self.outputs[0]) if group == "outputs" and len(self.outputs) == 1 else None


def _split(text):
    match = re.fullmatch(r"(.+):(\d+)", text)
    return (match[1], int(match[2])) if match else (text, 0)


def _read(path, dtype):
    if os.path.isdir(path):
        return _of_folder(path, dtype)
    if path.endswith(NUMBERS):
        return {"": _numbers(path, dtype)}
    with reading(path), closing(Source(path)) as source:
        if source.tree is not None:
            return _of_hdf5(source.tree.arrays)
    return arrays_in(path)


def _of_folder(folder, dtype):
    """Return ``{name: array}`` of the files in a folder and below, each named after its file."""
    found = {}
    for inner, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files, key=_by_number):
            name, ending = os.path.splitext(os.path.relpath(os.path.join(inner, file), folder))
            if ending in (*NUMBERS, ".npy", ".csv"):
                found[name.replace(os.sep, "/")] = _only(os.path.join(inner, file), dtype)
    if not found:
        raise Unreadable(f"{folder}: is a folder without a .bin, .npy or .csv in it")
    return found


def _only(path, dtype):
    """Return the array of a file that is named after what it holds; its name does not tell of which kind it is."""
    arrays = _read(path, dtype)
    if len(arrays) != 1:
        raise Unreadable(f"{path}: holds {len(arrays)} arrays; in a folder each has a file of its own")
    return next(iter(arrays.values()))


def _by_number(name):
    """Return what names are sorted by: numbers in them by their size."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _numbers(path, dtype):
    with reading(path):
        size, each = os.path.getsize(path), np.dtype(dtype).itemsize
        if size % each:
            raise Unreadable(f"its {size:,} bytes are no whole number of {dtype} values, {each} bytes each")
        return np.fromfile(path, dtype)


def _of_hdf5(stored):
    """Return ``{name: array}`` of recorded HDF5, in the words of an ``.npz``; losses (``scores``) left out."""
    groups = {}
    for path, array in stored.items():
        group, _, name = path.partition("/")
        groups.setdefault(group, {})[name] = array
    inputs, calls = groups.get("inputs", {}), groups.get("activations", groups.get("layers", {}))
    outputs = groups.get("predictions") or groups.get("outputs", {})
    if "predictions" not in groups:
        outputs = {name: array for name, array in outputs.items() if name not in calls}
    return {f"{group}/{name}": array.read() for group, found in
            (("inputs", inputs), ("layers", calls), ("outputs", outputs)) for name, array in found.items()}


def named_outputs(model):
    """Return the names under which a model's outputs are recorded, in the order of ``predict``."""
    return [path + (f":{index}" if index else "") for path, index in _Names(model).outputs]
