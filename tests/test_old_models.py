"""Models that Keras 1 and 2 saved under Theano and TensorFlow: replayed, they give what those Kerases predicted."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import weightscope

FOLDER = Path(__file__).parent / "old_models"
ARCHIVES = sorted(path for path in FOLDER.glob("*.tar.xz") if path.name != "keras3.tar.xz")  # test_old_keras3.py
# What these layers are told, Keras 1 keeps to itself; where no other layer tells it, the backend's usual is taken.
UNTOLD = {(archive, f"{case}_{order}") for case in ("pad4", "paddict", "pads") for archive, order in
          (("keras1_theano", "tf"), ("keras1_1_theano", "tf"), ("keras1_tensorflow", "th"))}


def cases():
    for path in ARCHIVES:
        with tarfile.open(path) as archive:
            names = sorted(name for name in archive.getnames() if name.endswith(".h5"))
        yield from ((path.name.removesuffix(".tar.xz"), name.removesuffix(".h5")) for name in names)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    for path in ARCHIVES:
        (folder / path.name.removesuffix(".tar.xz")).mkdir()
        with tarfile.open(path) as archive:
            for member in archive:
                target = folder / path.name.removesuffix(".tar.xz") / Path(member.name).name
                target.write_bytes(archive.extractfile(member).read())
    return folder


def numbered(recorded, word):
    return [recorded[f"{word}_{index}"] for index in range(sum(name.startswith(word) for name in recorded.files))]


@pytest.mark.parametrize(("archive", "case"), sorted(set(cases()) - UNTOLD))
def test_gives_what_the_keras_of_its_time_gave(archive, case, unpacked):
    backend = "theano" if "theano" in archive else "tensorflow"
    whole = weightscope.load(unpacked / archive / f"{case}.h5")
    has_weights = bool(whole.saved.arrays)  # without, a file of Keras 1 does not tell its backend
    model = whole if has_weights else weightscope.load(unpacked / archive / f"{case}.h5", backend=backend)
    assert model.ledger.closes
    assert not model.ledger.unclaimed
    assert not model.ledger.problems
    recorded = np.load(unpacked / archive / f"{case}.npz")
    trace = weightscope.replay(model, numbered(recorded, "in"))
    assert not trace.missing, trace.missing
    ours = trace.output if isinstance(trace.output, (list, tuple)) else [trace.output]
    for y, expected in zip(ours, numbered(recorded, "out"), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=2e-5 * np.nanmax(np.abs(expected)))


def test_what_the_archives_hold():
    counts = {}
    for archive, _ in cases():
        counts[archive] = counts.get(archive, 0) + 1
    assert counts == {"keras1_theano": 130, "keras1_1_theano": 125, "keras1_tensorflow": 138, "keras2_theano": 54,
                      "keras2_tensorflow": 60, "tf_keras_1_15": 1, "tf_keras_2_3": 1}
