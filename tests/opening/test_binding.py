"""Whose the arrays of a legacy file are: as Keras loads them, and held against the names beside them."""

import json
import random

import numpy as np
import pytest
from frozen_models import Grown, hold
from running import run

import weightscope

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4)).astype("float32")


def shuffled(model):
    """Give every weight of a model values of its own."""
    model.set_weights([RNG.normal(size=weight.shape).astype("float32") for weight in model.get_weights()])
    return model


def chain(either, names, name="base", units=4):
    inputs = x = either.Input((4,))
    for inner in names:
        x = either.layers.Dense(units, name=inner)(x)
    return either.Model(inputs, x, name=name)


def row(either, names):
    return shuffled(either.Sequential([either.Input((4,)), *(either.layers.Dense(4, name=name) for name in names)]))


def headed(either, *bases):
    inputs = x = either.Input((4,))
    for base in bases:
        x = base(x)
    return either.Model(inputs, either.layers.Dense(1, name="head")(x))


@pytest.mark.parametrize("either", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("thawed", [["d3"], ["d1"], ["d2", "d3"]], ids="+".join)
def test_thawed_in_a_frozen_model(either, deep, thawed, tmp_path):
    base = chain(either, ["d1", "d2", "d3"])
    inputs = either.Input((4,))
    model = shuffled(headed(either, either.Model(inputs, base(inputs), name="mid") if deep else base))
    base.trainable = False
    for name in thawed:
        base.get_layer(name).trainable = True
    model.save(tmp_path / "model.h5")
    again = either.models.load_model(tmp_path / "model.h5", compile=False)
    opened = weightscope.load(tmp_path / "model.h5")
    np.testing.assert_allclose(weightscope.predict(opened, X), again.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    assert not opened.ledger.contested
    assert not [note for note in opened.notes if "names" in note]


# Seeds of which Keras loads some with arrays exchanged, and some not at all.
@pytest.mark.parametrize(("either", "seed"), [(tf_keras, seed) for seed in (5, 41, 56)]
                         + [(keras, seed) for seed in (3, 46)], ids=lambda value: getattr(value, "__name__", value))
def test_random_flags(either, seed, tmp_path):
    either.backend.clear_session()
    grown = Grown(either, random.Random(seed))
    for ending in ("h5", "keras", "weights.h5"):
        found = hold(either, grown, tmp_path / f"model.{ending}")
        assert ending == "h5" or found == "loaded"


@pytest.fixture(scope="module")
def swapped(tmp_path_factory):
    """Weights that were saved while d1 was frozen, and the architecture of the model with d1 thawed."""
    folder = tmp_path_factory.mktemp("swapped")
    trained = shuffled(headed(tf_keras, chain(tf_keras, ["d1", "d2"])))
    fresh = tf_keras.models.clone_model(trained)
    trained.get_layer("base").get_layer("d1").trainable = False
    trained.save_weights(folder / "w.h5")
    (folder / "fresh.json").write_text(fresh.to_json())
    fresh.load_weights(folder / "w.h5")
    np.save(folder / "x.npy", X)
    return folder, trained.predict(X, verbose=0), fresh.predict(X, verbose=0)


def test_order_and_names_disagree(swapped):
    folder, trained, loaded = swapped
    given = {"architecture": folder / "fresh.json"}
    opened = weightscope.load(folder / "w.h5", **given)
    assert np.abs(trained - loaded).max() > 0.1
    np.testing.assert_allclose(weightscope.predict(opened, X), loaded, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        weightscope.predict(weightscope.load(folder / "w.h5", bind="names", **given), X), trained, rtol=1e-5, atol=1e-5)
    [said] = opened.ledger.contested
    assert "in 'base' 4 arrays" in said
    assert "'d2/kernel:0' stands in the place of 'd1/kernel:0'" in said


@pytest.mark.parametrize("layout", ["terminal", "json", "markdown"])
def test_inspect_says_so(swapped, layout):
    folder, *_ = swapped
    done = run("inspect", folder / "w.h5", "--architecture", folder / "fresh.json", "--format", layout,
               env={"COLUMNS": "500"})
    assert done.returncode == 0
    told = " ".join(json.loads(done.stdout)["file"]["notes"]) if layout == "json" else done.stdout
    assert "bound by order, as Keras loads them" in told


def test_predict_says_so_beside_its_values(swapped):
    folder, *_ = swapped
    done = run("predict", folder / "w.h5", "--architecture", folder / "fresh.json", "--input", folder / "x.npy")
    assert done.returncode == 0
    assert "note: in 'base' 4 arrays" in done.stderr


def test_half_a_bidirectional_frozen(tmp_path):
    layers = tf_keras.layers
    model = shuffled(tf_keras.Sequential([
        tf_keras.Input((3, 4)), layers.Bidirectional(layers.GRU(2, name="gru"), name="both"), layers.Dense(1)]))
    model.get_layer("both").forward_layer.trainable = False
    model.save(tmp_path / "half.h5")
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    again = tf_keras.models.load_model(tmp_path / "half.h5", compile=False)
    for bind, wanted in ((None, again), ("order", again), ("names", model)):
        opened = weightscope.load(tmp_path / "half.h5", bind=bind)
        assert opened.ledger.contested
        np.testing.assert_allclose(weightscope.predict(opened, x), wanted.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("either", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_layers_in_another_order_than_the_architecture_s(either, tmp_path):
    saved, other = row(either, ["a", "b"]), row(either, ["b", "a"])
    # Keras 3 saves no weights alone as a legacy file; those of a whole model are the same.
    saved.save_weights(tmp_path / "w.h5") if either is tf_keras else saved.save(tmp_path / "w.h5")
    (tmp_path / "other.json").write_text(other.to_json())
    opened = weightscope.load(tmp_path / "w.h5", architecture=tmp_path / "other.json")
    other.load_weights(tmp_path / "w.h5")
    np.testing.assert_allclose(weightscope.predict(opened, X), other.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    assert len(opened.ledger.contested) == 1
    by_names = weightscope.load(tmp_path / "w.h5", architecture=tmp_path / "other.json", bind="names")
    np.testing.assert_array_equal(by_names["a"].weights["kernel"], saved.get_layer("a").kernel)


def test_names_that_overlap_by_their_numbers_tell_nothing(tmp_path):
    saved, other = row(tf_keras, ["dense_1", "dense_2"]), row(tf_keras, ["dense_2", "dense_3"])
    saved.save_weights(tmp_path / "w.h5")
    (tmp_path / "other.json").write_text(other.to_json())
    opened = weightscope.load(tmp_path / "w.h5", architecture=tmp_path / "other.json")
    np.testing.assert_allclose(weightscope.predict(opened, X), saved.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    assert not opened.ledger.contested


def test_shapes_that_fit_by_name_alone(tmp_path):
    def net(frozen):
        inputs = tf_keras.Input((4,))
        x = tf_keras.layers.Dense(6, name="d1", trainable=not frozen)(inputs)
        return headed(tf_keras, tf_keras.Model(inputs, tf_keras.layers.Dense(4, name="d2")(x), name="base"))

    trained = shuffled(net(True))
    trained.save_weights(tmp_path / "w.h5")
    (tmp_path / "fresh.json").write_text(net(False).to_json())
    opened = weightscope.load(tmp_path / "w.h5", architecture=tmp_path / "fresh.json")
    np.testing.assert_allclose(weightscope.predict(opened, X), trained.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    assert not opened.ledger.contested
    assert any("bound by names" in note for note in opened.notes)


def test_verify_agrees_with_what_keras_loads_and_says_so(swapped):
    folder, *_ = swapped
    done = run("verify", folder / "w.h5", "--architecture", folder / "fresh.json", "--input", folder / "x.npy",
               "--reference", "tf_keras", "--quick", env={"COLUMNS": "500"})
    assert done.returncode == 0, done.stdout
    assert "note: in 'base' 4 arrays do not stand where their names belong" in done.stdout


def test_the_referee_loads_as_the_file_s_own_keras(tmp_path):
    """Keras 3 takes each variable's own flag, so it exchanges arrays where only a wrapper was made frozen."""
    layers = tf_keras.layers
    base = tf_keras.Sequential([tf_keras.Input((3, 4)), layers.Dense(4, name="d2", trainable=False),
                                layers.TimeDistributed(layers.Dense(4, name="d1"), name="each", trainable=False),
                                layers.Dense(4, name="d3")], name="base")
    model = shuffled(tf_keras.Sequential([tf_keras.Input((3, 4)), base, layers.Dense(1)]))
    model.save(tmp_path / "model.h5")
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    wanted = model.predict(x, verbose=0)
    in_keras3 = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert np.abs(in_keras3.predict(x, verbose=0) - wanted).max() > 0.1
    opened = weightscope.load(tmp_path / "model.h5")
    np.testing.assert_allclose(weightscope.predict(opened, x), wanted, rtol=1e-5, atol=1e-5)
    found = weightscope.verify(opened, x, against="auto")
    assert found
    assert "tf_keras" in found.reference


def test_a_kernel_that_its_wrapper_has_first(tmp_path):
    layers = keras.layers
    inputs = keras.Input((4,))
    frozen = layers.SpectralNormalization(layers.Dense(4, name="in"), name="frozen")
    other = layers.SpectralNormalization(layers.Dense(4, name="in2"), name="other")
    model = shuffled(headed(keras, keras.Model(inputs, other(frozen(inputs)), name="base")))
    frozen.trainable = False
    model.save(tmp_path / "model.h5")
    opened = weightscope.load(tmp_path / "model.h5")
    assert not opened.ledger.notes
    for theirs in (frozen, other):
        ours = opened["base"][theirs.name]
        np.testing.assert_array_equal(ours.layer.weights["kernel"], theirs.layer.kernel)
        np.testing.assert_array_equal(ours.weights["vector_u"], theirs.vector_u)


def test_what_a_class_makes_for_itself_is_made_without_its_flag(tmp_path):
    """Keras 3 makes the cell of a frozen ConvLSTM1D unfrozen, and so loads it in another order than it saved."""
    inputs = x = keras.Input((2, 3, 2))
    for name in ("frozen", "other"):
        x = keras.layers.ConvLSTM1D(2, 2, padding="same", return_sequences=True, name=name)(x)
    base = keras.Model(inputs, x, name="base")
    model = shuffled(keras.Sequential([keras.Input((2, 3, 2)), base]))
    base.get_layer("frozen").trainable = False
    model.save(tmp_path / "model.h5")
    x = RNG.normal(size=(2, 2, 3, 2)).astype("float32")
    again = keras.models.load_model(tmp_path / "model.h5", compile=False)
    opened = weightscope.load(tmp_path / "model.h5")
    assert opened.ledger.contested
    np.testing.assert_allclose(weightscope.predict(opened, x), again.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    by_names = weightscope.load(tmp_path / "model.h5", bind="names")
    np.testing.assert_allclose(weightscope.predict(by_names, x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
