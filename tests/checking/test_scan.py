"""Paths in, hazards out: models by their content, and what others keep models in, recognised and named."""

import json
import os
import pickle
import shutil
import struct
import zipfile

import h5py
import numpy as np
import pytest

from weightscope.checking.scan import Report, scan

XOR = "sample_models/xor.keras"


def changed(path, change):
    """Write a copy of the XOR net whose config is changed."""
    with zipfile.ZipFile(XOR) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config)
            new.writestr(name, data)
    return str(path)


def naming(function):
    """Return a change of a config: an activation that is a function of the built-in ones."""
    def change(config):
        config["config"]["layers"][1]["config"]["activation"] = {
            "module": "builtins", "class_name": "function", "config": function, "registered_name": function}

    return change


def codes(found):
    return [finding.code for finding in found.findings]


def test_a_model_of_keras(tmp_path):
    found = scan(XOR)
    assert (found.format, found.findings) == ("keras archive", [])
    found = scan(changed(tmp_path / "m.txt", naming("print")))
    assert (found.format, codes(found)) == ("keras archive", ["WS402"])
    assert found.findings[0].place == "config.json config.layers[1].config.activation"


def onnx():
    return b"\x08\x08\x12\x07pytorch" + b"\x3a\x04\x0a\x02\x12\x00" + b"\x42\x02\x10\x11"


FOREIGN = {
    "pickle": (pickle.dumps([1]), "WS461", "Python pickle"),
    "YAML": (b"class_name: Sequential\nconfig:\n- class_name: !!python/name:math.pi ''\n", "WS461", "is YAML"),
    "old pickle": (pickle.dumps(len, protocol=0), "WS461", "Python pickle"),
    "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + bytes(20), "WS462", "TensorFlow Lite"),
    "ONNX": (onnx(), "WS462", "ONNX"),
    "safetensors": (struct.pack("<Q", 20) + b'{"a":{}}'.ljust(20), "WS462", "safetensors"),
    "GGUF": (b"GGUF\x03\0\0\0" + bytes(40), "WS462", "GGUF"),
    "a SavedModel alone": (b"\x08\x01\x12\x02\x0a\x00", "WS462", "SavedModel without its folder"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "WS463", "git-lfs pointer"),
    "a page": (b"<!DOCTYPE html>\n<html>", "WS463", "web page"),
    "zeros": (bytes(5000), "WS463", "zeros"),
    "nothing": (b"", "WS464", "empty"),
    "half": (b"PK\x03\x04" + bytes(100), "WS464", "damaged"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_keep_models_in(tmp_path, name):
    data, code, said = FOREIGN[name]
    path = tmp_path / "model.keras"
    path.write_bytes(data)
    found = scan(path)
    assert codes(found) == [code] and said in found.findings[0].said
    assert str(path) not in found.findings[0].said


def test_zips_and_arrays_of_others(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({}))
        archive.writestr("m/version", "3\n")
    np.savez(tmp_path / "plain.npz", np.ones(3))
    np.savez(tmp_path / "objects.npz", np.array([None]))
    np.save(tmp_path / "objects.npy", np.array([None]))
    h5py.File(tmp_path / "other.h5", "w").close()
    found = {path.name: scan(path) for path in tmp_path.iterdir()}
    assert {name: codes(one) for name, one in found.items()} == {
        "m.pt": ["WS462", "WS427"], "plain.npz": ["WS462"], "objects.npz": ["WS462", "WS427"],
        "objects.npy": ["WS461"], "other.h5": ["WS462"]}
    assert "PyTorch" in found["m.pt"].format


def test_an_architecture_alone(tmp_path):
    with zipfile.ZipFile(XOR) as archive:
        config = json.loads(archive.read("config.json"))
    naming("print")(config)
    (tmp_path / "m.json").write_text(json.dumps(config))
    found = scan(tmp_path / "m.json")
    assert (found.format, codes(found)) == ("architecture", ["WS402"])


def test_links_that_are_not_read_have_a_code(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["model_weights/w"] = h5py.ExternalLink("nowhere.h5", "/w")
        file.attrs["model_config"] = "{}"
    found = scan(tmp_path / "m.h5")
    assert codes(found) == ["WS441"] and found.findings[0].said.startswith("'model_weights/w' is a link to another")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_code_is_found_in_an_archive_that_cannot_be_read(tmp_path):
    path = changed(tmp_path / "m.keras", naming("print"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", "{}")
    assert codes(scan(path)) == ["WS424", "WS402"]


def test_a_folder_is_searched_by_content(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.copy(XOR, tmp_path / "deep" / "er" / "without_an_ending")
    changed(tmp_path / "deep" / "m.keras", naming("print"))
    for name, text in (("readme.md", "words"), ("page.html", "<html>"), ("words.json", "{}"), ("code.py", "# words")):
        (tmp_path / name).write_text(text)
    (tmp_path / "page.h5").write_text("<html>")
    (tmp_path / "data").write_bytes(pickle.dumps([1]))
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "gone.h5").symlink_to(tmp_path / "nowhere")
    report = Report([tmp_path])
    assert [(os.path.relpath(one.path, tmp_path), codes(one)) for one in report.scanned] == [
        ("data", ["WS461"]), ("page.h5", ["WS463"]), ("deep/m.keras", ["WS402"]), ("deep/er/without_an_ending", [])]
    assert report.others == 4 and report.exit_code == 4


def test_folders_that_are_models(tmp_path):
    unpacked, saved = tmp_path / "a", tmp_path / "b"
    with zipfile.ZipFile(XOR) as archive:
        archive.extractall(unpacked)
    (unpacked / "assets").mkdir()
    (unpacked / "assets" / "words").write_bytes(pickle.dumps([1]))
    saved.mkdir()
    node = b"\x0a\x01n\x12\x08ReadFile"
    graph = b"\x0a" + bytes([len(node)]) + node
    meta = b"\x12" + bytes([len(graph)]) + graph
    (saved / "saved_model.pb").write_bytes(b"\x08\x01\x12" + bytes([len(meta)]) + meta)
    report = Report([tmp_path])
    assert [(one.format, codes(one)) for one in report.scanned] == [
        ("keras folder", []), ("a Python pickle", ["WS461"]),
        ("SavedModel folder", ["WS451"])]
    assert report.scanned[-1].findings[0].place == "node 'n'"


@pytest.mark.parametrize(("names", "status"), [
    (["plain"], 0), (["plain", "note"], 0), (["plain", "warning"], 1), (["warning", "error"], 4), ([], 3)])
def test_the_status_is_that_of_the_worst(tmp_path, names, status):
    data = {"plain": open(XOR, "rb").read(), "note": FOREIGN["ONNX"][0], "warning": FOREIGN["git-lfs"][0],
            "error": FOREIGN["pickle"][0]}
    (tmp_path / "notes.txt").write_text("words")
    for name in names:
        (tmp_path / f"{name}.h5").write_bytes(data[name])
    assert Report([tmp_path]).exit_code == status


def test_what_is_shipped_has_no_hazards():
    report = Report(["sample_models"])
    assert len(report.scanned) > 40 and report.exit_code == 0
    assert not any(one.findings for one in report.scanned)
