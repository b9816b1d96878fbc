"""Layers for numbers and categories against Keras, over grids of their settings."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from agreement import Case, agrees_with_keras, cases
from side_by_side import adapted, agree_side_by_side

from weightscope.errors import NotReplayable
from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import predict

pytestmark = pytest.mark.keras

FLOATS = np.random.default_rng(0).normal(size=(4, 3, 5)).astype("float32")
WHOLE = np.random.default_rng(1).integers(0, 9, (4, 3))
LARGE = np.random.default_rng(2).integers(-2**40, 2**40, (4, 3))
TEXT = np.array([["a", "bb", "a"], ["", "é", "long text " * 20]])
MODES = ("int", "one_hot", "multi_hot", "count")


@cases(
    Case("Normalization", (4, 5), {"mean": 2.0, "variance": 4.0}),
    Case("Normalization", (4, 5), {"mean": [1, 2, 3, 4, 5], "variance": [1.0, 4, 0, 2, 3], "invert": True}),
    Case("Rescaling", (4, 5), {"scale": 2.5, "offset": -1}),
    Case("Rescaling", (4, 3), {"scale": [1.0, 2, 3]}),
    Case("Discretization", (4, 5), {"bin_boundaries": [-0.5, 0.0, 1.0]}),
    Case("Discretization", (4, 5), {"bin_boundaries": [-0.5, 0.0, 1.0], "output_mode": "count"}),
    Case("CategoryEncoding", WHOLE, {"num_tokens": 9}),
    Case("CategoryEncoding", WHOLE, {"num_tokens": 9, "output_mode": "one_hot"}),
    Case("CategoryEncoding", WHOLE, {"num_tokens": 9, "dtype": "mixed_float16"}),
    Case("Hashing", LARGE, {"num_bins": 5}),
    Case("Hashing", WHOLE, {"num_bins": 5, "salt": 3, "mask_value": 0, "output_mode": "multi_hot"}),
    Case("HashedCrossing", [WHOLE[:, :1], LARGE[:, :1]], {"num_bins": 5}),
    Case("HashedCrossing", [WHOLE[:, 0], LARGE[:, 0]], {"num_bins": 5, "output_mode": "one_hot"}),
    Case(lambda: keras.layers.Pipeline([keras.layers.Dense(3), keras.layers.Rescaling(2.0)]), (4, 5)),
)
def test_every_class_in_every_format(case, tmp_path):
    agrees_with_keras(case, tmp_path)


def test_normalization(tmp_path):
    settings = [{}, {"axis": 1}, {"axis": (1, 2)}, {"axis": None}, {"axis": (-1, 1)}, {"axis": (-2,), "invert": True},
                {"dtype": "float64"}, {"dtype": "mixed_float16"}]
    layers = [adapted(keras.layers.Normalization(**each), FLOATS * 3 + 1) for each in settings]
    row = {"mean": [1, 2, 3, 4, 5], "variance": [1.0, 4, 0, 2, 3]}
    given = [row, {"axis": (1, 2), **row}, {"axis": 1, "mean": [1.0, 2, 3], "variance": [1, 2, 3], "invert": True}]
    agree_side_by_side(layers + [keras.layers.Normalization(**each) for each in given], FLOATS, tmp_path)


def test_normalization_rounds_every_step_to_bfloat16(tmp_path):
    x = keras.Input(FLOATS.shape[1:])
    kept = adapted(keras.layers.Normalization(dtype="bfloat16"), FLOATS * 3 + 1)
    turned = adapted(keras.layers.Normalization(dtype="bfloat16", invert=True), FLOATS * 3 + 1)
    given = keras.layers.Normalization(dtype="mixed_bfloat16", mean=1.23456, variance=3.3)
    model = keras.Model(x, [kept(x), turned(x), given(x)])
    model.save(tmp_path / "model.keras")
    ours = predict(load(tmp_path / "model.keras"), FLOATS)
    for y, theirs in zip(ours, model.predict(FLOATS, verbose=0), strict=True):
        np.testing.assert_array_equal(y, np.asarray(theirs).astype("float32"))


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_whole_numbers_become_the_layers_dtype(dtype, tmp_path):
    layers = [adapted(keras.layers.Normalization(), WHOLE), keras.layers.Rescaling(1 / 255),
              keras.layers.Rescaling(2.7, dtype="int32"), keras.layers.Discretization([-0.5, 0.0, 3, 130.0])]
    agree_side_by_side(layers, WHOLE.astype(dtype), tmp_path)


def test_rescaling(tmp_path):
    row = np.arange(5.0)
    settings = [{"scale": row.tolist(), "offset": row.tolist()}, {"scale": row}, {"scale": 1 / 255, "dtype": "float16"}]
    agree_side_by_side([keras.layers.Rescaling(**each) for each in settings], FLOATS * 10, tmp_path)


@pytest.mark.parametrize("x", [FLOATS[:, 0], FLOATS[:, 0, :1], FLOATS[:, 0, 0], FLOATS], ids=lambda x: str(x.shape))
def test_discretization(x, tmp_path):
    x = np.where(x < -1.5, np.nan, x)
    layers = [keras.layers.Discretization([-0.5, 0.0, 0.1, 1.3], output_mode=mode) for mode in MODES]
    layers += [keras.layers.Discretization([-0.5, 0.0, 0.1, 1.3], dtype="float64")]
    agree_side_by_side(layers + [adapted(keras.layers.Discretization(num_bins=4), FLOATS)], x, tmp_path)


@pytest.mark.parametrize("x", [WHOLE, WHOLE[:, :1], WHOLE[:, 0], WHOLE[..., None], (WHOLE + 0.7).astype("float32")],
                         ids=lambda x: f"{x.shape}{x.dtype}")
def test_category_encoding(x, tmp_path):
    layers = [keras.layers.CategoryEncoding(9, output_mode=mode) for mode in MODES[1:]]
    layers += [keras.layers.CategoryEncoding(9, output_mode=mode, dtype="mixed_float16") for mode in MODES[1:]]
    agree_side_by_side(layers, x, tmp_path)


def test_count_weights(tmp_path):
    encoding = keras.layers.CategoryEncoding(9, output_mode="count")
    agree_side_by_side([lambda x: encoding(x[0], count_weights=x[1])], [WHOLE, FLOATS[..., 0]], tmp_path)


HASHED = TEXT, TEXT[:, :1], TEXT[:, 0], LARGE, LARGE[:, 0], LARGE[:, :, None], FLOATS[..., 0] * 9


@pytest.mark.parametrize("x", HASHED, ids=lambda x: f"{x.shape}{x.dtype.kind}")
def test_hashing(x, tmp_path):
    mask = x.ravel()[0].item() if x.dtype.kind != "f" else None
    salts = [{}, {"salt": 133}, {"salt": [7, 2**40]}, {"mask_value": mask}, {"mask_value": mask, "salt": 4}]
    layers = [keras.layers.Hashing(7, output_mode=mode, **each) for mode in MODES for each in salts]
    agree_side_by_side([*layers, keras.layers.Hashing(1, mask_value=mask)], x, tmp_path)


@pytest.mark.parametrize("columns", [[TEXT[:, :1], WHOLE[:2, :1]], [TEXT[:, 0], TEXT[:, 1]]], ids=["mixed", "text"])
def test_hashed_crossing(columns, tmp_path):
    layers = [keras.layers.HashedCrossing(11, output_mode=mode) for mode in ("int", "one_hot")]
    agree_side_by_side(layers, columns, tmp_path)


def test_pipeline(tmp_path):
    x = np.random.default_rng(3).random((2, 4, 4, 5)).astype("float32")
    layers = [keras.layers.RandomFlip(), adapted(keras.layers.Normalization(), FLOATS), keras.layers.Dense(3),
              keras.layers.Dense(2), keras.layers.Equalization(), keras.layers.CenterCrop(2, 3)]
    agree_side_by_side([keras.layers.Pipeline(layers)], x, tmp_path)


def test_pipeline_hands_masks_on(tmp_path):
    pipeline = keras.layers.Pipeline([keras.layers.Masking(), keras.layers.Rescaling(2.0)])
    x = np.where(np.array([[1, 1, 0], [1, 0, 0]])[..., None], 1.5, 0).astype("float32")
    agree_side_by_side([lambda t: keras.layers.GlobalAveragePooling1D()(pipeline(t))], x, tmp_path)


def test_what_is_refused():
    never = layer_from({"class_name": "Discretization", "config": {"name": "d", "num_bins": 3}})
    with pytest.raises(NotReplayable, match="never adapted"):
        never(np.zeros((1, 2), "float32"))
    sparse = layer_from({"class_name": "Hashing", "config": {"name": "h", "num_bins": 3, "sparse": True}})
    with pytest.raises(NotReplayable, match="sparse"):
        sparse(np.zeros((1, 2), "int64"))


def test_by_hand():
    normalization = layer_from({"class_name": "Normalization", "config": {"name": "n", "mean": 3.0, "variance": 4.0}})
    np.testing.assert_array_equal(normalization(np.array([[1, 3, 7]])), [[-1, 0, 2]])
    encoding = {"name": "c", "num_tokens": 3, "output_mode": "count"}
    encoding = layer_from({"class_name": "CategoryEncoding", "config": encoding})
    np.testing.assert_array_equal(encoding(np.array([[0, 2, 2]])), [[1, 0, 2]])


def test_what_a_feature_space_puts_between_its_layers(tmp_path):
    kinds = keras.utils.FeatureSpace
    space = kinds({"a": kinds.float(), "b": kinds.integer_categorical(), "c": kinds.float_rescaled(0.5)}, "concat")
    data = {"a": FLOATS[:, 0, 0], "b": WHOLE[:, 0], "c": FLOATS[:, 0, 1]}
    space.adapt(tf.data.Dataset.from_tensor_slices(data))
    encoded = space.get_encoded_features()
    model = keras.Model(space.get_inputs(), [encoded, keras.layers.Dense(2)(encoded)])
    assert {"TFDConcat", "TFDIdentity"} <= {type(layer).__name__ for layer in model.layers}
    model.save(tmp_path / "model.keras")
    x = {name: column[:, None] for name, column in data.items()}
    for ours, theirs in zip(predict(load(tmp_path / "model.keras"), x), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        assert ours.dtype == theirs.dtype
    cast = layer_from({"class_name": "TFDCast", "config": {"name": "c", "dtype": "float32"}})
    assert cast(WHOLE).dtype == np.float32 and (cast(WHOLE) == WHOLE).all()  # of earlier versions of Keras 3
