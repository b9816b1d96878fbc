"""Inputs for a model: files of every kind, good and bad, and random ones that suit it."""

import pickle

import keras
import numpy as np
import pytest

from weightscope.errors import Unreadable, Unsafe, Unsupported
from weightscope.opening.load import load
from weightscope.replaying import input_files
from weightscope.replaying.inputs import for_model, from_files
from weightscope.replaying.lengths import SIZES
from weightscope.replaying.replay import replay
from weightscope.replaying.uses import used_as


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{name: Model} of small models, saved by Keras and opened again."""
    folder = tmp_path_factory.mktemp("models")
    layers, found = keras.layers, {}
    for name, (entries, outputs) in _built(layers).items():
        keras.Model(entries, outputs).save(folder / f"{name}.keras")
        found[name] = load(str(folder / f"{name}.keras"))
    return found


def _built(layers):
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    words = layers.Input((6,), dtype="int32", name="words")
    table = layers.Embedding(7, 4, mask_zero=True, name="table")
    inner = keras.Sequential([layers.Input((6,)), layers.Reshape((3, 2)), layers.Embedding(5, 2)], name="inner")
    steps, image = layers.Input((9, 2), name="steps"), layers.Input((None, None, 3), name="image")
    pooled = image
    for index in range(4):
        pooled = layers.MaxPooling2D(name=f"pool_{index}")(layers.Conv2D(2, 3, name=f"conv_{index}")(pooled))
    flag, fixed = layers.Input((2,), dtype="bool", name="flag"), layers.Input(batch_shape=(5, 3), name="fixed")
    column, byte = layers.Input((1,), name="column"), layers.Input((4,), dtype="uint8", name="byte")
    masked = layers.LSTM(2)(layers.Masking(mask_value=-1.0, name="masking")(steps))
    return {
        "one": (a, layers.Dense(2)(a)),
        "two": ([a, b], layers.Concatenate()([a, b])),
        "words": (words, layers.LSTM(2)(table(words))),
        "nested": (words, inner(words)),
        "steps": (steps, masked),
        "image": (image, layers.GlobalAveragePooling2D()(pooled)),
        "flag": (flag, layers.Identity()(flag)),
        "fixed": (fixed, layers.Dense(1)(fixed)),
        "column": (column, layers.Dense(1)(column)),
        "byte": (byte, layers.Rescaling(1 / 255)(byte)),
        "text": (layers.Input((1,), dtype="string", name="text"),) * 2,
        "complex": (layers.Input((1,), dtype="complex64", name="wave"),) * 2,
    }


def saved(path, array):
    np.save(path, array)
    return str(path)


X = np.arange(12, dtype="float32").reshape(4, 3)
B = np.arange(8, dtype="float32").reshape(4, 2)


def test_an_npy_is_mapped_and_not_read(models, tmp_path):
    x, description = for_model(models["one"], [saved(tmp_path / "x.npy", X)])
    assert isinstance(x, np.memmap) and not x.flags.writeable
    np.testing.assert_array_equal(x, X)
    assert description.endswith("x.npy: a (4, 3) float32")


def test_an_npz_by_names_or_by_order(models, tmp_path):
    np.savez(tmp_path / "names.npz", b=B, a=X)
    np.savez_compressed(tmp_path / "order.npz", X, B)
    for name in ("names.npz", "order.npz"):
        (a, b), _ = for_model(models["two"], [str(tmp_path / name)])
        np.testing.assert_array_equal(a, X)
        np.testing.assert_array_equal(b, B)


def test_several_files_by_names_or_by_order(models, tmp_path):
    a, b = saved(tmp_path / "a.npy", X), saved(tmp_path / "b.npy", B)
    for specs in ([a, b], [f"b={b}", f"a={a}"]):
        found, _ = for_model(models["two"], specs)
        np.testing.assert_array_equal(found[0], X)
        np.testing.assert_array_equal(found[1], B)


def test_a_path_may_hold_an_equals_sign(models, tmp_path):
    (tmp_path / "lr=0.1").mkdir()
    path = saved(tmp_path / "lr=0.1" / "x.npy", X)
    for spec in (path, f"a={path}"):
        np.testing.assert_array_equal(for_model(models["one"], [spec])[0], X)


def test_one_sample_without_a_batch_axis(models, tmp_path):
    x, description = for_model(models["one"], [saved(tmp_path / "x.npy", X[0])])
    assert x.shape == (1, 3)
    assert "a has no batch axis and is taken as one sample" in description


def test_a_missing_last_axis_of_one_is_added_as_keras_does(models, tmp_path):
    path = saved(tmp_path / "x.npy", np.arange(5, dtype="float32"))
    x, _ = for_model(models["column"], [path])
    assert replay(models["column"], x).output.shape == (5, 1)


TABLES = {
    "commas": "0,1,2\n3,4,5\n", "a head": "\ufeffp,q,r\n0,1,2\n3,4,5", "semicolons": "0;1;2\r\n3;4;5\r\n",
    "blanks, and a head of numpy.savetxt": "# a b\n0 1  2\n\n3 4 5\n", "an end": "0,1,2,\n3,4,5,\n",
    "quotes": '"0","1","2"\n"3", "4", "5"',
}


@pytest.mark.parametrize("form", TABLES)
def test_a_table_in_a_csv(form, models, tmp_path):
    (tmp_path / "x.csv").write_text(TABLES[form], "utf-8")
    x, description = for_model(models["one"], [str(tmp_path / "x.csv")])
    assert x.dtype == np.int64 and x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert description.endswith("x.csv: a (2, 3) int64")


def test_a_row_of_a_table_is_a_sample(models, tmp_path):
    steps = np.arange(36.0).reshape(2, 9, 2) / 7
    np.savetxt(tmp_path / "x.csv", steps.reshape(2, -1), delimiter=",", fmt="%.17g")
    x, description = for_model(models["steps"], [str(tmp_path / "x.csv")])
    np.testing.assert_array_equal(x, steps)
    assert "steps: a row of the table is a sample" in description
    np.savetxt(tmp_path / "x.csv", steps.reshape(4, -1), delimiter=",")
    with pytest.raises(Unreadable, match=r"should have shape \(samples, 9, 2\), got \(4, 9\)"):
        for_model(models["steps"], [str(tmp_path / "x.csv")])


@pytest.mark.parametrize("specs", [["[[0, 1.5, 2]]", "[[3, 4]]"], ["b=[[3, 4]]", "a=[[0,1.5,2]]"], ["x.json"],
                                   ['{"b": [[3, 4]], "a": [[0, 1.5, 2]]}']])
def test_numbers_in_json(specs, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text('{"a": [[0, 1.5, 2]], "b": [[3, 4]]}')
    (a, b), description = for_model(models["two"], specs)
    assert (a.tolist(), b.tolist()) == ([[0, 1.5, 2]], [[3, 4]])
    assert description.startswith("x.json: a" if specs == ["x.json"] else "--input: a")
    words, _ = for_model(models["text"], ['[["a=b"], ["c"]]'])
    assert words.tolist() == [["a=b"], ["c"]]


@pytest.mark.parametrize(("spec", "content", "message"), [
    ("x.csv", "1,2,3\n4,five,6\n", "x.csv: line 2: 'five' is no number"),
    ("x.csv", "a,b,c\n1,2,3\n4,5\n", "x.csv: line 3 has 2 numbers, line 2 has 3"),
    ("x.csv", "a,b,c\n", "x.csv: holds no numbers"), ("x.csv", b"\xff\xfe1,2", "x.csv: cannot be read"),
    ("x.json", "[[1,2,3],", "x.json: is no JSON"), ("x.json", "[1, [2]]", "different lengths"),
    ("x.json", "7", r"should have shape \(samples, 3\), got \(\)"), ("[[1, 2, null]]", "", "numbers alone"),
    ("[[1, 2, 3", "", "--input: is no JSON"), ('[[1, 2, "3"]]', "", "--input: its lists should hold numbers alone"),
    ("[" * 100_000, "", "--input: is no JSON"), ("[[1, 2]]", "", r"--input: input 'a' should have shape"),
    ('{"a": {"b": [1]}}', "", "numbers alone"),
])
def test_text_that_is_no_input(spec, content, message, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content:
        (tmp_path / spec).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Unreadable, match=message) as raised:
        for_model(models["one"], [spec])
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 200


REFUSED = {
    "shape": ("one", {"x.npy": B}, ["x.npy"], r"input 'a' should have shape \(samples, 3\), got \(4, 2\)"),
    "rank": ("one", {"x.npy": X[None]}, ["x.npy"], r"should have shape \(samples, 3\), got \(1, 4, 3\)"),
    "number": ("two", {"x.npy": X}, ["x.npy"], r"takes 2 inputs \(a, b\), got 1"),
    "too many": ("one", {"x.npz": [X, X]}, ["x.npz"], r"takes 1 inputs \(a\), got 2"),
    "unknown name": ("two", {"x.npy": X, "y.npy": B}, ["a1=x.npy", "b=y.npy"], "no input 'a1'; did you mean a"),
    "twice": ("two", {"x.npy": X}, ["a=x.npy", "a=x.npy"], "input 'a' is given twice"),
    "mixed": ("two", {"x.npy": X, "y.npy": B}, ["a=x.npy", "y.npy"], "1 without a name, 1 by name"),
    "samples": ("two", {"x.npy": X, "y.npy": B[:3]}, ["x.npy", "y.npy"], "a has 4, b has 3"),
    "none": ("one", {"x.npy": X[:0]}, ["x.npy"], "no samples"),
    "complex": ("one", {"x.npy": X.astype("complex64")}, ["x.npy"], "takes float32, got complex64"),
    "text": ("one", {"x.npy": np.array([["a", "b", "c"]])}, ["x.npy"], "takes float32, got <U1"),
    "missing": ("one", {}, ["x.npy"], "no such file"),
    "named npz": ("two", {"x.npz": [X, B]}, ["a=x.npz", "b=x.npz"], "holds 2 arrays where one input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_one_clear_line(name, models, tmp_path, monkeypatch):
    model, files, specs, message = REFUSED[name]
    monkeypatch.chdir(tmp_path)
    for path, content in files.items():
        np.savez(path, *content) if path.endswith("z") else np.save(path, content)
    with pytest.raises(Unreadable, match=message) as raised:
        for_model(models[model], specs)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_broken_files(models, tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, X)
    np.savez(tmp_path / "good.npz", X)
    content, zipped = good.read_bytes(), (tmp_path / "good.npz").read_bytes()
    broken = [b"", b"1,2\n3,4\n", content[:9], content[:60], content[:-4], content[:6] + b"\x09\x00" + content[8:],
              content.replace(b"'shape'", b"'shapf'"), content.replace(b"(4, 3)", b"(4,-3)"),
              zipped[:40], zipped[:-30], zipped[:60] + b"\0" * 40 + zipped[100:]]
    for index, data in enumerate(broken):
        path = tmp_path / f"broken_{index}"
        path.write_bytes(data)
        with pytest.raises(Unreadable, match="broken_") as raised:
            for_model(models["one"], [str(path)])
        assert "\n" not in str(raised.value)


def test_pickles_are_never_opened(models, tmp_path, monkeypatch):
    objects = np.array([None, 1], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "x.npz", objects)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([1, 2]))
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("a pickle was opened"))
    for name in ("x.npy", "x.npz", "x.pkl"):
        with pytest.raises(Unsafe):
            for_model(models["one"], [str(tmp_path / name)])


def test_an_npz_that_claims_more_than_it_has(models, tmp_path):
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(Unreadable, match="claims"):
        for_model(models["one"], [str(tmp_path / "x.npz")])


def test_random_inputs_are_the_same_for_the_same_seed(models):
    first, description = for_model(models["two"], seed=7, samples=5)
    again, _ = for_model(models["two"], seed=7, samples=5)
    other, _ = for_model(models["two"], seed=8, samples=5)
    assert "seed 7" in description
    assert [x.shape for x in first] == [(5, 3), (5, 2)]
    assert {str(x.dtype) for x in first} == {"float32"}
    for one, same, different in zip(first, again, other):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, different)
    assert not np.array_equal(first[0][:, :2], first[1])


def test_words_are_rows_of_the_table_and_some_samples_end_masked(models):
    x, _ = for_model(models["words"], samples=50)
    assert x.dtype == np.int32
    assert x.max() == 6 and x.min() == 0
    ends = (x == 0).any(axis=1)
    assert ends[1::2].all() and not ends[::2].any()
    assert (x[:, 0] > 0).all()


def test_a_table_is_found_through_a_nested_model_and_a_reshape(models):
    assert used_as(models["nested"], "words").wanted.rows == 5
    x, _ = for_model(models["nested"], samples=50)
    assert x.max() == 4
    assert not replay(models["nested"], x).missing


def test_masked_steps(models):
    x, _ = for_model(models["steps"], samples=6)
    masked = (x == -1).all(axis=-1)
    assert masked[1::2, -1].all() and not masked[::2].any() and not masked[:, 0].any()


def test_open_sizes_are_large_enough_for_the_pooling(models):
    x, _ = for_model(models["image"], samples=2)
    assert x.shape[0] == 2 and x.shape[3] == 3 and x.shape[1] == x.shape[2]
    assert x.shape[1] in SIZES
    assert replay(models["image"], x).output.shape == (2, 2)
    assert np.isfinite(replay(models["image"], x).output).all()


def test_kinds_and_batch_sizes(models):
    assert for_model(models["flag"])[0].dtype == bool
    assert for_model(models["fixed"], samples=2)[0].shape == (5, 3)
    byte = for_model(models["byte"], samples=100)[0]
    assert byte.dtype == np.uint8 and byte.max() > 200


def test_what_cannot_be_made_up(models, tmp_path):
    with pytest.raises(Unsupported, match="give it with --input"):
        for_model(models["complex"])
    models["one"].input_layers[0].batch_shape, kept = (None, 1 << 40), models["one"].input_layers[0].batch_shape
    with pytest.raises(Unsafe, match="would take"):
        for_model(models["one"])
    models["one"].input_layers[0].batch_shape = kept
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2)]).save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(Unsupported, match="weights only"):
        for_model(load(str(tmp_path / "only.weights.h5")))


def test_names_that_look_like_options_of_a_path():
    class Entry:
        name = "x=1"

    with pytest.raises(Unreadable, match="no such file"):
        from_files([Entry()], ["x=1=/nowhere.npy"])
    with pytest.raises(Unreadable, match="no such file"):
        input_files.arrays_in("/nowhere")
