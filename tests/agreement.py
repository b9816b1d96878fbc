"""The one harness for every layer: ``agrees_with_keras(case)``.

A Case says which Keras layer, on which input, with which settings. Everything expected comes from live Keras: the
weights' names and order, the shape, masking, and the outputs. The same model is saved in every format and read back
with nothing left over, and ``verify`` finds no call outside its budget for rounding. The cases of one ``@cases`` stand
side by side in one model, for it is models that cost time (see ``together``).
"""

import os
from dataclasses import dataclass, field, replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest

from weightscope.kernels.short_floats import to_bfloat16
from weightscope.model.layer import Layer
from weightscope.model.structure import flatten

TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(eq=False)
class Case:
    """One layer to compare with Keras.

    ``layer``: a class name of ``keras.layers``, or a function that builds the layer. ``x``: an array, a shape with
    the batch axis (filled with seeded normal values), or a list of either. ``mask``: booleans (batch, steps), or
    ``{number of the input: booleans}``; the steps where it is False are zeroed and masked by a Masking layer in
    front. ``settings``: Keras' own. ``call``: how the layer is called on the tensors, where it is not with one
    tensor or the list of them. ``change``: done to the layer when it has been built and given its values. ``policy``:
    Keras' dtype policy for all that is built, layers inside the layer too. ``formats``: those that Keras can write.
    ``compiled``: whether Keras gives something else when it runs uncompiled, and ``predict`` is to be asked.
    """

    layer: object
    x: object
    settings: dict = field(default_factory=dict)
    mask: object = None
    call: object = None
    change: object = None
    policy: str = "float32"
    formats: tuple = ("keras", "h5")
    compiled: bool = False
    beside: list = field(default_factory=list, repr=False)

    def __str__(self):
        name = self.layer if isinstance(self.layer, str) else "custom"
        said = ",".join(f"{key}={getattr(value, 'name', value)}" for key, value in self.settings.items())
        changed = [part for part in (getattr(self.change, "__name__", ""), self.policy) if part not in ("", "float32")]
        return "+".join([f"{name}({said})", *["mask"] * (self.mask is not None), *changed])

    def inputs(self, rng):
        """Return the values of the inputs, zero where they are masked, and ``{number of the input: mask}``."""
        x = [_array(item, rng) for item in (self.x if isinstance(self.x, list) else [self.x])]
        masks = self.mask if isinstance(self.mask, dict) else {0: self.mask} if self.mask is not None else {}
        for i, mask in masks.items():
            x[i] = np.where(np.asarray(mask)[..., None], x[i], 0).astype(x[i].dtype)
        return x, masks


def _array(item, rng):
    x = rng.normal(size=item).astype("float32") if isinstance(item, tuple) else np.asarray(item)
    return x.astype("float32").astype("float64") if x.dtype == np.float64 else x  # as predict takes it


def cases(*found):
    """Decorator: run the test once for each Case, under its name; all of them are built in one model."""
    for case in found:
        case.beside = list(found)
    return pytest.mark.parametrize("case", found, ids=str)


def each(*found):
    """Return every Case anew for each class name of mappings ``{class name: settings}``, with those settings too."""
    kinds = [kind for item in found if isinstance(item, dict) for kind in item.items()]
    return [replace(case, layer=name, settings={**settings, **case.settings})
            for name, settings in kinds for case in found if isinstance(case, Case)]


def agrees_with_keras(case, folder, tolerance=None):
    """Hold weightscope against Keras on a Case, in all file formats; return (our output, Keras' output)."""
    from together import built_with

    group, branch = built_with(case, folder)
    theirs, masks = group.theirs(branch)
    files = group.files(branch)
    for file in files:
        layer = file.opened.parts[branch.layer.name]
        _agree_on_weights(layer, file.weights(branch), ordered=not case.change)
        _agree_on_words(layer, branch.layer)
        _agree_on_shapes(file.shapes(branch), branch.outputs, theirs)
    ours = files[0].output(branch)
    _agree_on_masks(files[0].masks(branch), masks)
    assert_close(ours, theirs, tolerance)
    _agree_with_steps(files[0].explained(branch))
    if isinstance(case.layer, str) and not case.change:  # Keras loads its own classes
        wrong = group.outside_budget(branch)
        assert not wrong, "\n".join(wrong)
    return ours, theirs


def assert_close(ours, theirs, tolerance=None):
    """Require the same structure, shapes, dtypes and, within rounding, values."""
    ours, theirs = flatten(ours), flatten(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        b = np.asarray(b)
        assert a.shape == b.shape
        dtype = b.dtype.name
        if dtype == "bfloat16":
            b = b.astype("float32")
            np.testing.assert_array_equal(a, to_bfloat16(a), "values that no bfloat16 has")
        assert a.dtype == b.dtype, f"ours {a.dtype}, Keras' {b.dtype}"
        bound = tolerance or TOLERANCE.get(dtype, 0)
        a, b = a.astype("float64"), b.astype("float64")
        scale = np.max(np.abs(b[np.isfinite(b)]), initial=1e-30)
        np.testing.assert_allclose(a, b, rtol=bound, atol=bound * scale)


def saved(model, folder, formats=("keras", "h5")):
    """Save a model in each format, and yield the paths; an ``.h5`` that Keras itself cannot write is left out."""
    for kind in formats:
        path = folder / f"model.{kind}"
        try:
            model.save(path)
        except (TypeError, NotImplementedError, ValueError):
            if kind == "keras":
                raise
            continue  # Keras itself cannot write some layers as .h5
        yield path


def _agree_on_weights(layer, theirs, ordered):
    ours = list(layer.all_weights())
    if not ordered:
        ours, theirs = (sorted(weights, key=lambda weight: weight.name) for weights in (ours, theirs))
    assert [w.name for w in ours] == [w.name for w in theirs]
    for a, b in zip(ours, theirs):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_array_equal(a.array, keras.ops.convert_to_numpy(keras.ops.cast(b, a.array.dtype.name)))


def _agree_on_words(layer, keras_layer):
    assert layer.supports_masking == keras_layer.supports_masking
    assert type(layer).__doc__ and type(layer).formula
    for part in _with_parts(layer):
        for weight in part.weights.values():
            assert weight.axis_words() is not None, f"{weight}: a word for each axis"
            assert weight.name in part.formula, f"{weight.name} is not in the formula"


def _agree_with_steps(explained):
    assert explained
    for path, found in explained.items():
        assert not found.wrong, f"{path}: {found.why_not}"


def _with_parts(layer):
    yield layer
    for part in layer.parts.values():
        if isinstance(part, Layer):
            yield from _with_parts(part)


def _agree_on_masks(ours, theirs):
    ours = ours + [None] * (len(theirs) - len(ours))  # as in Keras, where fewer masks than outputs mask the first ones
    for a, b in zip(ours, theirs):
        assert (a is None) == (b is None), (a, b)
        if b is not None:
            np.testing.assert_array_equal(a, keras.ops.convert_to_numpy(b))


def _agree_on_shapes(shapes, tensors, theirs):
    symbolic, concrete = shapes
    for ours, tensor in zip(symbolic, keras.tree.flatten(tensors), strict=True):
        assert len(ours) == len(tensor.shape)
        assert all(b is None or a == b for a, b in zip(ours, tensor.shape)), (ours, tensor.shape)
    assert concrete == [item.shape for item in flatten(theirs)]
