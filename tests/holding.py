"""Hold a whole model of Keras against weightscope: every array, every shape, every call, and what predict returns.

Each call is judged in isolation, fed with what Keras fed it, so that its tolerance does not depend on how deep it lies.
The outputs, where roundings have gone through all layers, are held against ``predict`` within what roundings can do
to this very model: a mean of normalized values is all rounding, and normalized again it is nothing else.
"""

import keras
import numpy as np
from agreement import saved
from judging import stay_within_budget

import weightscope
from weightscope.model.structure import as_outputs, flatten, flatten_shapes, map_structure
from weightscope.reference.keras3 import Keras3

# Of the largest value of an output; isolated, then chained.
# float64 is float32 in some places of Keras itself: what resizes, what normalizes groups, Python's numbers in a graph.
ISOLATED = {"float64": 1e-6, "float32": 5e-5, "float16": 3e-2}
CHAINED = {"float64": 1e-5, "float32": 1e-4, "float16": 5e-2}


class NotRun(Exception):
    """Keras built a model that it cannot run itself: there is nothing to hold."""


def hold(model, inputs, folder, formats=("keras", "h5")):
    """Save a model in each format, and require weightscope to agree; return the largest difference.

    ``inputs``: a flat list of arrays. The difference is that of the chained outputs, as a share of their largest value.
    """
    packed = inputs[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.input, inputs)
    try:
        theirs = model.predict(packed, verbose=0)
    except Exception as error:  # whatever TensorFlow raises: a graph that Keras built and cannot run
        raise NotRun(f"Keras cannot run it: {error}") from error
    probed = _probed(model, inputs)
    worst, held = 0.0, 0
    for path in saved(model, folder, formats):
        opened = weightscope.load(path)
        _hold_weights(opened, model)
        if path.suffix == ".h5" and _holds_operations(model):
            continue
        _hold_shapes(opened, model, inputs, theirs)
        if not held:
            _hold_calls(opened, packed, probed)
            stay_within_budget(path, packed)
        trace = weightscope.replay(opened, packed)
        assert not trace.missing, trace.missing
        shaken = _shaken(opened, packed)
        worst = max(worst, close(trace.output, theirs, CHAINED, "output", shaken))
        close(weightscope.predict(opened, packed, batch_size=2), theirs, CHAINED, "predict", shaken)
        held += 1
    return worst


def _probed(model, inputs):
    """Return ``{path: outputs}`` of every call, as Keras gives them when compiled."""
    live, found = Keras3(model), {}

    def note(path, leaves):
        found[path] = as_outputs([keras.ops.convert_to_numpy(leaf) for leaf in leaves])

    live.probes()[0](inputs, note)
    return found


def close(ours, theirs, bounds, where, shaken=None):
    """Require equal structures, shapes and dtypes, and values within a share of the largest; return that share.

    ``shaken``: ours again, with every call's output a rounding off; what that changes, ten times over, is allowed too.
    """
    if isinstance(theirs, dict):
        assert isinstance(ours, dict) and set(ours) == set(theirs), where
    ours, theirs = flatten(ours), [np.asarray(leaf) for leaf in flatten(theirs)]
    assert len(ours) == len(theirs), f"{where}: {len(ours)} outputs, Keras gives {len(theirs)}"
    others = ours if shaken is None else flatten(shaken)
    return max((_close(a, b, bounds, where, other) for a, b, other in zip(ours, theirs, others)), default=0.0)


def _close(a, b, bounds, where, shaken):
    assert a.shape == b.shape, f"{where}: {a.shape}, Keras gives {b.shape}"
    assert a.dtype == b.dtype, f"{where}: {a.dtype}, Keras gives {b.dtype}"
    if a.dtype.kind not in "fV":
        np.testing.assert_array_equal(a, b, err_msg=where)
        return 0.0
    bound = bounds[b.dtype.name]
    a, b = a.astype("float64"), b.astype("float64")
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=where)
    share = _share(a[finite], b[finite])
    allowed = max(bound, 10 * _share(shaken.astype("float64")[finite], a[finite]))
    assert share <= allowed, f"{where}: off by {share:.2g} of its largest value, allowed are {allowed:.2g}"
    return share


def _share(a, b):
    return float(np.max(np.abs(a - b), initial=0.0) / np.max(np.abs(b), initial=1e-30))


def _shaken(opened, packed):
    """Return the outputs of a replay in which the output of every call is off by about a rounding of its dtype."""
    walk, replacement = opened.walk(packed), None
    try:
        while True:
            replacement = map_structure(_shake, walk.send(replacement)[1])
    except StopIteration as stop:
        return stop.value[0]


def _shake(x):
    step = {"float32": 1e-6, "float64": 1e-6, "float16": 2e-3}.get(x.dtype.name)
    noise = np.random.default_rng(x.size).uniform(-1, 1, x.shape)
    return x if step is None else (x * (1 + step * noise)).astype(x.dtype)


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
            named = a.name if b.name.startswith("variable") else b.name  # Keras' word for a weight without a name
            assert (a.name, a.shape) == (named, tuple(b.shape)), f"{layer.name}: {a}, Keras has {b.path}"
            np.testing.assert_array_equal(a.array, keras.ops.convert_to_numpy(b), err_msg=f"{layer.name}: {b.path}")


def _hold_shapes(opened, model, inputs, theirs):
    symbolic = flatten_shapes(opened.output_shape(opened.shapes()))
    for ours, tensor in zip(symbolic, keras.tree.flatten(model.output), strict=True):
        assert len(ours) == len(tensor.shape), (ours, tensor.shape)
        assert all(b is None or a == b for a, b in zip(ours, tensor.shape)), (ours, tensor.shape)
    concrete = flatten_shapes(opened.output_shape(opened.shapes([x.shape for x in inputs])))
    assert concrete == [x.shape for x in flatten(theirs)], (concrete, [x.shape for x in flatten(theirs)])


def _holds_operations(model):
    """Tell whether a graph of Keras, or one inside it, has operations: Keras cannot open an .h5 of such a model."""
    if isinstance(model, keras.Sequential):
        return any(isinstance(layer, keras.Model) and _holds_operations(layer) for layer in model.layers)
    return any(_holds_operations(operation) if isinstance(operation, keras.Model)
               else not isinstance(operation, keras.layers.Layer) for operation in model.operations)


def _hold_calls(opened, packed, probed):
    ours = weightscope.replay(opened, packed, given=probed)
    assert not ours.missing, ours.missing
    assert set(probed) <= set(ours), set(probed) - set(ours)
    shaken = weightscope.replay(opened, map_structure(_shake, packed), given=map_structure(_shake, probed))
    for path, outputs in probed.items():
        close(ours[path], outputs, ISOLATED, path, shaken[path])
