"""What is odd about files as containers. Nothing in them is more than a few words of text."""

import shutil
import stat
import zipfile

import h5py
import numpy as np
import pytest

from weightscope.files.read import read

XOR = "sample_models/xor.keras"


def with_member(path, name, data="a few words", **fields):
    """A copy of the XOR net with one more member."""
    shutil.copy(XOR, path)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        for field, value in fields.items():
            setattr(info, field, value)
        archive.writestr(info, data)
    return path


def found_in(path):
    with read(path) as saved:
        return [(oddity.code, oddity.place) for oddity in saved.oddities]


@pytest.mark.parametrize(("name", "code"), [
    ("../notes.txt", "WS421"), ("assets/../../notes.txt", "WS421"), ("/notes.txt", "WS421"), ("C:/notes.txt", "WS421"),
    ("..\\notes.txt", "WS421"), ("\\\\host\\notes.txt", "WS421"), ("assets\\notes.txt", "WS423"),
    ("notes.py", "WS428"), ("assets/Notes.PYC", "WS428"), ("notes.sh", "WS428"), ("notes.pkl", "WS427"),
    ("libnotes.so", "WS429"), ("libnotes.so.1.2", "WS429"), ("notes.dll", "WS429"), ("notes.zip", "WS431")])
def test_members_by_name(tmp_path, name, code):
    assert found_in(with_member(tmp_path / "m.keras", name)) == [(code, name)]


@pytest.mark.parametrize("name", ["assets/vocabulary.txt", "assets/..words", "assets/a..b", "assets/größe.txt", "notes",
                                  "assets/so", "assets/cd:e"])
def test_members_that_are_none_of_it(tmp_path, name):
    assert found_in(with_member(tmp_path / "m.keras", name)) == []


@pytest.mark.parametrize(("data", "code"), [
    (b"\x80\x04a few words", "WS427"), (b"\x7fELF a few words", "WS429"), (b"PK\x03\x04 a few words", "WS431"),
    (b"MZ".ljust(60) + b"\x40\0\0\0PE\0\0", "WS429")])
def test_members_by_their_first_bytes(tmp_path, data, code):
    assert found_in(with_member(tmp_path / "m.keras", "assets/notes", data)) == [(code, "assets/notes")]


def test_words_that_begin_as_a_program_does(tmp_path):
    assert found_in(with_member(tmp_path / "m.keras", "assets/words.txt", "MZ\nand others\n" * 100)) == []


def test_symbolic_links(tmp_path):
    path = with_member(tmp_path / "m.keras", "assets/link", "words.txt", external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert found_in(path) == [("WS422", "assets/link")]


def test_an_object_array(tmp_path):
    np.save(tmp_path / "a.npy", np.array([None]), allow_pickle=True)
    np.save(tmp_path / "b.npy", np.ones(3))
    objects, numbers = (tmp_path / name for name in ("a.npy", "b.npy"))
    assert found_in(with_member(tmp_path / "m.keras", "a.npy", objects.read_bytes())) == [("WS427", "a.npy")]
    assert found_in(with_member(tmp_path / "n.keras", "b.npy", numbers.read_bytes())) == []


def test_what_is_before_and_behind_an_archive(tmp_path):
    good = open(XOR, "rb").read()
    with zipfile.ZipFile(tmp_path / "first.zip", "w") as archive:
        archive.writestr("notes.txt", "a few words")
    path = tmp_path / "m.keras"
    for before, behind, codes in (
            (b"", b"", []), (b"", b" a few words", ["WS434"]), (b"PK\x03\x04 words", b"", ["WS432"]),
            (b"", b"\x1f\x8b\x08 words", ["WS433"])):
        path.write_bytes(before + good + behind)
        assert [code for code, _ in found_in(path)] == codes


def test_what_is_before_and_behind_hdf5(tmp_path):
    path = tmp_path / "m.h5"
    good = open("sample_models/xor.h5", "rb").read()
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("notes.txt", "a few words")
    notes = (tmp_path / "notes.zip").read_bytes()
    for data, codes in ((good, []), (good + b" words", ["WS434"]), (good + notes, ["WS433"]),
                        (bytes(512) + good, []), (b"words".ljust(512) + good, ["WS432"])):
        path.write_bytes(data)
        assert [code for code, _ in found_in(path)] == codes


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_a_user_block_of_hdf5s_own(tmp_path, version):
    with h5py.File(tmp_path / "m.h5", "w", userblock_size=512, libver=version) as file:
        file.create_group("dense/vars")["0"] = np.ones(3)
    assert found_in(tmp_path / "m.h5") == []


def test_filters_that_are_libraries(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        variables = file.create_group("dense/vars")
        variables.create_dataset("0", data=np.ones(100), compression="gzip", shuffle=True, fletcher32=True)
        variables.create_dataset("1", data=np.ones(100), compression="lzf")
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((100,))
        plist.set_filter(305, h5py.h5z.FLAG_OPTIONAL)  # a number that nobody registered; optional, so left out
        space = h5py.h5s.create_simple((100,))
        packed = h5py.h5d.create(variables.id, b"2", h5py.h5t.NATIVE_FLOAT, space, plist)
        packed.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones(100, "float32"))
    assert found_in(path) == [("WS445", "dense/vars/2")]


def test_weights_in_an_archive_have_a_place_in_it(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(XOR) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + b" words" * name.endswith(".h5"))
    assert found_in(path) == [("WS434", "model.weights.h5")]
