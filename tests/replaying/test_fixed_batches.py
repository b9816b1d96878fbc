"""Models whose file says how many samples a batch has: what takes no other size, and what does not mind."""

import keras
import numpy as np
import pytest
from edited_models import edited
from running import run

import weightscope
from weightscope.errors import Unreadable
from weightscope.replaying.inputs import for_model
from weightscope.replaying.samples import batch_size_for, contradiction, made_up_samples, samples_of

X = np.random.default_rng(0).normal(size=(6, 3, 2)).astype("float32")


def stateful(**settings):
    return keras.layers.LSTM(4, stateful=True, name="memory", **settings)


def inside():
    inner = keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), stateful()], name="inner")
    x = keras.Input((3, 2))
    return keras.Model(x, keras.layers.Dense(1)(inner(x)))


def two_inputs():
    a, b = keras.Input(batch_shape=(2, 3, 2), name="a"), keras.Input(batch_shape=(4, 3, 2), name="b")
    return keras.Model([a, b], [stateful()(a), keras.layers.Flatten()(b)])


MODELS = {
    "stateful": lambda: keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), stateful(return_sequences=True),
                                          keras.layers.GRU(2, stateful=True), keras.layers.Dense(1)]),
    "inside": inside,
    "two": two_inputs,
    "stateless": lambda: keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), keras.layers.Dense(1)]),
    "any": lambda: keras.Sequential([keras.Input((3, 2)), keras.layers.Dense(1)]),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """{name: path} of the models."""
    folder = tmp_path_factory.mktemp("models")
    found = {name: str(folder / f"{name}.keras") for name in MODELS}
    for name, path in found.items():
        MODELS[name]().save(path)
    return found


@pytest.fixture
def models(paths):
    """{name: Model}, opened."""
    return {name: weightscope.load(path) for name, path in paths.items()}


@pytest.mark.parametrize("name", ["stateful", "inside"])
def test_predict_and_replay_run_batches_as_keras_is_told_to(name, models, paths):
    theirs = keras.saving.load_model(paths[name]).predict(X, batch_size=2, verbose=0)
    np.testing.assert_allclose(weightscope.predict(models[name], X), theirs, rtol=1e-5, atol=1e-6)
    trace = weightscope.replay(models[name], X)
    np.testing.assert_allclose(trace.output, theirs, rtol=1e-5, atol=1e-6)
    assert {len(outputs) for outputs in trace.values()} == {6}


@pytest.mark.keras
@pytest.mark.parametrize("name", ["stateful", "inside"])
def test_verify_does_so_by_itself(name, models):
    result = weightscope.verify(models[name], X)
    assert result and result.samples == 6, result


@pytest.mark.parametrize("name", ["stateful", "inside"])
@pytest.mark.parametrize("call", [weightscope.predict, weightscope.replay], ids=["predict", "replay"])
def test_samples_that_do_not_divide(name, call, models):
    with pytest.raises(Unreadable, match=r"takes batches of 2 .* 5 samples do not divide .*--batch-size"):
        call(models[name], X[:5])


def test_another_size_contradicts(models):
    with pytest.raises(Unreadable, match=r"--batch-size 3 contradicts"):
        weightscope.predict(models["stateful"], X, 3)
    with pytest.raises(Unreadable, match=r"'a' takes 2, 'b' takes 4.*--batch-size"):
        weightscope.predict(models["two"], [X[:4], X[:4]])


def test_the_command_says_so_in_one_line(paths, tmp_path):
    np.save(tmp_path / "x.npy", X[:5])
    for options in ([], ["--batch-size", "5"]):
        done = run("predict", paths["stateful"], "--input", "x.npy", *options, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "--batch-size" in done.stderr
    done = run("predict", paths["stateless"], "--input", "x.npy", "--batch-size", "5", cwd=tmp_path)
    assert done.returncode == 0 and "note: the file says batches of 2, --batch-size says 5" in done.stderr


def test_layers_without_states_mind_no_size(models):
    assert batch_size_for(models["stateless"], 6) == 2
    assert batch_size_for(models["stateless"], 5) == batch_size_for(models["any"], 6) == 32
    assert batch_size_for(models["stateless"], 6, 3) == 3
    assert contradiction(models["any"], 3) == contradiction(models["stateless"], 2) == ""
    assert weightscope.predict(models["stateless"], X[:5]).shape == (5, 3, 1)


def test_as_many_samples_are_made_up_as_fill_batches(models):
    assert [made_up_samples(models[name]) for name in ("stateful", "inside", "stateless", "any")] == [4, 4, 2, 4]
    assert made_up_samples(models["stateful"], 5) == 6
    assert for_model(models["stateful"], samples=3)[0].shape == (4, 3, 2)


@pytest.mark.keras
def test_a_record_knows_its_batches(models, tmp_path):
    found = weightscope.record(models["stateful"], X)
    np.savez(tmp_path / "record.npz", **found)
    assert '"batch_size": 2' in str(found["weightscope"])
    assert weightscope.verify(models["stateful"], against=tmp_path / "record.npz")


def test_a_size_below_nothing_makes_no_batch_of_it(tmp_path):
    """What a damaged file says may be negative: no number of values is made of that."""
    path = tmp_path / "m.keras"
    edited("sample_models/lstm_nested.keras", path, lambda config: _units(config, -3))
    model = weightscope.load(path)
    x = np.load("sample_models/lstm_nested_input.npy")
    assert samples_of(model, x).batch_size == 32
    assert model.values_of_sample([x.shape]) is None


def _units(value, size):
    """Change the units of all layers of a config."""
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        _units(inner, size)
    if isinstance(value, dict) and "units" in value:
        value["units"] = size
