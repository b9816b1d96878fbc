"""The harness for operations of ``keras.ops``: a functional model of one call, saved, read back and replayed.

``op("sum", (2, 3), axis=1)`` is the model of ``keras.ops.sum(x, axis=1)``. Everything expected is what ``predict``
computes in live Keras; the shapes are held against Keras' own as well.
"""

import os
from dataclasses import dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
from agreement import TOLERANCE

from weightscope import loading, replaying
from weightscope.layers.structure import flatten, flatten_shapes


@dataclass
class Fixed:
    """A constant of a call that looks like an input."""

    value: object


@dataclass
class Op:
    """A call to compare: a name in ``keras.ops`` or any function of Keras tensors, its arguments and settings.

    Arrays, and shapes (filled with seeded normal values), become inputs of the model; all else is a constant. ``free``:
    whether the batch axis is left open.
    """

    function: object
    args: tuple
    settings: dict = field(default_factory=dict)
    free: bool = True
    tolerance: object = None

    def __str__(self):
        name = self.function if isinstance(self.function, str) else self.function.__name__
        said = [arg.dtype.name + str(list(arg.shape)) if isinstance(arg, np.ndarray) else str(arg) for arg in self.args]
        return f"{name}({','.join([*said, *(f'{key}={value}' for key, value in self.settings.items())])})"[:100]

    def arrays(self):
        """Return the inputs' values."""
        rng = np.random.default_rng(0)
        found = [rng.normal(size=arg).astype("float32") if isinstance(arg, tuple) else arg for arg in self.args]
        return [arg for arg in found if isinstance(arg, np.ndarray)]

    def model(self):
        """Return the Keras model of the call."""
        keras.backend.clear_session()
        inputs, args = [], []
        values = iter(self.arrays())
        for arg in self.args:
            if not isinstance(arg, (tuple, np.ndarray)):
                args.append(arg.value if isinstance(arg, Fixed) else arg)
                continue
            x = next(values)
            shape = {"shape": x.shape[1:]} if self.free else {"batch_shape": x.shape}
            inputs.append(keras.Input(**shape, dtype=x.dtype.name, name=f"input_{len(inputs)}"))
            args.append(inputs[-1])
        function = getattr(keras.ops, self.function) if isinstance(self.function, str) else self.function
        return keras.Model(inputs, function(*args, **self.settings))


def op(function, *args, free=True, tolerance=None, **settings):
    """Return an Op."""
    return Op(function, args, settings, free, tolerance)


def ops(*found):
    """Decorator: run the test once for each Op, under its name."""
    return pytest.mark.parametrize("case", found, ids=str)


def agrees_with_keras(case, folder):
    """Hold weightscope against Keras on an Op; return (our outputs, Keras' outputs)."""
    model, x = case.model(), case.arrays()
    given = x if len(x) > 1 else x[0]
    theirs = model.predict_on_batch(given)
    model.save(folder / "model.keras")
    opened = loading.load(folder / "model.keras")
    trace = replaying.replay(opened, given)
    assert not trace.missing, trace.missing
    assert_same(trace.output, theirs, case.tolerance)
    assert_same_shapes(opened, model, [item.shape for item in x], theirs)
    return trace.output, theirs


def assert_same(ours, theirs, tolerance=None):
    """Require the same shapes and dtypes and, within rounding, values, of complex numbers too."""
    ours, theirs = flatten(ours), [np.asarray(b) for b in flatten(theirs)]
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    assert [a.dtype for a in ours] == [b.dtype for b in theirs]
    for a, b in zip(ours, theirs):
        a, b = ((value.real, value.imag) if value.dtype.kind == "c" else (value,) for value in (a, b))
        for one, two in zip(a, b):
            bound = tolerance or TOLERANCE.get(two.dtype.name, 0)
            one, two = one.astype("float64"), two.astype("float64")
            scale = np.max(np.abs(two[np.isfinite(two)]), initial=1e-30)
            np.testing.assert_allclose(one, two, rtol=bound, atol=bound * scale)


def assert_same_shapes(opened, model, given, theirs):
    """Require Keras' symbolic shapes, as far as both know them, and for given shapes those of the outputs."""
    symbolic = flatten_shapes(opened.output_shape(opened.shapes()))
    for ours, tensor in zip(symbolic, keras.tree.flatten(model.output), strict=True):
        assert len(ours) == len(tensor.shape)
        assert all(None in (a, b) or a == b for a, b in zip(ours, tensor.shape)), (ours, tensor.shape)
    concrete = flatten_shapes(opened.output_shape(opened.shapes(given)))
    for ours, value in zip(concrete, flatten(theirs), strict=True):
        assert all(a in (None, b) for a, b in zip(ours, np.shape(value), strict=True)), (ours, np.shape(value))
