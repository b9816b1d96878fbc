"""Files that are odd, and harmless: each is shown, and computed where Keras computes it."""

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import weightscope
from weightscope.cli import main
from weightscope.errors import NotReplayable, WeightscopeError

pytestmark = pytest.mark.keras
X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
tf_keras = pytest.importorskip("tf_keras")


def inspected(path):
    return CliRunner().invoke(main, ["inspect", str(path)])


@pytest.mark.parametrize("metrics", [None, ["mae"], [tf_keras.metrics.Precision()]], ids=["none", "mae", "precision"])
def test_weights_of_tf_keras_with_what_training_left(tmp_path, metrics):
    model = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(4), tf_keras.layers.BatchNormalization()])
    model.compile("adam", "mse", metrics=metrics)
    model.fit(X, np.ones((4, 4)), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    done = inspected(tmp_path / "m.weights.h5")
    assert done.exit_code == 0 and "unclaimed 0" in done.stdout
    assert sorted(layer.inferred.split(",")[0] for layer in weightscope.load(tmp_path / "m.weights.h5").layers) == [
        "BatchNormalization", "Dense"]


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("function", [keras.ops.relu, keras.activations.gelu])
def test_a_lambda_that_names_an_activation_is_that(tmp_path, function, ending):
    entry = keras.Input((3,))
    model = keras.Model(entry, keras.layers.Lambda(function, output_shape=(3,), name="named")(entry))
    model.save(tmp_path / f"m.{ending}")
    opened = weightscope.load(tmp_path / f"m.{ending}")
    np.testing.assert_allclose(weightscope.predict(opened, X), model.predict(X, verbose=0), rtol=1e-6)
    assert "never run" not in opened["named"].written_formula()


def test_a_lambda_that_names_another_function_holds_no_code(tmp_path):
    entry = keras.Input((3,))
    keras.Model(entry, keras.layers.Lambda(keras.ops.square, name="named")(entry)).save(tmp_path / "m.keras")
    refusal = weightscope.load(tmp_path / "m.keras")["named"].refusal()
    assert "names the function 'square'" in refusal and "Python code" not in refusal


def unbuilt():
    return keras.Sequential([keras.layers.Dense(2), keras.Sequential([keras.layers.Dense(3)], name="inner")])


@pytest.mark.parametrize(("build", "said"), [
    (lambda: keras.Sequential([]), "it has no layers"), (lambda: keras.Sequential([keras.Input((3,))]), "no layers"),
    (lambda: keras.Sequential([keras.Sequential([], name="inner")]), "'inner' .* no layers"),
    (unbuilt, "'kernel' is not in the file")], ids=["nothing", "an input", "nothing inside", "unbuilt"])
def test_models_that_keras_never_built_are_shown(tmp_path, build, said):
    build().save(tmp_path / "m.keras")
    done = inspected(tmp_path / "m.keras")
    assert done.exit_code == 0, done.stderr
    with pytest.raises(NotReplayable, match=said):
        weightscope.predict(weightscope.load(tmp_path / "m.keras"), X)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_models_deep_inside_each_other(tmp_path, ending):
    model = keras.layers.Dense(3)
    for depth in range(20):
        entry = keras.Input((3,))
        model = keras.Model(entry, model(entry), name=f"level_{depth}")
    model.save(tmp_path / f"m.{ending}")
    np.save(tmp_path / "x.npy", X)
    np.testing.assert_allclose(weightscope.predict(weightscope.load(tmp_path / f"m.{ending}"), X),
                               model.predict(X, verbose=0), rtol=1e-5)
    assert CliRunner().invoke(main, ["predict", str(tmp_path / f"m.{ending}"), "--input",
                                     str(tmp_path / "x.npy")]).exit_code == 0


def test_two_layers_of_one_name_are_none_that_keras_writes():
    from weightscope.opening.load import build

    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}}
    with pytest.raises(WeightscopeError, match="two of its layers are named 'd'"):
        build({"class_name": "Functional", "config": {"name": "m", "layers": [dense, dense], "input_layers": [],
                                                      "output_layers": []}})
