"""Cases side by side in one Keras model: built, saved, read back, replayed and judged once, and told apart again.

What fails for all of them is tried again for each half, down to a case alone: there it is that case's own failure.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

import keras
import numpy as np
from judging import NotLoaded, judged, outside_budget

from weightscope.explaining.explain import Asked, explain
from weightscope.files.read import read
from weightscope.model.structure import flatten, flatten_shapes
from weightscope.opening import binding
from weightscope.opening.load import build, load, translated
from weightscope.replaying.replay import replay

MOST = 16  # cases in one model
NOT_WRITTEN = (TypeError, NotImplementedError, ValueError)  # what Keras raises for a layer that a format cannot hold
_built = {}


def built_with(case, folder):
    """Return the Group that a Case is built in, and its Branch; ``folder``: for the files of one that is not yet."""
    if case not in _built:
        if not any(case in other.beside for other in _built):  # one set of cases is in use at a time
            _built.clear()
        alike = [other for other in case.beside if _kind(other) == _kind(case)] or [case]
        at = alike.index(case) // MOST * MOST
        _built.update(_shared(alike[at:at + MOST], lambda some: Group(some, folder)))
    group = _raised(_built[case])
    return group, next(branch for branch in group.branches if branch.case is case)


def _kind(case):
    """Return what cases in one model have in common."""
    return case.policy, case.formats, isinstance(case.layer, str), case.change, case.compiled


def built_alone(case):
    """Return the model of a Case, which gives a list, with the case's input in the end, and its Branch."""
    keras.backend.clear_session()
    branch = _branch(0, case)
    return _model([branch]), branch


def _shared(items, attempt):
    """Return ``{item: attempt(items)}``, for halves of them where that fails, and for one alone the error."""
    try:
        return dict.fromkeys(items, attempt(items))
    except Exception as error:
        half = len(items) // 2
        return {**_shared(items[:half], attempt), **_shared(items[half:], attempt)} if half else {items[0]: error}


def _raised(found):
    if isinstance(found, Exception):
        raise found
    return found


@dataclass(eq=False)
class Branch:
    """A Case built: its ``layer`` of Keras', and the values ``x`` of its ``inputs``, to its ``outputs``."""

    case: object
    x: list
    inputs: list
    layer: object
    outputs: object


def _branch(number, case):
    rng = np.random.default_rng(0)
    x, masks = case.inputs(rng)
    batch = (lambda item: len(item)) if case.settings.get("stateful") else (lambda item: None)
    inputs = [keras.Input(batch_shape=(batch(item), *item.shape[1:]), dtype=str(item.dtype), name=f"input_{number}_{i}")
              for i, item in enumerate(x)]
    entries = [keras.layers.Masking(dtype=t.dtype)(t) if i in masks else t for i, t in enumerate(inputs)]
    layer = getattr(keras.layers, case.layer)(**case.settings) if isinstance(case.layer, str) else case.layer()
    outputs = case.call(layer, *entries) if case.call else layer(entries if len(entries) > 1 else entries[0])
    for weight in layer.weights:
        weight.assign(_values(weight, rng))
    if case.change:
        case.change(layer)
    return Branch(case, x, inputs, layer, outputs)


def _values(weight, rng):
    # Variances and scales must be positive; everything else may be anything.
    low = 0.2 if any(word in weight.name for word in ("variance", "scale")) else -0.8
    if not str(weight.dtype).startswith(("float", "bfloat")):
        return rng.integers(0, 3, weight.shape)
    return rng.uniform(low, 1.0, weight.shape).astype("float32")


class AnyNumber(Asked):
    """Asks for a number that is drawn by chance."""

    def __init__(self):
        super().__init__()
        self._rng = np.random.default_rng(0)

    def index(self, layer, y):
        """Return its index in a sample's output ``y``."""
        return tuple(int(self._rng.integers(max(size, 1))) for size in y.shape)


