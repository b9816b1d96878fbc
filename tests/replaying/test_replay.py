"""The walk of a batch: shared out among the cores or not, the trace and the prediction are the same."""

import keras
import numpy as np
import pytest
from fresh_readme import ROOT

import weightscope
from weightscope.errors import NotReplayable
from weightscope.replaying import cores
from weightscope.replaying.samples import shares_of

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 9, 8, 3)).astype("float32")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    x = keras.Input((9, 8, 3), name="x")
    shared = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="shared")
    inner = keras.Sequential([keras.Input((9, 8, 3)), keras.layers.BatchNormalization(name="inside")], name="inner")
    y = keras.layers.Add(name="sum")([shared(x), inner(shared(shared(x)))])
    model = keras.Model(x, [keras.layers.GlobalAveragePooling2D(name="mean")(y), keras.layers.Flatten(name="flat")(y)])
    path = tmp_path_factory.mktemp("images") / "images.keras"
    model.save(path)
    return weightscope.load(path)


@pytest.fixture
def heavy(monkeypatch):
    """Let every model count as heavy, on a machine of three cores."""
    monkeypatch.setattr(cores, "HEAVY", 0)
    monkeypatch.setattr(cores, "count", lambda: 3)


def same(ours, theirs):
    assert list(ours) == list(theirs)
    for path, outputs in ours.items():
        for a, b in zip(np.atleast_1d(outputs), np.atleast_1d(theirs[path]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_shared_batch_gives_the_same_trace(images, heavy, monkeypatch):
    shared = weightscope.replay(images, X)
    assert len(shares_of(images, X)) == 3
    monkeypatch.setattr(cores, "HEAVY", 10**12)
    assert len(shares_of(images, X)) == 1
    whole = weightscope.replay(images, X)
    same(shared, whole)
    assert [output.shape for output in shared.output] == [(7, 3), (7, 216)]
    for a, b in zip(shared.output, whole.output, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_given_values_are_shared_with_their_samples(images, heavy):
    given = weightscope.replay(images, X)
    given["shared"] = given["shared"] + 1
    isolated = weightscope.replay(images, X, given)
    expected = given["shared"] + given["inner"]
    np.testing.assert_allclose(isolated["sum"], expected, rtol=1e-5, atol=1e-5)


def test_predict_in_batches_is_replay(images, heavy):
    predicted = weightscope.predict(images, X, batch_size=4)
    for a, b in zip(predicted, weightscope.replay(images, X).output, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_model_that_may_mix_samples_is_never_cut(tmp_path, heavy):
    x = keras.Input((3,))
    keras.Model(x, x - keras.ops.mean(x, axis=0, keepdims=True)).save(tmp_path / "mixing.keras")
    model = weightscope.load(tmp_path / "mixing.keras")
    batch = RNG.normal(size=(6, 3)).astype("float32")
    assert shares_of(model, batch) == [slice(0, 6)]
    np.testing.assert_allclose(weightscope.predict(model, batch), batch - batch.mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [{"axis": 0}, {"axis": [-2, -1]}])
def test_axes_that_may_be_the_batch_keep_it_whole(tmp_path, heavy, settings):
    keras.Sequential([keras.Input((3,)), keras.layers.UnitNormalization(**settings)]).save(tmp_path / "m.keras")
    assert shares_of(weightscope.load(tmp_path / "m.keras"), np.ones((6, 3))) == [slice(0, 6)]


def test_constants_for_each_sample_keep_a_batch_whole(tmp_path, heavy):
    x, added = keras.Input((3,), batch_size=6), np.arange(18, dtype="float32").reshape(6, 3)
    keras.Model(x, keras.layers.Dense(3)(x) + added).save(tmp_path / "m.keras")
    model = weightscope.load(tmp_path / "m.keras")
    assert shares_of(model, np.ones((6, 3))) == [slice(0, 6)]
    theirs = keras.saving.load_model(tmp_path / "m.keras").predict(added, batch_size=6, verbose=0)
    np.testing.assert_allclose(weightscope.predict(model, added, batch_size=6), theirs, rtol=1e-5, atol=1e-5)


def test_what_is_missing_is_missing_once(tmp_path, heavy):
    x = keras.Input((4,))
    y = keras.layers.Dense(2, name="fine")(x)
    keras.Model(x, keras.layers.Lambda(lambda t: t, output_shape=(2,), name="code")(y)).save(tmp_path / "m.keras")
    trace = weightscope.replay(weightscope.load(tmp_path / "m.keras"), np.ones((6, 4)))
    assert trace["fine"].shape == (6, 2)
    assert list(trace.missing) == ["code"]
    with pytest.raises(NotReplayable, match="Python code"):
        _ = trace.output


def test_shares_cover_every_sample_once():
    for samples in range(1, 40):
        for values in (0, 10**9):
            parts = cores.shares(samples, values)
            assert [i for part in parts for i in range(part.start, part.stop)] == list(range(samples))
            assert all(part.stop - part.start <= cores.TOGETHER for part in parts) or len(parts) == 1


def test_plain_lists_are_an_array():
    model = weightscope.load(ROOT / "sample_models" / "xor_relu.h5")
    assert np.round(weightscope.predict(model, [[0, 0], [0, 1], [1, 0], [1, 1]])).ravel().tolist() == [0, 1, 1, 0]
    assert weightscope.replay(model, [[0, 0]]).output.shape == (1, 1)


def test_an_optional_input_may_be_none(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b", optional=True)
    model = keras.Model({"a": a, "b": b}, keras.layers.Dense(2, name="y")(a))
    model.save(tmp_path / "optional.keras")
    opened, x = weightscope.load(tmp_path / "optional.keras"), RNG.normal(size=(5, 3)).astype("float32")
    theirs = model.predict({"a": x, "b": None}, verbose=0)
    np.testing.assert_allclose(weightscope.predict(opened, {"a": x, "b": None}, batch_size=2), theirs, rtol=1e-5)
    np.testing.assert_allclose(weightscope.replay(opened, {"a": x, "b": None}).output, theirs, rtol=1e-5)
