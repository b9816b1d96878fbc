import json
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

import weightscope
from weightscope.errors import Unreadable, Unsafe, Unsupported
from weightscope.files import budget, keras_archive
from weightscope.files.read import read


def rezipped(trained, path, method=zipfile.ZIP_STORED, **changed):
    """The archive again, with other members: ``config_json=b"…"``; None leaves one out."""
    changed = {name.replace("_json", ".json").replace("_h5", ".h5"): data for name, data in changed.items()}
    with zipfile.ZipFile(trained.keras) as old, zipfile.ZipFile(path, "w", method) as new:
        for name in [*old.namelist(), *changed]:
            data = changed[name] if name in changed else old.read(name)
            if data is not None and name not in new.namelist():
                new.writestr(name, data)
    return path


@pytest.mark.keras
@pytest.mark.parametrize("method", [None, zipfile.ZIP_DEFLATED])
def test_what_keras_3_writes(keras, trained, tmp_path, method):
    path = trained.keras if method is None else rezipped(trained, tmp_path / "m.zip", method)
    with read(path) as saved, read(trained.weights) as weights:
        assert (saved.format, saved.keras_version) == ("keras archive", keras.__version__)
        assert saved.metadata["keras_version"] == keras.__version__ and "date_saved" in saved.metadata
        assert saved.config["config"]["name"] == "outer"
        assert list(saved.arrays) == list(weights.arrays)
        assert saved.optimizer == weights.optimizer and saved.names == weights.names
        for name, array in weights.arrays.items():
            np.testing.assert_array_equal(saved.arrays[name].read(), array.read())
        assert saved.assets == {} and saved.others == {}


@pytest.mark.keras
def test_bfloat16(keras, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    model.save(tmp_path / "m.keras")
    with read(tmp_path / "m.keras") as saved:
        kernel = saved.arrays["layers/dense/vars/0"]
        assert (kernel.dtype, kernel.nbytes) == ("bfloat16", 12)
        np.testing.assert_array_equal(kernel.read(), model.layers[0].kernel.numpy().astype(np.float32))


@pytest.mark.keras
def test_assets(keras, tmp_path):
    layer = keras.layers.TextVectorization()
    layer.adapt(["one two größe"])
    keras.Sequential([keras.Input((1,), dtype="string"), layer]).save(tmp_path / "m.keras")
    with read(tmp_path / "m.keras") as saved:
        text = [read_asset().decode().split() for name, read_asset in saved.assets.items() if "vocabulary" in name]
        assert text and all(words == layer.get_vocabulary()[1:] for words in text)


@pytest.mark.keras
def test_shards_in_the_archive(trained, tmp_path):
    path = rezipped(trained, tmp_path / "m.keras", model_weights_h5=None)
    with zipfile.ZipFile(trained.keras) as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", old.read("config.json"))
        new.write(trained.shards, "model.weights.json")
        for shard in sorted(trained.folder.glob("parts_*.weights.h5")):
            new.write(shard, shard.name)
    with read(path) as saved, read(trained.weights) as weights:
        assert set(saved.arrays) == set(weights.arrays) and saved.metadata == {}
        for name, array in weights.arrays.items():
            np.testing.assert_array_equal(saved.arrays[name].read(), array.read())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "unknown")
    with read(path) as saved:
        assert saved.others == {"notes.txt": "a member of the archive"}


@pytest.mark.keras
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config_json": None}, "without config.json"),
        ({"config_json": b"{"}, "config.json is not valid JSON"),
        ({"config_json": b"\xff\xfe\xfd"}, "config.json is not valid JSON"),
        ({"config_json": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"}, "nested too deeply"),
        ({"metadata_json": b"[]"}, "metadata.json holds a JSON list"),
        ({"model.weights_h5": None}, "without 'model.weights.h5'"),
        ({"model.weights_h5": b"no hdf5"}, "holds no HDF5"),
        ({"model.weights_h5": None, "model.weights_json": b"{}"}, "has no weight_map"),
        (
            {"model.weights_h5": None, "model.weights_json": b'{"weight_map": {"/vars": "a.weights.h5"}}'},
            "without 'a.weights.h5'",
        ),
    ],
)
def test_members_missing_or_broken(trained, tmp_path, changed, message):
    path = rezipped(trained, tmp_path / "m.keras", **changed)
    with pytest.raises(Unreadable) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


@pytest.mark.keras
def test_weights_in_npz(trained, tmp_path):
    path = rezipped(trained, tmp_path / "m.keras", **{"model.weights_h5": None, "model.weights.npz": b"PK"})
    with pytest.raises(Unsupported, match="keeps its weights as npz"):
        read(path)


