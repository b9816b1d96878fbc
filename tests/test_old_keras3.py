"""Models that older versions of Keras 3 saved: replayed, they give what those versions predicted."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from running import run
from test_old_models import numbered

import weightscope
from weightscope.model.structure import flatten

ARCHIVE = Path(__file__).parent / "old_models" / "keras3.tar.xz"
TOLERANCES = {"float16": 2e-2, "float32": 3e-6}


def cases():
    with tarfile.open(ARCHIVE) as archive:
        return sorted(name for name in archive.getnames() if not name.endswith(".npz"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras3")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("case", cases())
def test_gives_what_the_keras_of_its_time_gave(case, unpacked):
    path = unpacked / case
    model, recorded = weightscope.load(path), np.load(path.with_suffix(".npz"))
    assert model.ledger.closes
    assert not model.ledger.unclaimed
    assert not model.ledger.problems
    ours = flatten(weightscope.predict(model, numbered(recorded, "in")))
    for y, expected in zip(ours, numbered(recorded, "out"), strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
        half = any("float16" in layer.policy for layer in model.with_parts())
        near = TOLERANCES["float16" if half else "float32"] * np.nanmax(np.abs(expected), initial=0)
        np.testing.assert_allclose(y, expected, rtol=0, atol=near)


@pytest.mark.parametrize("case", ["3.1.1/take.keras", "3.3.3/mha_scores.keras", "3.3.3/softmax_mask.h5"])
def test_another_version_may_be_asked_for(case, unpacked):
    path = unpacked / case
    recorded = np.load(path.with_suffix(".npz"))
    model = weightscope.load(path, keras_version="3.15.1")
    assert not model.notes
    newest = flatten(weightscope.predict(model, numbered(recorded, "in")))[0]
    assert np.abs(newest - recorded["out_0"]).max() > 0.05
    assert weightscope.load(path).notes[0].startswith(f"Keras {case.partition('/')[0]}, read as: ")


def test_convert_does_not_write_another_meaning(unpacked):
    with pytest.raises(weightscope.Unsupported, match="otherwise now than the version that saved the file"):
        weightscope.convert(weightscope.load(unpacked / "3.3.3/softmax_mask.h5"))


def test_predict_says_what_the_file_is_read_as(unpacked, tmp_path):
    with np.load(unpacked / "3.3.3/randomcrop_grows.npz") as recorded:
        np.save(tmp_path / "x.npy", recorded["in_0"])
    path = str(unpacked / "3.3.3/randomcrop_grows.h5")
    done = run("predict", path, "--input", "x.npy", "-o", "y.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: Keras 3.3.3, read as: RandomCrop cuts and resizes in predict" in done.stderr
    assert np.load(tmp_path / "y.npy").shape == (2, 8, 7, 3)
    done = run("predict", path, "--input", "x.npy", "-o", "y.npy", "--keras-version", "3.8.0", cwd=tmp_path)
    assert "note" not in done.stderr
    assert np.load(tmp_path / "y.npy").shape == (2, 5, 6, 3)
