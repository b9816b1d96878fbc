"""SavedModel folders and checkpoints, as tf_keras and Keras 3 write them now; whatever the bytes, one line."""

import shutil

import numpy as np
import pytest

import weightscope
from weightscope.errors import Unreadable, WeightscopeError
from weightscope.files.read import read

pytestmark = pytest.mark.keras
K = pytest.importorskip("tf_keras")
RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def model():
    x = K.Input((5, 3))
    inner, other = (K.Sequential([K.layers.Dense(4, input_shape=(3,)), K.layers.BatchNormalization()]) for _ in "ab")
    y = K.layers.Bidirectional(K.layers.LSTM(4, return_sequences=True))(x)
    y = K.layers.TimeDistributed(other)(K.layers.Dense(3, activation="tanh")(y))
    model = K.Model(x, [inner(K.layers.GlobalMaxPooling1D()(K.layers.Dense(3)(y))), y])
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 0.9, weight.shape))
    model.compile("adam", "mse")
    model.fit(RNG.normal(size=(2, 5, 3)), [np.zeros((2, 4)), np.zeros((2, 5, 4))], verbose=0)
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    model.save(path, save_format="tf")
    return path


@pytest.fixture
def x():
    return RNG.normal(size=(3, 5, 3)).astype("float32")


def agree(opened, model, x):
    assert opened.ledger.closes
    assert not opened.ledger.unclaimed
    assert opened.count_params() == model.count_params()
    for ours, theirs in zip(weightscope.predict(opened, x), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_folder_is_read_whole(model, folder, x):
    opened = weightscope.load(folder)
    assert opened.saved.format == "SavedModel folder"
    assert (opened.saved.keras_version, opened.saved.backend) == (K.__version__, "tensorflow")
    assert opened.ledger.optimizer
    agree(opened, model, x)


def test_it_is_verified_without_its_graph(folder, x):
    result = weightscope.verify(weightscope.load(folder), x)
    assert result
    assert result.reference.startswith("tf_keras")


def test_a_checkpoint_with_its_architecture(model, x, tmp_path):
    model.save_weights(tmp_path / "weights", save_format="tf")
    (tmp_path / "model.json").write_text(model.to_json())
    loose = weightscope.load(tmp_path / "weights.index")
    assert {layer.class_name for layer in loose.layers} == {"?"}
    assert loose.ledger.closes
    opened = weightscope.load(tmp_path / "weights.index", architecture=tmp_path / "model.json")
    agree(opened, model, x)
    assert weightscope.verify(opened, x, against="tf_keras")


def test_what_keras_3_exports_is_shown(tmp_path):
    keras = pytest.importorskip("keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]).export(tmp_path / "model", verbose=False)
    opened = weightscope.load(tmp_path / "model")
    assert opened.class_name == "weights only"
    assert opened.ledger.closes
    assert not opened.ledger.unclaimed


@pytest.mark.parametrize("name", ["variables/variables.index", "variables/variables.data-00000-of-00001",
                                  "keras_metadata.pb"])
def test_damage_is_one_line(folder, tmp_path, name):
    rng = np.random.default_rng(1)
    shutil.copytree(folder, tmp_path / "model")
    whole = (folder / name).read_bytes()
    for number in range(150):
        data = bytearray(whole)
        if number % 3:
            for _ in range(rng.integers(1, 6)):
                data[rng.integers(len(data))] = rng.integers(256)
        else:
            del data[rng.integers(len(data)):]
        (tmp_path / "model" / name).write_bytes(data)
        try:
            with weightscope.load(tmp_path / "model").saved as saved:
                for array in saved.arrays.values():
                    array.read()
        except WeightscopeError as error:
            assert "\n" not in str(error)


def test_a_missing_shard_is_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(Unreadable, match="data-00000-of-00001 is missing"):
        read(tmp_path / "model")
