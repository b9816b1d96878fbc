"""Dtype policies against Keras: every class with weights, in the short floats and in float64."""

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras, cases

import weightscope
from weightscope.errors import NotReplayable
from weightscope.kernels.short_floats import to_bfloat16
from weightscope.layers import catalogue
from weightscope.model.layer import layer_from
from weightscope.model.model import Model
from weightscope.verdict.verify import verify

tensorflow = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.keras
MIXED, PURE = ("mixed_float16", "mixed_bfloat16"), ("float16", "bfloat16", "float64")
MODULES = sorted(path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))
RNN = {name: Case(name, (3, 5, 4), {"units": 3, "return_sequences": True}) for name in ("SimpleRNN", "GRU", "LSTM")}


def first_cases():
    """Return ``{class name: Case}``: the first Case in the neighbouring files for each class that has weights."""
    found = dict(RNN)
    for path in MODULES:
        spec = spec_from_file_location(f"policies_{path.stem}", path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = [test for name, test in vars(module).items() if name.startswith("test_")]
        marks = [mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for case in (case for mark in marks for case in mark.args[1] if isinstance(case, Case)):
            if case.layer and not {"dtype", "data_format"} & case.settings.keys():
                for name in classes_of(case):
                    found.setdefault(name, case)
    return {name: case for name, case in found.items() if name in WEIGHT_BEARING}


def classes_of(case):
    """Return the names of the classes that a Case runs: the layer's own, and those of the layers inside it."""
    if isinstance(case.layer, str):
        return [getattr(keras.layers, case.layer).__name__]
    return [type(layer).__name__ for layer in case.layer()._flatten_layers()]


WEIGHT_BEARING = {entry.name for entry in catalogue.entries()
                  if hasattr(keras.layers, entry.name)  # those of Keras 2 alone: see test_keras2.py
                  and entry.layer_class and not issubclass(entry.layer_class, Model) and entry.weights()
                  and entry.family != "applications"}  # see test_applications.py
CASES = first_cases()


def test_every_class_with_weights_has_a_case():
    assert CASES.keys() >= WEIGHT_BEARING, WEIGHT_BEARING - CASES.keys()


@pytest.fixture
def under():
    """A function that sets Keras' own policy until the test is over, so that it reaches layers inside layers."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@cases(*(replace(CASES[name], policy=policy) for policy in MIXED for name in sorted(CASES)
         if (name, policy) != ("STFTSpectrogram", "mixed_bfloat16")))  # TensorFlow has no transform of bfloat16
def test_every_class_with_weights_in_mixed_precision(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@cases(*(replace(CASES[name], policy=policy) for policy in PURE
         for name in ("BatchNormalization", "Conv2D", "Dense", "Embedding", "LSTM", "MultiHeadAttention")
         if (name, policy) != ("LSTM", "bfloat16")))  # TensorFlow makes no orthogonal matrix of bfloat16
def test_weights_in_the_compute_dtype(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("policy", MIXED)
def test_verify_holds_a_mixed_model_with_a_float32_head(policy, under, tmp_path):
    under(policy)
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((9, 6)), keras.layers.Conv1D(16, 3, activation="relu"), keras.layers.BatchNormalization(),
        keras.layers.LSTM(12), keras.layers.Dense(20, activation="gelu"),
        keras.layers.Dense(3, activation="softmax", dtype="float32", name="head")])
    model.save(tmp_path / "mixed.keras")
    x = np.random.default_rng(0).normal(size=(7, 9, 6)).astype("float32")
    found = verify(weightscope.load(tmp_path / "mixed.keras"), x, batch_size=4)
    assert found, found
    altered = weightscope.load(tmp_path / "mixed.keras")
    head = altered.parts["head"].weights["kernel"].array
    head[0, 0] += np.float32(0.05)
    assert verify(altered, x).first.path == "head"  # alone it is held to float32, whatever comes before it


@pytest.mark.parametrize("policy", PURE)
def test_verify_holds_pure_policies(policy, under, tmp_path):
    under(policy)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)])
    model.save(tmp_path / "pure.keras")
    found = verify(weightscope.load(tmp_path / "pure.keras"), np.linspace(-1, 1, 30, dtype="float32").reshape(5, 6))
    assert found, found
    assert found.outputs[0].values == 10


def test_operations_round_to_bfloat16(tmp_path):
    x = keras.Input((5,))
    short, ops = keras.layers.Permute((1,), dtype="mixed_bfloat16")(x[:, :4]), keras.ops
    found = [short * 1.7 + 0.3, short / 3, ops.mean(short, axis=-1), ops.softmax(short), ops.max(short, keepdims=True),
             ops.cast(x, "bfloat16"), ops.cast(x, "bfloat16") * 1.7, ops.where(short > 0, short * 0.3, 0.0),
             ops.concatenate([short, short], axis=-1), ops.zeros_like(x, dtype="bfloat16"), ops.sum(short * 1.1),
             ops.cast(short, "float32") * 1.7, short + ops.cast(x[:, :4], "float16"), ops.argmax(short),
             short * x[:, 1:], keras.layers.ReLU(dtype="float32")(short) * 1.7, ops.relu(short) * 1.7,
             keras.layers.Dropout(0.5, dtype="mixed_bfloat16")(short) * 1.7]
    keras.Model(x, found).save(tmp_path / "model.keras")
    given = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    theirs = keras.saving.load_model(tmp_path / "model.keras")(given)
    opened = weightscope.load(tmp_path / "model.keras")
    for ours, their, tensor in zip(weightscope.predict(opened, given), theirs, found, strict=True):
        short = keras.backend.standardize_dtype(their.dtype) == "bfloat16"
        their = keras.ops.convert_to_numpy(keras.ops.cast(their, "float32") if short else their)
        assert (ours.shape, ours.dtype, ours.dtype.metadata) == (their.shape, their.dtype, None), tensor
        assert not short or np.array_equal(ours, to_bfloat16(ours)), tensor
        near = (2**-7 if short else 1e-5) * np.max(np.abs(their))
        np.testing.assert_allclose(ours, their, rtol=0, atol=near, err_msg=str(tensor))


def test_a_policy_that_is_not_known_is_refused():
    layer = layer_from({"class_name": "Dense", "config": {
        "name": "d", "units": 2, "dtype": {
            "class_name": "DTypePolicyMap", "config": {"policy_map": {"(d|e)+": "float16"}}}}})
    assert "DTypePolicyMap" in layer.refusal()


def test_the_nearest_bfloat16_by_hand():
    # 1 + 2⁻⁸ lies halfway between 1 and 1 + 2⁻⁷, and 1 + 3 · 2⁻⁸ between odd 1 + 2⁻⁷ and even 1 + 2⁻⁶.
    found = to_bfloat16(np.array([1 + 2**-8, 1 + 3 * 2**-8, -np.inf, np.nan], "float32"))
    np.testing.assert_array_equal(found, np.array([1, 1 + 2**-6, -np.inf, np.nan], "float32"))


MERGE = keras.layers.Add.__base__
NUMBERS = np.random.default_rng(0).integers(-5, 6, (3, 4, 6))
TOLD_APART = ("relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu", "softplus", "mish", "tanh", "exponential",
              "sigmoid", "silu", "linear")
LAYERS = [*map(keras.layers.Activation, TOLD_APART), *(getattr(keras.layers, name)() for name in (
    "ReLU", "LeakyReLU", "ELU", "UnitNormalization", "MaxPooling1D", "Attention", "Add", "Average", "Maximum",
    "Minimum", "Multiply", "Subtract")), keras.layers.AdaptiveAveragePooling1D(2), keras.layers.AdaptiveMaxPooling1D(2),
    keras.layers.Dot(2, normalize=True)]


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "uint8"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: f"{layer.name}_{layer.get_config().get('activation', '')}")
def test_whole_numbers_are_taken_as_keras_takes_them(layer, dtype):
    """Where Keras cannot run a layer on them, nor do we; else they come out in the same dtype."""
    x = NUMBERS.astype(dtype)
    x = [x, x[:, ::-1]] if isinstance(layer, (keras.layers.Attention, MERGE)) else x
    ours = layer_from(keras.saving.serialize_keras_object(layer))
    try:
        theirs = np.asarray(layer(keras.tree.map_structure(keras.ops.convert_to_tensor, x)))
    except (tensorflow.errors.InvalidArgumentError, TypeError, ValueError):
        with pytest.raises(NotReplayable):
            ours(x)
        return
    y = np.asarray(ours(x))
    assert y.dtype == theirs.dtype
    np.testing.assert_allclose(y, theirs, rtol=1e-5, atol=1e-6)


@cases(*(Case(*case) for dtype in ("int32", "uint8") for case in (
    ("LSTM", NUMBERS.astype(dtype), {"units": 2}), ("GRU", NUMBERS.astype(dtype), {"units": 2}),
    ("Dense", NUMBERS.astype(dtype), {"units": 2}),
    ("EinsumDense", NUMBERS.astype(dtype), {"equation": "abc,cd->abd", "output_shape": (None, 2)}))))
def test_whole_numbers_meet_weights(case, tmp_path):
    agrees_with_keras(case, tmp_path)
