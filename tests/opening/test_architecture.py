"""Weights in one file, the architecture in another; and what a file is read as when somebody knows better."""

import json

import h5py
import numpy as np
import pytest
from running import run

import weightscope
from weightscope.errors import Unreadable

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")
RNG = np.random.default_rng(2)


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def model(request):
    either = request.param
    inner = either.Sequential([either.Input((4,)), either.layers.Dense(3), either.layers.BatchNormalization()])
    model = either.Sequential([either.Input((4,)), either.layers.Dense(4, "relu"), inner, either.layers.Dense(2)])
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 0.9, weight.shape))
    return model


@pytest.fixture
def weights(model, tmp_path):
    path = tmp_path / ("w.weights.h5" if model.__module__.startswith("keras") else "w.h5")
    model.save_weights(path)
    return path


@pytest.mark.parametrize("ending", ["json", "keras", "h5"])
def test_both_together_are_the_model(model, weights, ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    path.write_text(model.to_json()) if ending == "json" else model.save(path)
    x = RNG.normal(size=(3, 4)).astype("float32")
    opened = weightscope.load(weights, architecture=path)
    assert opened.ledger.closes
    np.testing.assert_allclose(weightscope.predict(opened, x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    if ending == "json":
        assert weightscope.verify(opened, x, against="keras" if "tf_keras" not in model.__module__ else "tf_keras")


def test_weights_of_another_model_are_refused(weights, tmp_path):
    other = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(9), keras.layers.LayerNormalization()])
    (tmp_path / "other.json").write_text(other.to_json())
    with pytest.raises(Unreadable, match=r"its weights are not those of the architecture in .*other\.json"):
        weightscope.load(weights, architecture=tmp_path / "other.json")


@pytest.mark.parametrize(("text", "said"), [
    ("{}", "no model's"), ('{"config": 3}', "no model's"), ("{", "not valid JSON"), ("[]", "of no kind|JSON"),
    ('{"class_name": "Sequential", "config": {"layers": [{"class_name": 7}]}}', "class_name")])
def test_an_architecture_that_is_none(weights, text, said, tmp_path):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(Unreadable, match=said):
        weightscope.load(weights, architecture=tmp_path / "bad.json")


def test_the_command_takes_it(weights, model, tmp_path):
    (tmp_path / "model.json").write_text(model.to_json())
    done = run("inspect", weights, "--architecture", tmp_path / "model.json")
    assert done.returncode == 0
    assert "Dense  (None, 2)" in done.stdout
    done = run("inspect", weights, "--architecture", tmp_path / "no.json")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_version_and_backend_can_be_overruled(tmp_path):
    tf_keras.Sequential([tf_keras.Input((6, 6, 1)), tf_keras.layers.Conv2D(2, (2, 3)), tf_keras.layers.Flatten(),
                         tf_keras.layers.Dense(2, "hard_sigmoid")]).save(tmp_path / "model.h5")
    x = RNG.normal(size=(2, 6, 6, 1)).astype("float32")
    plain = weightscope.load(tmp_path / "model.h5")
    under_theano = weightscope.load(tmp_path / "model.h5", backend="theano")
    flipped = weightscope.load(tmp_path / "model.h5")
    kernel = flipped.layers[0].weights["kernel"]
    kernel.array[...] = kernel.array[::-1, ::-1].copy()
    np.testing.assert_array_equal(weightscope.predict(under_theano, x), weightscope.predict(flipped, x))
    assert plain.layers[-1].activation.name == "hard_sigmoid_keras2"
    as_keras_3 = weightscope.load(tmp_path / "model.h5", keras_version="3.0.0")
    assert json.dumps(as_keras_3.saved.config) == json.dumps(plain.saved.config)
    assert "hard_sigmoid_keras2" not in str(as_keras_3.layers[-1].config)


def keras0_file(path, layers, graph=False):
    """Write weights as ``save_weights`` of Keras 0.3 did; ``layers``: the arrays of each layer, none for some."""
    with h5py.File(path, "w") as file:
        if graph:
            layers = [[array for arrays in layers for array in arrays]]
        else:
            file.attrs["nb_layers"] = len(layers)
        for number, arrays in enumerate(layers):
            group = file.create_group("graph" if graph else f"layer_{number}")
            group.attrs["nb_params"] = len(arrays)
            for index, array in enumerate(arrays):
                group.create_dataset(f"param_{index}", data=array)


@pytest.mark.parametrize("graph", [False, True])
def test_weights_of_keras_0(tmp_path, graph):
    """They have numbers for names, and those of a Graph lie in one row."""
    K = tf_keras.layers
    model = tf_keras.Sequential([
        tf_keras.Input((6,)), K.Dense(5, "tanh"), K.Activation("relu"), K.BatchNormalization(), *(
            K.Dense(3, "tanh") for _ in range(11)), K.Dropout(0.5), K.Dense(2)])
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 0.9, weight.shape))
    keras0_file(tmp_path / "old.h5", [layer.get_weights() for layer in model.layers], graph)
    shown = weightscope.load(tmp_path / "old.h5")
    assert shown.count_params() == model.count_params() and not shown.ledger.unclaimed and shown.ledger.closes
    (tmp_path / "model.json").write_text(model.to_json())
    opened = weightscope.load(tmp_path / "old.h5", architecture=tmp_path / "model.json")
    assert not opened.ledger.problems and not opened.ledger.unclaimed
    x = RNG.normal(size=(3, 6)).astype("float32")
    np.testing.assert_allclose(weightscope.predict(opened, x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    keras0_file(tmp_path / "less.h5", [layer.get_weights() for layer in model.layers[:-1]], graph)
    with pytest.raises(Unreadable, match="not those of the architecture"):
        weightscope.load(tmp_path / "less.h5", architecture=tmp_path / "model.json")
