"""The one harness for every layer: ``agrees_with_keras(case)``.

A Case says which Keras layer, on which input, with which settings. Everything expected comes from live Keras: the
weights' names and order, the shape, masking, and the outputs of ``predict``. The same model is saved in every format
and read back with nothing left over, and ``verify`` finds no call outside its budget for rounding.
"""

import os
from dataclasses import dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from judging import stay_within_budget

from weightscope.files.read import read
from weightscope.kernels.short_floats import to_bfloat16
from weightscope.model.layer import Layer
from weightscope.model.structure import flatten, flatten_shapes
from weightscope.opening import binding
from weightscope.opening.load import build, load, translated
from weightscope.replaying.replay import replay

TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass
class Case:
    """One layer to compare with Keras.

    ``layer``: a class name of ``keras.layers``, or a function that builds the layer. ``x``: an array, a shape with
    the batch axis (filled with seeded normal values), or a list of either. ``mask``: booleans (batch, steps), or
    ``{number of the input: booleans}``; the steps where it is False are zeroed and masked by a Masking layer in
    front. ``settings``: Keras' own. ``call``: how the layer is called on the tensors, where it is not with one
    tensor or the list of them.
    """

    layer: object
    x: object
    settings: dict = field(default_factory=dict)
    mask: object = None
    call: object = None

    def __str__(self):
        name = self.layer if isinstance(self.layer, str) else "custom"
        said = ",".join(f"{key}={getattr(value, 'name', value)}" for key, value in self.settings.items())
        return f"{name}({said})" + ("+mask" if self.mask is not None else "")


def cases(*found):
    """Decorator: run the test once for each Case, under its name."""
    import pytest

    return pytest.mark.parametrize("case", found, ids=str)


def agrees_with_keras(case, folder, tolerance=None):
    """Hold weightscope against Keras on a Case, in all file formats; return (our output, Keras' output)."""
    model, x, keras_layer = _keras_model(case)
    inputs = x if len(x) > 1 else x[0]
    theirs = model.predict(inputs, verbose=0)
    ours = None
    for path in saved(model, folder):
        opened = load(path)
        _agree_on_weights(opened, model, keras_layer)
        if ours is None:
            layer = next(layer for layer in opened.layers if layer.name == keras_layer.name)
            _agree_on_words(layer, keras_layer)
            _agree_on_shapes(opened, model, x, theirs)
            trace = replay(opened, inputs)
            assert not trace.missing, trace.missing
            ours = trace.output
            _agree_on_masks(opened, model, x)
    _weights_file_binds(model, path.parent, keras_layer)
    assert_close(ours, theirs, tolerance)
    if isinstance(case.layer, str):  # Keras loads its own classes
        stay_within_budget(folder / "model.keras", inputs)
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


def _keras_model(case):
    keras.backend.clear_session()
    rng = np.random.default_rng(0)
    x = [_array(item, rng) for item in (case.x if isinstance(case.x, list) else [case.x])]
    masks = case.mask if isinstance(case.mask, dict) else {0: case.mask} if case.mask is not None else {}
    for i, mask in masks.items():
        x[i] = np.where(np.asarray(mask)[..., None], x[i], 0).astype(x[i].dtype)
    batch = (lambda item: len(item)) if case.settings.get("stateful") else (lambda item: None)
    inputs = [keras.Input(batch_shape=(batch(item), *item.shape[1:]), dtype=str(item.dtype), name=f"input_{i}")
              for i, item in enumerate(x)]
    entries = [keras.layers.Masking(dtype=t.dtype)(t) if i in masks else t for i, t in enumerate(inputs)]
    layer = getattr(keras.layers, case.layer)(**case.settings) if isinstance(case.layer, str) else case.layer()
    outputs = case.call(layer, *entries) if case.call else layer(entries if len(entries) > 1 else entries[0])
    model = keras.Model(inputs, outputs)
    for weight in layer.weights:
        weight.assign(_values(weight, rng))
    return model, x, layer


def _array(item, rng):
    return rng.normal(size=item).astype("float32") if isinstance(item, tuple) else np.asarray(item)


def _values(weight, rng):
    # Variances and scales must be positive; everything else may be anything.
    low = 0.2 if any(word in weight.name for word in ("variance", "scale")) else -0.8
    if not str(weight.dtype).startswith(("float", "bfloat")):
        return rng.integers(0, 3, weight.shape)
    return rng.uniform(low, 1.0, weight.shape).astype("float32")


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


def _agree_on_weights(opened, model, keras_layer):
    ledger = opened.ledger
    assert ledger.closes and not ledger.unclaimed and not ledger.problems, ledger
    assert opened.count_params() == model.count_params()
    layer = next(layer for layer in opened.layers if layer.name == keras_layer.name)
    ours = list(layer.all_weights())
    assert [w.name for w in ours] == [w.name for w in keras_layer.weights]
    for a, b in zip(ours, keras_layer.weights):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_array_equal(a.array, keras.ops.convert_to_numpy(keras.ops.cast(b, a.array.dtype.name)))


def _agree_on_words(layer, keras_layer):
    assert layer.supports_masking == keras_layer.supports_masking
    assert type(layer).__doc__ and type(layer).formula
    for part in _with_parts(layer):
        for weight in part.weights.values():
            assert weight.axis_words() is not None, f"{weight}: a word for each axis"
            assert weight.name in part.formula, f"{weight.name} is not in the formula"


def _with_parts(layer):
    yield layer
    for part in layer.parts.values():
        if isinstance(part, Layer):
            yield from _with_parts(part)


def _agree_on_masks(opened, model, x):
    theirs = [keras.src.backend.get_keras_mask(y) for y in flatten(model(x, training=False))]
    ours = flatten(opened.run((x,))[1])
    ours += [None] * (len(theirs) - len(ours))  # as in Keras, where fewer masks than outputs mask the first ones
    for a, b in zip(ours, theirs):
        assert (a is None) == (b is None), (a, b)
        if b is not None:
            np.testing.assert_array_equal(a, keras.ops.convert_to_numpy(b))


def _agree_on_shapes(opened, model, x, theirs):
    symbolic = flatten_shapes(opened.output_shape(opened.shapes()))
    for ours, tensor in zip(symbolic, keras.tree.flatten(model.output)):
        assert len(ours) == len(tensor.shape)
        assert all(b is None or a == b for a, b in zip(ours, tensor.shape)), (ours, tensor.shape)
    concrete = flatten_shapes(opened.output_shape(opened.shapes([item.shape for item in x])))
    assert concrete == [item.shape for item in flatten(theirs)]


def _weights_file_binds(model, folder, keras_layer):
    whole = folder / "model.keras"
    model.save_weights(folder / "model.weights.h5")
    with read(folder / "model.weights.h5") as saved:
        built = build(translated(read(whole))[0])
        ledger = binding.bind(built, saved)
        assert ledger.closes and not ledger.unclaimed and not ledger.problems, ledger
        assert [w.shape for w in built.all_weights()] == [tuple(w.shape) for w in model.weights]
