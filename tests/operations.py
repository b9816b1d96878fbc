"""The harness for operations of ``keras.ops``: a functional model of one call, saved, read back and replayed.

``op("sum", (2, 3), axis=1)`` is the model of ``keras.ops.sum(x, axis=1)``. Everything expected is what ``predict``
computes in live Keras; the shapes are held against Keras' own as well.
"""

import os
from dataclasses import dataclass, field
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
from agreement import TOLERANCE
from judging import stay_within_budget

from weightscope.model.structure import flatten, flatten_shapes
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

HOMES = (keras.ops, keras.ops.image, keras.ops.linalg)
TOGETHER = 50


@dataclass
class Fixed:
    """A constant of a call that looks like an input."""

    value: object


@dataclass
class Op:
    """A call to compare: a name in ``keras.ops`` or any function of Keras tensors, its arguments and settings.

    Arrays, and shapes (filled with seeded normal values), become inputs of the model; all else is a constant. ``free``:
    whether the batch axis is left open; ``compiled``: whether Keras gives something else uncompiled; ``symbolic``:
    whether Keras' own symbolic shape is right.
    """

    function: object
    args: tuple
    settings: dict = field(default_factory=dict)
    free: bool = True
    compiled: bool = False
    tolerance: object = None
    symbolic: bool = True

    def __str__(self):
        name = self.function if isinstance(self.function, str) else self.function.__name__
        said = [arg.dtype.name + str(list(arg.shape)) if isinstance(arg, np.ndarray) else str(arg) for arg in self.args]
        return f"{name}({','.join([*said, *(f'{key}={value}' for key, value in self.settings.items())])})"[:100]

    def inputs(self):
        """Return the values of the call's inputs."""
        rng = np.random.default_rng(0)
        found = [rng.normal(size=arg).astype("float32") if isinstance(arg, tuple) else arg for arg in self.args]
        # Whole models take float64 inputs as predict does, rounded to float32.
        return [arg.astype("float32").astype("float64") if arg.dtype == np.float64 else arg
                for arg in found if isinstance(arg, np.ndarray)]

    def call(self, prefix):
        """Return the Keras inputs and the outputs of the call; ``prefix`` tells its inputs from other calls'."""
        inputs, args, values = [], [], iter(self.inputs())
        for arg in self.args:
            if not isinstance(arg, (tuple, np.ndarray)):
                args.append(arg.value if isinstance(arg, Fixed) else arg)
                continue
            x = next(values)
            shape = {"shape": x.shape[1:]} if self.free else {"batch_shape": x.shape}
            inputs.append(keras.Input(**shape, dtype=x.dtype.name, name=f"{prefix}_{len(inputs)}"))
            args.append(inputs[-1])
        return inputs, self.keras_function()(*args, **self.settings)

    def keras_function(self):
        """Return the function of Keras that is called."""
        if not isinstance(self.function, str):
            return self.function
        return next(getattr(home, self.function) for home in HOMES if hasattr(home, self.function))

    def on_arrays(self):
        """Return what the function makes of the arrays themselves, outside a model."""
        values = iter(self.inputs())
        args = [
            next(values) if isinstance(arg, (tuple, np.ndarray)) else getattr(arg, "value", arg) for arg in self.args
        ]
        found = self.keras_function()(*map(keras.ops.convert_to_tensor, args), **self.settings)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, found)


def op(function, *args, free=True, compiled=False, tolerance=None, symbolic=True, **settings):
    """Return an Op."""
    return Op(function, args, settings, free, compiled, tolerance, symbolic)


def ops(*found):
    """Decorator: run the test with the Ops, ``TOGETHER`` of them in one model, for a model costs much time."""
    groups = [found[start : start + TOGETHER] for start in range(0, len(found), TOGETHER)]
    return pytest.mark.parametrize("cases", groups, ids=[f"{group[0]} …" for group in groups])


def model_of(cases):
    """Return one Keras model of all calls, and the values of its inputs."""
    keras.backend.clear_session()
    inputs, outputs, given = [], [], []
    for n, case in enumerate(cases):
        tensors, found = case.call(f"case_{n}")
        inputs += tensors
        outputs.append(found)
        given += case.inputs()
    return keras.Model(inputs, [*outputs, inputs[0]]), given  # one output more, for Keras returns a single one bare


def agree_with_keras(cases, folder, in_model=True):
    """Hold weightscope against Keras on Ops, in one model; return pairs of (our outputs, Keras' outputs).

    ``in_model``: whether Keras can run the calls in ``predict``; those that it cannot, it runs on arrays.
    """
    model, values = model_of(cases)
    run = model.predict_on_batch if any(case.compiled for case in cases) else partial(_run, model)
    theirs = run(values) if in_model else [case.on_arrays() for case in cases]
    model.save(folder / "model.keras")
    opened = load(folder / "model.keras")
    trace = replay(opened, values)
    assert not trace.missing, trace.missing
    shapes = [opened.output_shape(opened.shapes(sizes)) for sizes in (None, [x.shape for x in values])]
    wrong = []
    for n, case in enumerate(cases):
        try:
            assert_same(trace.output[n], theirs[n], case.tolerance)
            symbolic = model.output[n] if case.symbolic else None
            assert_same_shapes([found[n] for found in shapes], symbolic, theirs[n])
        except (AssertionError, TypeError, ValueError) as error:
            wrong.append(f"{case}: {type(error).__name__} {' '.join(str(error).split())[:300]}")
    assert not wrong, "\n".join(wrong)
    if in_model:
        stay_within_budget(folder / "model.keras", values, model)
    return list(zip(trace.output, theirs))[: len(cases)]


def _run(model, values):
    found = model(values, training=False)  # uncompiled: compiling takes many times as long
    return keras.tree.map_structure(keras.ops.convert_to_numpy, found)


def assert_same(ours, theirs, tolerance=None):
    """Require the same shapes and dtypes and, within rounding, values, of complex numbers too."""
    ours, theirs = flatten(ours), [np.asarray(b) for b in flatten(theirs)]
    kinds = [[(value.shape, value.dtype.name) for value in found] for found in (ours, theirs)]
    assert kinds[0] == kinds[1], kinds
    for a, b in zip(ours, theirs):
        parts = ((value.real, value.imag) if value.dtype.kind == "c" else (value,) for value in (a, b))
        for one, two in zip(*parts, strict=True):
            bound = tolerance or TOLERANCE.get(two.dtype.name, 0)
            one, two = one.astype("float64"), two.astype("float64")
            scale = np.max(np.abs(two[np.isfinite(two)]), initial=1e-30)
            np.testing.assert_allclose(one, two, rtol=bound, atol=bound * scale)


def assert_same_shapes(shapes, tensors, theirs):
    """Require Keras' symbolic shapes, as far as both know them, and for the inputs' shapes those of the outputs."""
    symbolic, concrete = map(flatten_shapes, shapes)
    for ours, tensor in zip(symbolic, keras.tree.flatten(tensors), strict=True) if tensors is not None else ():
        assert len(ours) == len(tensor.shape), ("symbolic", ours, tensor.shape)
        assert all(None in (a, b) or a == b for a, b in zip(ours, tensor.shape)), ("symbolic", ours, tensor.shape)
    for ours, value in zip(concrete, flatten(theirs), strict=True):
        assert all(a in (None, b) for a, b in zip(ours, np.shape(value), strict=True)), (ours, np.shape(value))
