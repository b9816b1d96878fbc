"""Hold a whole model of Keras against weightscope: every array, every shape, every call, and what predict returns.

Each call is judged in isolation, fed with what Keras fed it, so that its tolerance does not depend on how deep it lies.
The outputs, where roundings have gone through all layers, are held against ``predict`` within a wider one.
"""

import keras
import numpy as np

import weightscope
from weightscope import reference
from weightscope.layers.models import Model
from weightscope.layers.structure import flatten, flatten_shapes

# Of the largest value of an output; isolated, then chained.
ISOLATED = {"float64": 1e-11, "float32": 5e-5, "float16": 3e-2}
CHAINED = {"float64": 1e-8, "float32": 1e-2, "float16": 0.5}


def hold(model, inputs, folder, formats=("keras", "h5")):
    """Save a model in each format, and require weightscope to agree; return the largest difference.

    ``inputs``: a flat list of arrays. The difference is that of the chained outputs, as a share of their largest value.
    """
    packed = inputs[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.input, inputs)
    theirs = model.predict(packed, verbose=0)
    probed = {path: leaves[0] if len(leaves) == 1 else leaves
              for path, leaves in reference._probe(keras, model)(packed).items()}
    worst, held = 0.0, 0
    for kind in formats:
        path = folder / f"model.{kind}"
        try:
            model.save(path)
        except (TypeError, NotImplementedError, ValueError):
            if kind == "keras":
                raise
            continue  # Keras itself cannot write some layers as .h5
        opened = weightscope.load(path)
        _hold_weights(opened, model)
        _hold_shapes(opened, model, inputs, theirs)
        if not held:
            _hold_calls(opened, packed, probed)
        trace = weightscope.replay(opened, packed)
        assert not trace.missing, trace.missing
        worst = max(worst, close(trace.output, theirs, CHAINED, "output"))
        close(weightscope.predict(opened, packed, batch_size=2), theirs, CHAINED, "predict")
        held += 1
    return worst


def close(ours, theirs, bounds, where):
    """Require equal structures, shapes and dtypes, and values within a share of the largest; return that share."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict) and set(ours) == set(theirs), where
    ours, theirs = flatten(ours), flatten(theirs)
    assert len(ours) == len(theirs), f"{where}: {len(ours)} outputs, Keras gives {len(theirs)}"
    return max((_close(a, np.asarray(b), bounds, where) for a, b in zip(ours, theirs)), default=0.0)


def _close(a, b, bounds, where):
    assert a.shape == b.shape, f"{where}: {a.shape}, Keras gives {b.shape}"
    assert a.dtype == b.dtype, f"{where}: {a.dtype}, Keras gives {b.dtype}"
    if a.dtype.kind not in "fV":
        np.testing.assert_array_equal(a, b, err_msg=where)
        return 0.0
    bound = bounds[b.dtype.name]
    a, b = a.astype("float64"), b.astype("float64")
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=where)
    scale = np.max(np.abs(b[finite]), initial=1e-30)
    share = float(np.max(np.abs(a[finite] - b[finite]), initial=0.0) / scale)
    assert share <= bound, f"{where}: off by {share:.2g} of its largest value, allowed are {bound:.2g}"
    return share


def _hold_weights(opened, model):
    ledger = opened.ledger
    assert ledger.closes and not ledger.unclaimed and not ledger.problems, ledger
    assert opened.count_params() == model.count_params()
    ours = {layer.name: layer for layer in opened.layers}
    for layer in model.layers:
        if not layer.weights:
            continue
        pairs = list(zip(ours[layer.name].all_weights(), layer.weights, strict=True))
        for a, b in pairs:
            assert (a.name, a.shape) == (b.name, tuple(b.shape)), f"{layer.name}: {a}, Keras has {b.path}"
            np.testing.assert_array_equal(a.array, keras.ops.convert_to_numpy(b), err_msg=f"{layer.name}: {b.path}")


def _hold_shapes(opened, model, inputs, theirs):
    if any((layer.module or "").startswith("keras.src.ops") for layer in _layers_of(opened)):
        return  # an operation has no rule for its shape, nor has what is behind it
    symbolic = flatten_shapes(opened.output_shape(opened.shapes()))
    for ours, tensor in zip(symbolic, keras.tree.flatten(model.output), strict=True):
        assert len(ours) == len(tensor.shape), (ours, tensor.shape)
        assert all(b is None or a == b for a, b in zip(ours, tensor.shape)), (ours, tensor.shape)
    concrete = flatten_shapes(opened.output_shape(opened.shapes([x.shape for x in inputs])))
    assert concrete == [x.shape for x in flatten(theirs)], (concrete, [x.shape for x in flatten(theirs)])


def _layers_of(model):
    for layer in model.layers:
        yield layer
        yield from _layers_of(layer) if isinstance(layer, Model) else ()


def _hold_calls(opened, packed, probed):
    ours = weightscope.replay(opened, packed, given=probed)
    assert not ours.missing, ours.missing
    assert set(probed) <= set(ours), set(probed) - set(ours)
    for path, outputs in probed.items():
        close(ours[path], outputs, ISOLATED, path)
