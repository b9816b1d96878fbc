"""A file of an older Keras 3 is judged as the newest reads it, and a line says what its own Keras meant otherwise."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

import weightscope

MASK = np.array([[True, False, True], [False, False, False]])


def as_saved_by(version, path, other, untold=()):
    """Return ``other``, a copy of a Keras file that says another version saved it, without some settings."""
    if path.suffix == ".h5":
        other.write_bytes(path.read_bytes())
        with h5py.File(other, "r+") as file:
            file.attrs["keras_version"] = version
        return other
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "metadata.json":
                data = json.dumps({**json.loads(data), "keras_version": version}).encode()
            if name == "config.json":
                data = json.dumps(json.loads(data, object_hook=lambda held: {
                    key: value for key, value in held.items() if key not in untold})).encode()
            new.writestr(name, data)
    return other


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_verify_tells_what_the_keras_of_the_file_meant(tmp_path, ending):
    x, mask = keras.Input((3,)), keras.Input((3,), dtype="bool")
    keras.Model([x, mask], keras.layers.Softmax()(x, mask=mask)).save(tmp_path / f"new.{ending}")
    path = as_saved_by("3.8.0", tmp_path / f"new.{ending}", tmp_path / f"old.{ending}")
    model, inputs = weightscope.load(path), [np.zeros((2, 3), "float32"), MASK]
    # By hand: all three scores of the second row are the same, and its Keras did not set them to zero afterwards.
    np.testing.assert_allclose(weightscope.predict(model, inputs), [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    found = weightscope.verify(model, inputs)
    assert found
    [line] = [note for note in found.notes if "3.8.0" in note]
    assert f"Keras 3.8.0, which saved the file, meant something else than Keras {keras.__version__}: Softmax" in line
    assert "apart by up to 3.3e-01" in line


def test_verify_is_silent_where_both_mean_the_same(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "new.keras")
    model = weightscope.load(as_saved_by("3.1.1", tmp_path / "new.keras", tmp_path / "old.keras"))
    assert not weightscope.verify(model, np.ones((2, 3), "float32")).notes


def test_what_no_keras_reads_otherwise_is_no_difference(tmp_path):
    """No file before Keras 3.15 tells output_padding: that is said of the file, and is no difference of versions."""
    keras.Sequential([keras.Input((3, 2)), keras.layers.Conv1DTranspose(2, 3, strides=2)]).save(tmp_path / "new.keras")
    path = as_saved_by("3.14.1", tmp_path / "new.keras", tmp_path / "old.keras", {"output_padding"})
    model = weightscope.load(path)
    assert "Conv1DTranspose without output_padding" in model.notes[0]
    found = weightscope.verify(model, np.ones((2, 3, 2), "float32"))
    assert found
    assert found.notes == model.notes


def test_values_recorded_of_the_file_are_held_against_its_own_meaning(tmp_path):
    x, mask = keras.Input((3,)), keras.Input((3,), dtype="bool")
    keras.Model([x, mask], keras.layers.Softmax()(x, mask=mask)).save(tmp_path / "new.keras")
    model = weightscope.load(as_saved_by("3.9.2", tmp_path / "new.keras", tmp_path / "old.keras"))
    inputs = [np.zeros((2, 3), "float32"), MASK]
    np.save(tmp_path / "output.npy", np.array([[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]], "float32"))
    assert weightscope.verify(model, inputs, against=tmp_path / "output.npy")
    found = weightscope.verify(weightscope.load(model.saved.path, keras_version="3.10.0"), inputs,
                               against=tmp_path / "output.npy")
    assert not found


def test_what_is_changed_in_the_loaded_model_is_what_is_judged(tmp_path):
    x = keras.Input((3,))
    y = keras.layers.Dense(3, name="dense")(x)
    mask = keras.Input((3,), dtype="bool")
    keras.Model([x, mask], keras.layers.Softmax()(y, mask=mask)).save(tmp_path / "new.keras")
    model = weightscope.load(as_saved_by("3.8.0", tmp_path / "new.keras", tmp_path / "old.keras"))
    inputs = [np.ones((2, 3), "float32"), MASK]
    assert weightscope.verify(model, inputs)
    model["dense"].weights["kernel"].array[0, 0] += 0.5
    assert weightscope.verify(model, inputs).first.path == "dense"
