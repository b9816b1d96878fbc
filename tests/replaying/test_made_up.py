"""Inputs that are made up: of sizes that every layer takes, and of values that reach its weights."""

import keras
import numpy as np
import pytest

import weightscope
from weightscope.replaying import lengths
from weightscope.replaying.inputs import for_model
from weightscope.replaying.replay import replay

L = keras.layers


def long_ones():
    x = keras.Input((None, 1), name="signal")
    return keras.Model(x, L.Dense(1)(L.Cropping1D(5000)(L.Conv1D(2, 3, padding="same")(x))))


def u_net():
    x = image = keras.Input((None, None, 1), name="image")
    skips = []
    for _ in range(4):
        skips.append(x)
        x = L.MaxPooling2D(padding="same")(x)
    for skip in skips[::-1]:
        x = L.Concatenate()([L.UpSampling2D()(x), skip])
    return keras.Model(image, x)


def tall_one():
    x = keras.Input((None, None, 2), name="image")
    return keras.Model(x, L.GlobalAveragePooling2D()(L.Cropping2D(((300, 300), (1, 0)))(x)))


def of_positions():
    x = keras.Input((None, 3), name="steps")
    return keras.Model(x, x + np.arange(150, dtype="float32").reshape(1, 50, 3))


def half_as_long():
    a, b = keras.Input((None, 2), name="a"), keras.Input((None, 2), name="b")
    return keras.Model([a, b], L.Add()([L.AveragePooling1D(2)(a), b]))


def refusing():
    a, b = keras.Input((None, 2), name="a"), keras.Input((6, 2), name="b")
    x = L.Concatenate(axis=1)([L.Conv1D(2, 3)(a), b])
    return keras.Model([a, b], L.Reshape((3, 7))(L.Reshape((-1, 5))(x)))


def of_text():
    x = keras.Input((1,), dtype="string", name="text")
    cut = L.TextVectorization(vocabulary=["some", "words", "here"], output_sequence_length=6)
    return keras.Model(x, L.Embedding(5, 2, name="table")(cut(x)))


def one(entry, *layers):
    x = entry
    for layer in layers:
        x = layer(x)
    return keras.Model(entry, x)


def masked_attention():
    x, mask = keras.Input((5, 4), name="x"), keras.Input((5,), dtype="bool", name="mask")
    return keras.Model([x, mask], L.LSTM(2)(x, mask=mask))


def of_documents():
    x = keras.Input((None, 4), dtype="int32", name="documents")
    reader = keras.Sequential([keras.Input((4,), dtype="int32"), L.Embedding(9, 3, mask_zero=True), L.LSTM(2)])
    return keras.Model(x, L.TimeDistributed(reader)(x))