def archive(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as new:
        for name, data in members:
            new.writestr(name, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_twice(tmp_path):
    path = archive(tmp_path / "m.keras", [("config.json", "{}"), ("config.json", "[]")])
    with pytest.raises(Unsafe, match=r"WS424 holds 'config\.json' 2 times") as caught:
        read(path)
    assert caught.value.code == "WS424"


def test_members_without_number(tmp_path):
    path = archive(tmp_path / "m.keras", [(str(i), "") for i in range(10_001)])
    with pytest.raises(Unreadable, match="zip of 10,001 members"):
        read(path)


def test_a_directory_too_long_to_be_read(tmp_path):
    path = archive(tmp_path / "m.keras", [(f"{i:060000}", "") for i in range(80)])
    with pytest.raises(Unreadable, match="bytes asked for where at most 4,194,304 are plausible"):
        read(path)


@pytest.mark.parametrize(("size", "free"), [(4 << 20, 1 << 20), (4 << 20, 5 << 20)])
def test_a_member_that_inflates_too_far(tmp_path, monkeypatch, size, free):
    """Four megabytes of zeros; the limits are those that are small."""
    monkeypatch.setattr(keras_archive, "FREE_BYTES", free)
    monkeypatch.setattr(keras_archive, "MOST_EXPANSION", 1100 if free < size else 100)
    path = archive(tmp_path / "m.keras", [("config.json", "{}"), ("model.weights.h5", bytes(size))],
                   zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(Unsafe, match=r"claims to inflate from [\d,]+ to 4,194,304 bytes"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < size
    tracemalloc.stop()


def directory_patched(path, name, offset, form, value):
    """Change a field of the directory's entry for ``name``."""
    data = bytearray(path.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    struct.pack_into(form, data, at + offset, value)
    path.write_bytes(data)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("offset", "form", "value", "message"),
    [
        (8, "<H", 1, "is encrypted"),
        (10, "<H", 12, "zip method 12"),
        (24, "<I", 5, "has two sizes"),
        (20, "<I", 0x7FFFFFFF, "members are cut off"),
        (42, "<I", 0x7FFFFFFF, "is incomplete: it would need"),
        (42, "<I", 0, "WS425 members 'metadata.json' and 'model.weights.h5' overlap"),
    ],
)
def test_a_directory_that_lies(trained, tmp_path, offset, form, value, message):
    path = tmp_path / "m.keras"
    shutil.copy(trained.keras, path)
    directory_patched(path, "model.weights.h5", offset, form, value)
    with pytest.raises(Unsafe if message.startswith("WS") else Unreadable, match=message):
        read(path)


@pytest.mark.keras
def test_a_config_whose_checksum_is_wrong(trained, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(open(trained.keras, "rb").read().replace(b'"outer"', b'"other"', 1))
    with pytest.raises(Unreadable, match="Bad CRC-32"):
        read(path)


@pytest.mark.keras
def test_the_weights_are_read_in_place(trained):
    with read(trained.keras) as saved, zipfile.ZipFile(trained.keras) as plain:
        tracemalloc.start()
        saved.arrays["layers/dense/vars/0"].read()
        assert tracemalloc.get_traced_memory()[1] < plain.getinfo("model.weights.h5").file_size / 2
        tracemalloc.stop()
        assert json.loads(plain.read("config.json")) == saved.config


@pytest.mark.keras
def test_an_unpacked_archive(keras, tmp_path):
    """Keras 3 loads such a folder itself; so does ``verify``."""
    model = keras.Sequential([
        keras.Input((1,), dtype="string"), keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot"),
        keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extractall(tmp_path / "model")
    (tmp_path / "model" / "assets" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "assets" / "inner" / "words.txt").write_text("a")
    with read(tmp_path / "model.keras") as whole, read(tmp_path / "model") as folder:
        assert (folder.format, folder.path) == ("keras folder", str(tmp_path / "model"))
        assert (folder.config, folder.metadata, folder.keras_version) == (
            whole.config, whole.metadata, whole.keras_version)
        assert list(folder.arrays) == list(whole.arrays) and folder.assets["inner/words.txt"]() == b"a"
    (tmp_path / "model" / "assets" / "inner" / "words.txt").unlink()
    x = np.array([["b"], ["?"]])
    assert weightscope.verify(weightscope.load(tmp_path / "model"), x).verdict == "agrees"
    (tmp_path / "model" / "model.weights.h5").write_bytes(b"x" * 99)
    with pytest.raises(Unreadable, match=r"its model\.weights\.h5 is not HDF5"):
        read(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("[1")
    with pytest.raises(Unreadable):
        read(tmp_path / "model")


@pytest.mark.keras
def test_packed_json_is_counted_before_it_is_kept(trained, tmp_path, monkeypatch):
    """The limit is a small one here, for a config that anybody can read."""
    config = json.dumps({"class_name": "Sequential", "config": {"layers": []}, "more": [[]] * 30_000})
    packed = rezipped(trained, tmp_path / "packed.keras", zipfile.ZIP_DEFLATED, config_json=config)
    plain = rezipped(trained, tmp_path / "plain.keras", config_json=config)
    for path in (packed, plain):
        read(path).close()
    monkeypatch.setattr(budget, "MEGABYTE", 1000)
    before = budget._most.set(1_000_000)
    try:
        with pytest.raises(Unsafe, match=r"WS446 member 'config.json' would take about 2,\d+ MB .*--max-memory 2\d+"):
            read(packed)
        read(plain).close()  # the file is as long as what it says
    finally:
        budget._most.reset(before)


@pytest.mark.parametrize("text", ["[[], [], []]", '[{"a": 1}, {"b": 2}]', '["ab", "cd", "ef"]', "[300.5, 400.25, 500]",
                                  '[[[[1]]], {"c": {"d": []}}]'])
def test_what_json_becomes_is_counted_as_python_counts_it(text):
    raw = json.dumps(json.loads(text) * 20_000).encode()
    tracemalloc.start()
    try:
        json.loads(raw)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.6 < budget.of_json(raw) / taken < 2.5
