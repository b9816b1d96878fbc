"""Operations as such: all of Keras' are replayed or excused; constants, nesting, masks; what cannot be is refused."""

import importlib.util
import inspect
import json
import pathlib
import pkgutil
import subprocess
import sys

import keras
import next_keras
import numpy as np
import pytest
from operations import Fixed, agree_with_keras, assert_same, model_of, op, ops

from weightscope.errors import NotReplayable, Unreadable
from weightscope.layers import families
from weightscope.layers.operations.table import Operation
from weightscope.model.constants import revived
from weightscope.model.layer import known_operations, layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

pytestmark = pytest.mark.keras
families.bring_all()

EXCUSED = {
    **dict.fromkeys(
        ("AssociativeScan", "Cond", "ForiLoop", "JVP", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"),
        "holds Python functions, which are never run",
    ),
    "Arange": "has no symbolic form: Keras asks a symbolic tensor for its value",
    "ElasticTransform": "draws random numbers",
    "Function": "abstract: the base of Functional",
    "SegmentReduction": "abstract: the base of the segment operations",
    "Eig": "eigenvectors are only determined up to their signs",
    "Eigh": "eigenvectors are only determined up to their signs",
}  # fmt: skip
ROW = np.array([4.0, -1.0, 2.5, 2.5, 0.0], "float32")
GAPS = np.array([[1.0, np.nan, 3.0, 2.0], [5.0, 4.0, np.nan, 7.0]], "float32")

# Keras 3.15.1 builds and saves these, and fails to predict with them; it runs them on arrays.
NOT_IN_MODELS = [
    op("corrcoef", (3, 5)),
    op("corrcoef", np.array([[1, 2, 4], [3, -1, 2]], "int32")),
    op("isin", ROW, Fixed(np.array([2.5, 4.0], "float32")), free=False),
    op("isin", ROW, Fixed(np.array([2.5, 4.0], "float32")), invert=True, free=False),
    op("kron", (3, 2), (2, 4), free=False),
    op(
        "conv_transpose", (2, 4, 5, 3), (3, 2, 6, 3), strides=2, padding="same", data_format="channels_last", free=False
    ),
    op("conv_transpose", (2, 4, 3), (3, 6, 3), strides=3, output_padding=1, data_format="channels_last", free=False),
    op("histogram", ROW, bins=4, free=False),
    op("nanquantile", GAPS, 0.3, axis=1),
    op("nanpercentile", GAPS, 30.0, axis=0, method="higher"),
    op("nanmedian", GAPS, axis=-1),
]


def keras_operations():
    """Return every class of operation in ``keras.src`` that is no layer."""
    for found in pkgutil.iter_modules(keras.src.ops.__path__, "keras.src.ops."):
        if not found.name.endswith("_test"):
            importlib.import_module(found.name)
    waiting, found = [keras.Operation], set()
    while waiting:
        new = [c for c in waiting.pop().__subclasses__() if c not in found and not issubclass(c, keras.Layer)]
        found.update(new)
        waiting += new
    return {c for c in found if c.__module__.startswith("keras.src.")}


def all_cases():
    """Return the Ops of all test modules of operations."""
    for path in sorted(pathlib.Path(__file__).parent.glob("test_operations_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for _, test in inspect.getmembers(module, inspect.isfunction):
            for mark in getattr(test, "pytestmark", []):
                yield from (case for group in mark.args[1] for case in group) if mark.name == "parametrize" else ()


def test_every_operation_is_replayed_or_excused():
    classes = keras_operations()
    assert len(classes) > 300
    assert set(EXCUSED) <= {c.__name__ for c in classes}
    known = known_operations()
    missing = {c.__name__ for c in classes if (c.__module__, c.__name__.lower()) not in known}
    assert missing <= set(EXCUSED), missing - set(EXCUSED)
    keras_names = {(c.__module__, c.__name__.lower()) for c in classes}
    known -= next_keras.OPERATIONS
    assert known <= keras_names, f"Keras has no such operations: {known - keras_names}"


def test_every_operation_has_a_case():
    cases = [*all_cases(), *NOT_IN_MODELS]
    tested = {type(operation).__name__ for operation in model_of(cases)[0].operations}
    missing = {c.__name__ for c in keras_operations()} - tested - set(EXCUSED)
    assert not missing, missing


def test_what_predict_cannot_run(tmp_path):
    agree_with_keras(NOT_IN_MODELS, tmp_path, in_model=False)


def test_parameters_are_those_of_keras():
    for keras_class in keras_operations():
        key = keras_class.__module__, keras_class.__name__.lower()
        if key not in known_operations():
            continue
        layer = layer_from({"module": key[0], "class_name": keras_class.__name__, "config": {"name": "x"}})
        assert isinstance(layer, Operation)
        settings = set(inspect.signature(keras_class.__init__).parameters) - {"self", "name", "args", "kwargs"}
        assert settings <= set(layer.parameters), (keras_class, settings - set(layer.parameters))
        assert layer.written_formula()


def calls():
    x = keras.Input((3, 4), name="x")
    row = np.array([1.0, 2.0, 3.0, 4.0], "float32")
    y = x * 2 + 1 - row
    y = 1 / (keras.ops.convert_to_tensor(row) + y**2)
    y = keras.ops.add(x1=y, x2=x)
    y = y[:, ::-1, 1:3]
    low, high = keras.ops.split(y, 2, axis=-1)
    mean, spread = keras.ops.moments(y, axes=[1])
    both = keras.ops.concatenate([low, high, keras.ops.stack([y, y], axis=1)[:, 0]], axis=-1)
    chosen = keras.ops.where(keras.ops.logical_and(x > 0, -x <= 0.5), x, 0)
    return keras.Model(x, {"both": both, "rest": [mean, (spread, chosen)]})


def test_a_graph_of_operators_constants_and_structures(tmp_path):
    model, x = calls(), np.random.default_rng(0).normal(size=(5, 3, 4)).astype("float32")
    model.save(tmp_path / "model.keras")
    opened = load(tmp_path / "model.keras")
    assert_same(replay(opened, x).output, model.predict(x, verbose=0))
    assert None not in opened.shapes().values()


def test_masks_end_at_operations(tmp_path):
    x = keras.Input((4, 3))
    masked = keras.layers.Masking()(x)
    pool = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(
        x,
        [
            pool(masked),
            pool(masked * 1.0),
            pool(keras.ops.convert_to_tensor(masked)),
            pool(keras.ops.cast(masked, "float32")),
        ],
    )
    values = np.ones((2, 4, 3), "float32")
    values[:, 2:] = 0
    model.save(tmp_path / "model.keras")
    theirs = model.predict(values, verbose=0)
    assert not np.allclose(theirs[0], theirs[1])
    assert_same(replay(load(tmp_path / "model.keras"), values).output, theirs)


def test_constants_are_made_from_their_words():
    words = keras.saving.serialize_keras_object(
        {"a": [np.array([1.5], "float64"), slice(1, None, 2), ...], "b": b"x", "c": (None, keras.ops.ones((2,)))}
    )
    made = revived(json.loads(json.dumps(words)))
    assert made["a"][0].dtype == "float64" and made["a"][1:] == [slice(1, None, 2), ...]
    assert made["b"] == b"x" and made["c"][0] is None and made["c"][1].tolist() == [1, 1]
    assert isinstance(revived({"class_name": "__lambda__", "config": {"value": "4wEAAA"}}), NotReplayable)
    for wrong in (
        {"value": [[1], [1, 2]], "dtype": "float32"},
        {"value": [1], "dtype": "nothing"},
        {},
        None,
        {"value": 1},
    ):
        with pytest.raises(Unreadable, match="is no __numpy__"):
            revived({"class_name": "__numpy__", "config": wrong})


def operation(class_name, module="numpy", **settings):
    return layer_from(
        {"module": f"keras.src.ops.{module}", "class_name": class_name, "config": {"name": "x", **settings}}
    )


def test_what_cannot_be_is_refused():
    x = np.ones((2, 3), "float32")
    with pytest.raises(NotReplayable, match="not known to weightscope"):
        operation("NoSuchOperation")(x)
    with pytest.raises(NotReplayable, match="setting 'speed' is unknown"):
        operation("Sum", speed=3)(x)
    with pytest.raises(NotReplayable, match="do not fit"):
        operation("Reshape", newshape=[5])(x)
    with pytest.raises(NotReplayable, match="do not fit"):
        operation("Sum")(x, x, x, x)
    with pytest.raises(NotReplayable, match="its output would have"):
        operation("Tile", repeats=[10**6, 10**6])(x)
    with pytest.raises(NotReplayable, match="its output would have"):
        operation("OneHot", "nn", num_classes=10**12)(x)
    with pytest.raises(NotReplayable, match="float8"):
        operation("Cast", "core", dtype="float8_e4m3fn")(x)
    with pytest.raises(NotReplayable, match="up to their signs"):
        operation("Eigh", "linalg")(np.eye(2))


def test_the_name_alone_makes_no_operation():
    layer = layer_from({"module": "keras.layers", "class_name": "Add", "config": {"name": "add"}})
    assert not isinstance(layer, Operation)
    assert not isinstance(layer_from({"class_name": "Multiply", "config": {"name": "m"}}), Operation)


def test_written_formula_says_the_settings():
    assert operation("Sum", axis=[1], keepdims=False).written_formula() == "y = Σ x along axis ; axis=[1]"


@ops(op("sum", (2, 3), axis=1), op("matmul", (2, 3), (3, 4)))
def test_by_hand(cases, tmp_path):
    (total, _), (product, _) = agree_with_keras(cases, tmp_path)
    x, y = cases[1].inputs()
    assert total[0] == pytest.approx(x[0, 0] + x[0, 1] + x[0, 2])
    assert product[1, 2] == pytest.approx(sum(x[1, j] * y[j, 2] for j in range(3)), rel=1e-5)


def test_no_keras_is_imported():
    code = (
        "import sys, weightscope.layers.operations; print(sorted({'keras', 'tensorflow', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_h5_does_not_say_which_are_operations(tmp_path):
    """It names no modules, and operations have the names of layers; only layers say whether they train."""
    one, two = keras.Input((3, 4)), keras.Input((3, 4))
    ops = keras.ops
    outputs = [ops.relu(one + 1), ops.maximum(one, two), ops.concatenate([one, two], -1), ops.softmax(one), one * two,
               one - two, ops.average(one, axis=1), ops.reshape(one, (-1, 12)), ops.cast(one > 0, "int32"),
               keras.layers.Add()([one, two]) + 1, keras.layers.LSTM(2)(keras.layers.Masking()(one)),
               keras.layers.Maximum()([one, ops.absolute(two)])]
    model = keras.Model([one, two], outputs)
    model.save(tmp_path / "model.h5")
    x = [np.random.default_rng(seed).normal(size=(2, 3, 4)).astype("float32") for seed in (0, 1)]
    opened = load(tmp_path / "model.h5")
    for ours, theirs in zip(replay(opened, x).output, model.predict(x, verbose=0), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert opened["relu"].is_operation and opened["relu"].module == "keras.src.ops.nn"
    assert len(model.layers) == sum(not layer.is_operation for layer in opened.layers) + sum(
        isinstance(layer, keras.src.ops.operation.Operation) and not isinstance(layer, keras.layers.Layer)
        for layer in model.layers)
