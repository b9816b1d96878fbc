import os
import pickle
import threading
import zipfile

import numpy as np
import pytest

from weightscope.errors import Unreadable, Unsupported
from weightscope.files.read import read


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", Unreadable, "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", Unreadable, "git-lfs pointer"),
        (b"\n<!DOCTYPE html>\n<html>", Unreadable, "is a web page"),
        (b'{"class_name": "Sequential"}', Unreadable, "is JSON"),
        (b"\x80\x04\x95" + b"x" * 20, Unreadable, "is a Python pickle"),
        (b"\x1f\x8b\x08\0", Unreadable, "packed by gzip"),
        (b"\x1c\0\0\0TFL3" + b"\0" * 20, Unsupported, "TensorFlow Lite"),
        (b"\x08\x08\x12\x07pytorch", Unsupported, "protobuf"),
        (b"\0" * 5000, Unreadable, "nothing but zeros"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 200, Unreadable, "HDF5 header that Keras does not write"),
        (b"\x89HDF\r\n\x1a\n", Unreadable, "no kind that weightscope knows"),
        (b"PK\x03\x04" + b"\0" * 100, Unreadable, "is damaged or incomplete"),
        (b"What is this?", Unreadable, "of no kind that weightscope knows"),
    ],
)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m"])
def test_what_a_file_seems_to_be(tmp_path, data, kind, message, name):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(kind) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_files_of_others(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data.pkl", "x")
    for name, message in (("a.npy", "a NumPy array"), ("a.pkl", "a Python pickle"), ("a.zip", "a zip without config")):
        with pytest.raises(Unreadable, match=message):
            read(tmp_path / name)


def test_folders(tmp_path):
    with pytest.raises(Unreadable, match="is a folder"):
        read(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.weights.h5").write_text("")
    with pytest.raises(Unreadable, match=r"its model\.weights\.h5 is not HDF5"):
        read(tmp_path)
    (tmp_path / "model.weights.h5").unlink()
    (tmp_path / "saved_model.pbtxt").write_text("")
    with pytest.raises(Unsupported, match="is a SavedModel folder in text"):
        read(str(tmp_path))


def test_paths_that_cannot_be_opened(tmp_path):
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "gone.h5")
    with pytest.raises(Unreadable, match="null"):
        read("a\0b.h5")
    with pytest.raises(Unreadable, match="is not a file"):
        read("/dev/zero")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    said = []

    def reader():
        try:
            read(tmp_path / "pipe")
        except Unreadable as error:
            said.append(str(error))

    worker = threading.Thread(target=reader, daemon=True)
    worker.start()
    worker.join(10)
    assert said == [f"{tmp_path / 'pipe'}: is not a file"]