class Group:
    """Cases in one model, what Keras gives for each, and what was read back from the files that it was saved to."""

    def __init__(self, cases, folder):
        keras.backend.clear_session()
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(cases[0].policy)
        try:
            self.branches = [_branch(number, case) for number, case in enumerate(cases)]
            self._folder, model, x = folder, _model(self.branches), _inputs(self.branches)
            outputs = model(x, training=False)
            given = model.predict_on_batch(x) if cases[0].compiled else outputs
        finally:
            keras.config.set_dtype_policy(before)
        self._theirs = {branch: keras.tree.map_structure(keras.ops.convert_to_numpy, found)
                        for branch, found in zip(self.branches, given)}
        self._masks = {branch: [keras.src.backend.get_keras_mask(y) for y in keras.tree.flatten(found)]
                       for branch, found in zip(self.branches, outputs)}
        self._files = {kind: _shared(self.branches, lambda some, kind=kind: File(some, self._free(kind)))
                       for kind in cases[0].formats}

    def _free(self, kind):
        """Return a path for a file, in a folder of its own."""
        return Path(mkdtemp(dir=self._folder)) / f"model.{kind}"

    def files(self, branch):
        """Return the File of each format that has the Branch; Keras itself cannot write some layers as ``.h5``."""
        found = {kind: files[branch] for kind, files in self._files.items()}
        return [_raised(file) for kind, file in found.items() if kind == "keras" or not isinstance(file, NOT_WRITTEN)]

    def theirs(self, branch):
        """Return Keras' outputs, and the masks that it gives them."""
        return self._theirs[branch], self._masks[branch]

    @cached_property
    def _judged(self):
        return _shared(self.branches, self._judge)

    def _judge(self, branches):
        model, path = self._saved(branches)
        try:
            rows, no_twin = judged(path, _inputs(branches), live_model=model, compiled=branches[0].case.compiled)
            if outside_budget(rows):  # uncompiled, some layers round otherwise: what predict gives decides
                rows, no_twin = judged(path, _inputs(branches), live_model=model)
        except NotLoaded:
            if len(branches) > 1:
                raise
            return []
        assert not no_twin or len(branches) == 1, no_twin
        return rows

    def _saved(self, branches):
        """Return a model of the Branches and its ``.keras`` file: the one that was read back, where that has them."""
        file = self._files.get("keras", {}).get(branches[0])
        if isinstance(file, File) and file.branches == branches:
            return file.model, file.path
        model, path = _model(branches), self._free("keras")
        model.save(path)
        return model, path

    def outside_budget(self, branch):
        """Return in words the calls of the Branch, and of its input's, that ``verify`` does not let pass."""
        others = {other.layer.name for other in self.branches if other is not branch}
        return [words for words, path in outside_budget(_raised(self._judged[branch]))
                if path.split("/")[0].split("#")[0] not in others]


def _model(branches):
    inputs = [tensor for branch in branches for tensor in branch.inputs]
    return keras.Model(inputs, [*(branch.outputs for branch in branches), inputs[0]])  # a single one Keras returns bare


def _inputs(branches):
    return [x for branch in branches for x in branch.x]


class File:
    """A model of Branches saved at ``path`` and read back, whole and from its weights alone, with nothing left over."""

    def __init__(self, branches, path):
        model = _model(branches)
        model.save(path)
        self.branches, self.path, self.model = branches, path, model
        self.opened = load(path)
        assert self.opened.count_params() == model.count_params()
        closes(self.opened.ledger)
        if path.suffix == ".keras":
            built = bound_to_weights_in(path, self.opened)
            assert [w.shape for w in built.all_weights()] == [tuple(w.shape) for w in model.weights]

    def weights(self, branch):
        """Return Keras' weights of the layer, as they are in the file."""
        if branch.case.change and self.path.suffix == ".keras":  # saving merges LoRA, and quantizes once more
            return self._loaded.get_layer(branch.layer.name).weights
        return branch.layer.weights

    @cached_property
    def _loaded(self):
        return keras.models.load_model(self.path)

    @cached_property
    def _trace(self):
        trace = replay(self.opened, _inputs(self.branches))
        assert not trace.missing, trace.missing
        return trace

    def output(self, branch):
        """Return what weightscope gives for a Branch."""
        return self._trace.output[self.branches.index(branch)]

    @cached_property
    def _explained(self):
        found = {path: one for path, one in explain(self.opened, _inputs(self.branches), asked=AnyNumber())
                 if not isinstance(one, str)}
        for path, one in found.items():  # listening changes nothing
            y = np.asarray(flatten(self._trace[path])[0])
            np.testing.assert_equal(one.value, y[(0, *one.at)].item() if y.ndim > len(one.at) else y[one.at].item())
        return found

    def explained(self, branch):
        """Return ``{path: Explanation}`` of a number, drawn by chance, of each call of the layer of a Branch."""
        return {path: one for path, one in self._explained.items()
                if path.split("/")[0].split("#")[0] == branch.layer.name}

    @cached_property
    def _run(self):
        return self.opened.run((_inputs(self.branches),))[1]

    def masks(self, branch):
        """Return the masks that weightscope gives the outputs of a Branch, a flat list."""
        return flatten(self._run[self.branches.index(branch)])

    @cached_property
    def _shapes(self):
        sizes = [x.shape for x in _inputs(self.branches)]
        return [self.opened.output_shape(self.opened.shapes(given)) for given in (None, sizes)]

    def shapes(self, branch):
        """Return the shapes of the outputs of a Branch with any batch, and with the one of its input."""
        return [flatten_shapes(found[self.branches.index(branch)]) for found in self._shapes]


def bound_to_weights_in(path, opened):
    """Return the architecture of ``opened`` bound to its weights alone, those in the ``.keras`` at ``path``.

    They are what ``save_weights`` would write: the same function of Keras writes both.
    """
    alone = path.parent / "model.weights.h5"
    with zipfile.ZipFile(path) as archive:
        alone.write_bytes(archive.read("model.weights.h5"))
    with read(alone) as saved:
        built = build(translated(opened.saved)[0])
        closes(binding.bind(built, saved))
    return built


def closes(ledger):
    """Require that every array of a file has its place, and that none is missing."""
    assert ledger.closes and not ledger.unclaimed and not ledger.problems, ledger
