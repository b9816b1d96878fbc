"""A program that uses every public name of weightscope, as a type checker sees it; it is checked, and never run.

``test_typed_program.py`` holds it against ``mypy --strict``, and looks that no type revealed here is Any.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type, reveal_type

import weightscope
from weightscope import (
    Activation,
    Comparison,
    Converted,
    Difference,
    Functional,
    Gap,
    Layer,
    Model,
    NoSuchLayer,
    NothingChecked,
    NotReplayable,
    Recorded,
    Reference,
    ReferenceFailed,
    Sequential,
    Tolerance,
    Trace,
    Unreadable,
    Unsafe,
    Unsupported,
    Weight,
    WeightscopeError,
)

Numbers = NDArray[np.number[Any]]
X = np.zeros((4, 2), "float32")

# A file is opened.

model = weightscope.load("model.keras", architecture=None, keras_version="2.3", backend="tensorflow")
assert_type(model, Model)
reveal_type(model.saved.path)
reveal_type(model.saved.arrays["dense/kernel"].read())
reveal_type(model.ledger.unclaimed)
reveal_type(model.notes)
reveal_type(model.count_params())
reveal_type(model.is_part)

# Layers, by name.

assert_type(model["encoder/dense"], Layer)
assert_type(model.get_layer("dense"), Layer)
assert_type(model.get_layer(index=-1), Layer)
assert_type(model.layers, list[Layer])
assert_type(model.paths(), list[str])
assert_type("dense" in model, bool)
layer = model["dense"]
reveal_type((layer.name, layer.class_name, layer.trainable, layer.policy, layer.compute_dtype))
reveal_type(layer.parts)
reveal_type(layer.written_formula())
reveal_type(layer.refusal())
reveal_type(layer(X))
for part in layer.with_parts():
    assert_type(part, Layer)
assert_type(dict(model.calls()), dict[str, Layer])

# Weights are arrays.

weights = layer.weights
assert_type(weights, dict[str, Weight])
kernel = weights["kernel"]
reveal_type((kernel.name, kernel.axes, kernel.shape, kernel.size, kernel.dtype, kernel.ndim, kernel.trainable))
assert_type(kernel.array, Numbers)
assert_type(kernel.T, Numbers)
assert_type(X @ kernel, Numbers)
assert_type(kernel @ kernel.T, Numbers)
assert_type(kernel + 1, Numbers)
assert_type(2 * kernel, Numbers)
assert_type(-kernel**2, Numbers)
assert_type(kernel[:, 0:1], Numbers)
assert_type(kernel > 0, NDArray[np.bool_])
assert_type(kernel == kernel, NDArray[np.bool_])
reveal_type(np.asarray(kernel))
assert_type(np.asarray(kernel, dtype=np.float64), NDArray[np.float64])
reveal_type(len(kernel))
reveal_type({kernel: "a key"})
assert_type(model.get_weights(), list[Numbers])
assert_type(layer.get_weights(), list[Numbers])
assert_type(list(model.all_weights()), list[Weight])

# A replay.

trace = weightscope.replay(model, X)
assert_type(trace, Trace)
reveal_type(trace["dense"])
reveal_type(trace.output)
reveal_type(trace.missing)
reveal_type(trace.problem)
assert_type(weightscope.replay(model, {"left": X, "right": [[1, 2]]}, given=trace), Trace)
output = weightscope.predict(model, [X, X], batch_size=8)
reveal_type(output)
if isinstance(output, np.ndarray):
    assert_type(output, Numbers)
    assert_type(output + 1, Numbers)
else:
    reveal_type(output)

# A check.


def progress(stage: str, done: int, total: int) -> None:
    """Say how far it is."""
    print(stage, done, total)


tolerance = Tolerance(rtol=1e-3, layers=(("dense*", 1e-2, None),))
reveal_type((tolerance.rtol, tolerance.layers, tolerance.is_given, tolerance.for_layer("dense")))
comparison = weightscope.verify(model, X, tolerance, progress=progress, against=Reference("keras", ("mine.py",)))
assert_type(comparison, Comparison)
assert_type(bool(comparison), bool)
reveal_type((comparison.verdict, comparison.exit_code, comparison.same_function, comparison.samples))
reveal_type((comparison.reference, comparison.notes, comparison.partial, comparison.tolerance))
assert_type(comparison.rows, list[Difference])
assert_type(comparison.compared, list[Difference])
assert_type(comparison.outputs, list[Gap])
assert_type(comparison.first, Difference | None)
row = comparison.rows[0]
reveal_type((row.path, row.class_name, row.verdict, row.reason, row.causes))
assert_type(row.own, Gap | None)
assert_type(row.fault, Gap | None)
reveal_type(row.source)
gap = comparison.outputs[0]
reveal_type((gap.absolute, gap.relative, gap.index, gap.ours, gap.theirs, gap.within, gap.values, gap.of_limit))
for trial in comparison.trials or []:
    reveal_type((trial.path, trial.missed, trial.smallest, trial.finest))
recorded = Recorded(model, "golden.npz")
reveal_type((recorded.path, recorded.notes))
reveal_type(weightscope.verify(model, against=recorded, self_test=True))
golden = weightscope.record(model, X, against="tf_keras", progress=progress)
assert_type(golden, dict[str, NDArray[np.generic]])
np.savez("golden.npz", allow_pickle=False, **golden)

# A conversion.

converted = weightscope.convert(model, X, weights_only=True)
assert_type(converted, Converted)
reveal_type((converted.data, converted.gaps, converted.reference, converted.agrees))

# Layers of one's own.


@weightscope.keras_layer
class Scaled(Layer):
    """Scales its input, with a part and a weight."""

    formula = "y = scale · dense(x)"
    ignored = ("rate",)
    units: int

    def sub_layers(self) -> dict[str, Layer]:
        return {"dense": self.sub_layer("Dense", units=self.units)}

    def weight_specs(self) -> list[Weight]:
        return [Weight("scale", "units", trainable=False)]

    def shape(self, x: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return *x[:-1], self.units

    def forward(self, x: Numbers, scale: Numbers) -> Numbers:
        hidden: Numbers = self.dense(x)
        return hidden * scale


@weightscope.keras_layer("package>Other")
class Other(Scaled):
    """Another of that name."""


@weightscope.keras_lambda("scaled")
def scaled(x: Numbers, factor: float = 2.0) -> Numbers:
    """Stand in for the code of a Lambda."""
    return x * factor


@weightscope.keras_layer
class Net(Functional):
    """A model with a class of its own."""

    ignored = ("loss",)


assert_type(Scaled({}, "scaled").units, int)
assert_type(Other, type[Other])
assert_type(scaled(kernel.array, factor=1.0), Numbers)
reveal_type(Activation("relu")(kernel.array))
reveal_type((Activation("relu").name, Activation(None).known))
assert isinstance(model, (Functional, Sequential))

# What goes wrong.

try:
    model["dens"]
except NoSuchLayer as error:
    assert_type(error.exit_code, int)
    as_key_error: KeyError = error
    as_value_error: ValueError = error
except (Unreadable, Unsafe, NotReplayable, Unsupported, NothingChecked, ReferenceFailed) as other:
    as_base: WeightscopeError = other