MODELS = {
    "long": long_ones, "u-net": u_net, "tall": tall_one, "positions": of_positions, "half": half_as_long,
    "refusing": refusing, "text": of_text, "mask": masked_attention, "documents": of_documents,
    "words": lambda: one(keras.Input((8,), dtype="string", name="words"), L.StringLookup(
        vocabulary=["a", "b", "c"], mask_token=""), L.Embedding(5, 2, name="table", mask_zero=True)),
    "numbers": lambda: one(keras.Input((8,), dtype="int32", name="x"), L.IntegerLookup(vocabulary=[100, 7, -3]),
                           L.Embedding(4, 2, name="table")),
    "bins": lambda: one(keras.Input((8,), name="x"), L.Discretization([-50.0, 0.0, 1.0, 1000.0]),
                        L.Embedding(5, 2, name="table")),
    "categories": lambda: one(keras.Input((8,), dtype="int32", name="x"), L.CategoryEncoding(11, "multi_hot")),
    "hashed": lambda: one(keras.Input((8,), dtype="string", name="x"), L.Hashing(6), L.Embedding(6, 2, name="table")),
    "cast": lambda: one(keras.Input((8,), name="x"), lambda x: keras.ops.cast(x, "int32")[:, :5],
                        L.Embedding(9, 2, name="table")),
    "image": lambda: one(keras.Input((6, 6, 3), name="x"), L.Resizing(4, 4), L.Rescaling(1 / 127.5, offset=-1)),
    "bytes": lambda: one(keras.Input((6, 6, 3), dtype="uint8", name="x"), L.Rescaling(1 / 255)),
    "normalized": lambda: one(keras.Input((6, 2), name="x"),
                              L.Normalization(mean=[1000.0, -3.0], variance=[4.0, 1e-4])),
    "large": lambda: one(keras.Input((8,), dtype="int32", name="x"), L.Embedding(5000, 1, name="table")),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{name: Model} of the models, saved by Keras and opened again."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name, build in MODELS.items():
        build().save(folder / f"{name}.keras")
        found[name] = weightscope.load(folder / f"{name}.keras")
    return found


SHAPES = {"long": [(4, 10_001, 1)], "u-net": [(4, 16, 16, 1)], "tall": [(4, 601, 8, 2)], "positions": [(4, 50, 3)]}


@pytest.mark.parametrize("name", SHAPES)
def test_the_smallest_sizes_that_every_layer_takes(name, models):
    x, description = for_model(models[name])
    assert [x.shape] == SHAPES[name] and "fit" not in description
    assert not replay(models[name], x[:1]).missing


def test_inputs_may_be_of_different_lengths(models):
    a, b = for_model(models["half"])[0]
    assert a.shape[1] // 2 == b.shape[1]
    assert not replay(models["half"], [a, b]).missing


def test_which_layer_refuses_is_said(models):
    (a, _), description = for_model(models["refusing"])
    assert a.shape[1] == lengths.SIZES[0]
    assert "no sizes that were tried fit: layer 'reshape" in description


def test_the_search_ends(models, monkeypatch):
    tries = []
    shapes = type(models["refusing"]).shapes
    monkeypatch.setattr(type(models["refusing"]), "shapes", lambda *args, **given: tries.append(1) or shapes(
        *args, **given))
    monkeypatch.setattr(lengths, "MOST_RULES", 0)
    for_model(models["refusing"])
    assert 0 < len(tries) <= lengths.LEAST_TRIES


@pytest.mark.parametrize("name", ["text", "words", "numbers", "bins", "hashed", "cast"])
def test_every_row_behind_a_lookup_is_reached(name, models):
    rows = []

    def noted(path, layer, given):
        rows.extend(np.unique(given[0][0]) if path == "table" else [])
        return layer.run(*given)

    trace = replay(models[name], for_model(models[name], samples=6)[0], call=noted)
    assert not trace.missing
    assert rows == list(range(models[name]["table"].input_dim))


def test_categories_are_all_there(models):
    x, _ = for_model(models["categories"])
    assert set(x.flat) == set(range(11))


def test_of_a_table_too_large_there_are_rows_of_all_parts(models):
    x = np.sort(for_model(models["large"])[0], axis=None)
    assert (x[0], x[-1], len(set(x))) == (0, 4999, x.size)
    assert np.diff(x).max() < 2 * 5000 / x.size + 1


def test_what_is_padded_is_padded_at_the_end(models):
    words, _ = for_model(models["words"])
    assert (words[1::2, -1] == "").all() and (words[::2] != "").all() and (words[:, 0] != "").all()
    _, mask = for_model(models["mask"])[0]
    assert mask.dtype == bool and mask[:, 0].all() and not mask[1::2, -1].any()
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()
    documents, _ = for_model(models["documents"])
    assert (documents[1::2, :, -1] == 0).all() and (documents[..., 0] > 0).all()
    assert replay(models["documents"], documents).output.shape == (4, 8, 2)


@pytest.mark.parametrize(("name", "low", "high"), [("image", -1, 1), ("bytes", 0, 1), ("normalized", -6, 6)])
def test_numbers_are_of_the_range_that_is_expected(name, low, high, models):
    x, _ = for_model(models[name])
    y = replay(models[name], x).output
    assert low <= y.min() < low + 5 * (high - low) / 12 and low + 7 * (high - low) / 12 < y.max() <= high


def test_what_one_sample_leaves_dark_the_next_one_shows(models):
    x, _ = for_model(models["long"])
    np.testing.assert_array_equal(np.sign(x[1::2]), -np.sign(x[::2]))
    assert not np.array_equal(x[1::2], -x[::2])


@pytest.mark.keras
@pytest.mark.parametrize("name", ["text", "words", "hashed", "u-net"])
def test_verify_takes_them(name, models):
    result = weightscope.verify(models[name], for_model(models[name])[0])
    assert result, result


def test_samples_are_chosen_that_leave_no_unit_dark(tmp_path):
    model = one(keras.Input((1,)), L.Dense(3, activation="relu", name="units"), L.Dense(1))
    kernel, bias = np.array([[1, 1, -1]], "float32"), np.array([0, -1.2, -1], "float32")
    model.layers[1].set_weights([kernel, bias])
    model.save(tmp_path / "model.keras")
    opened = weightscope.load(tmp_path / "model.keras")
    for seed in range(5):
        assert (replay(opened, for_model(opened, seed=seed)[0])["units"] > 0).any(axis=0).all()


def test_what_a_damaged_file_wants_is_let_go(models):
    for name, setting, wrong in (("bins", "bin_boundaries", [0.0, "x"]), ("bytes", "scale", [0.001] * 2),
                                 ("numbers", "vocabulary", [1 << 70]), ("large", "input_dim", -3)):
        model = weightscope.load(models[name].saved.path)
        layer = next(layer for layer in model.layers if hasattr(layer, setting))
        setattr(layer, setting, wrong)
        x, _ = for_model(model)
        assert len(x) == 4 and x.dtype == for_model(models[name])[0].dtype
