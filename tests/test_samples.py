"""The sample models are whole, say the same in every format, and answer the questions of their README."""

import functools
import re
import runpy
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "sample_models"
MADE = runpy.run_path(str(FOLDER / "samples.py"))
NAMES = [function.__name__ for function in MADE["SAMPLES"]]
XORS = ["xor", "xor_relu", "xor_activations"]
# Keras 3 has no ``time_major``, which Keras 2 writes into every LSTM; and Keras 2 counts the call that builds a nested
# Sequential, so that the autoencoder's config refers to a call of its encoder that Keras 3 cannot find.
REFUSED_BY_KERAS_3 = {"lstm", "lstm_nested", "autoencoder"}
README = (FOLDER / "README.md").read_text(encoding="utf-8")
# {sample: the README's Python for it}
BLOCKS = {
    re.search(r"sample_models/(\w+)\.", block)[1]: block for block in re.findall(r"```python\n(.*?)```", README, re.S)
}

with_keras = pytest.mark.keras
each_sample = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def input_of(name):
    path = FOLDER / f"{name}_input.npy"
    return np.load(path) if path.exists() else dict(np.load(FOLDER / f"{name}_input.npz"))


def opened(keras, filename):
    return keras.models.load_model(FOLDER / filename, compile=False)


def arrays(prediction):
    return prediction if isinstance(prediction, list) else [prediction]


@functools.cache
def predicted(filename):
    """What a Keras model predicts on its sample's input; once for all tests, for each compiles it."""
    import keras

    name = re.sub(r"(_keras2)?\.\w+$", "", filename)
    return arrays(opened(keras, filename).predict(input_of(name), verbose=0))


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def legacy_weights(filename):
    """The arrays of a legacy .h5 in the order in which Keras reads them."""
    with h5py.File(FOLDER / filename) as file:
        groups = [file["model_weights"][name] for name in file["model_weights"].attrs["layer_names"]]
        return [group[name][()] for group in groups for name in group.attrs["weight_names"]]


def test_the_folder_holds_every_file_and_no_other():
    endings = [".keras", ".h5", ".weights.h5", "_keras2.h5"]
    expected = {name + ending for name in NAMES for ending in endings}
    expected |= {f"{name}_input.{'npz' if name == 'two_inputs' else 'npy'}" for name in NAMES}
    expected |= {"README.md", "build.py", "samples.py"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == expected


@with_keras
@each_sample
def test_the_h5_file_says_what_the_keras_file_says(keras, name):
    model, legacy = opened(keras, f"{name}.keras"), opened(keras, f"{name}.h5")
    assert_same(legacy.get_weights(), model.get_weights())
    assert_same(predicted(f"{name}.h5"), predicted(f"{name}.keras"))


@with_keras
@each_sample
def test_the_weights_file_holds_the_same_weights(keras, name):
    model = opened(keras, f"{name}.keras")
    kept = model.get_weights()
    model.set_weights([np.zeros_like(array) for array in kept])
    model.load_weights(FOLDER / f"{name}.weights.h5")
    assert_same(model.get_weights(), kept)


@each_sample
def test_the_keras_2_file_holds_the_same_weights(name):
    ours = legacy_weights(f"{name}_keras2.h5")
    assert ours
    assert_same(ours, legacy_weights(f"{name}.h5"))


@with_keras
@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED_BY_KERAS_3])
def test_the_keras_2_file_predicts_the_same(keras, name):
    assert_same(predicted(f"{name}_keras2.h5"), predicted(f"{name}.keras"))


@each_sample
def test_only_the_autoencoder_keeps_its_optimizer(name):
    with h5py.File(FOLDER / f"{name}.h5") as file:
        assert ("optimizer_weights" in file) == (name == "autoencoder")


@with_keras
def test_the_autoencoder_can_go_on_training(keras):
    optimizer = keras.models.load_model(FOLDER / "autoencoder.keras").optimizer
    assert optimizer.iterations > 0
    # Keras writes these to the .h5 too, but does not read them back from there.
    with h5py.File(FOLDER / "autoencoder.h5") as file:
        group = file["optimizer_weights"]
        assert_same([group[name][()] for name in group.attrs["weight_names"]], [v.numpy() for v in optimizer.variables])
    assert len(optimizer.variables) == 18


@with_keras
@pytest.mark.parametrize("ending", [".keras", ".h5", "_keras2.h5"])
@pytest.mark.parametrize("name", XORS)
def test_xor_is_solved(keras, name, ending):
    (prediction,) = predicted(name + ending)
    assert np.rint(prediction).ravel().tolist() == MADE["XOR_ANSWER"]


@with_keras
def test_the_rank_3_product_is_exact(keras):
    (prediction,) = predicted("dense_rank3.h5")
    assert prediction.tolist() == MADE["RANK3_PRODUCT"]


@with_keras
def test_the_frozen_encoder_is_not_trainable(keras):
    encoder, head = opened(keras, "lstm_nested.keras").layers
    assert not encoder.trainable_weights
    assert len(head.trainable_weights) == len(head.weights) == 4


def test_the_readme_names_every_sample_and_only_files_that_exist():
    named = set(re.findall(r"sample_models/(\w+[\w.]*\.(?:keras|h5|npy|npz|py))", README))
    assert {filename for filename in named if not (FOLDER / filename).exists()} == set()
    assert {name for name in NAMES if not any(filename.startswith(f"{name}.") for filename in named)} == set()


def test_the_readme_links_to_its_own_headings():
    headings = re.findall(r"^## (.*)$", README, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([\w-]+)\)", README)
    assert links
    assert set(links) <= anchors


def run_block(name, monkeypatch):
    """What the README's Python for a sample leaves behind, run from the root of the repository."""
    monkeypatch.chdir(ROOT)
    namespace = {}
    exec(compile(BLOCKS[name], f"README.md, {name}", "exec"), namespace)
    return namespace


@with_keras
@pytest.mark.parametrize("name", BLOCKS)
def test_the_readme_computes_by_hand_what_keras_predicts(keras, name, monkeypatch):
    ours = arrays(run_block(name, monkeypatch)["prediction"])
    for a, b in zip(ours, predicted(f"{name}.keras"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_readme_solves_xor_without_keras(monkeypatch):
    assert run_block("xor_relu", monkeypatch)["answer"] == [0, 1, 1, 0]


def test_the_readme_multiplies_on_rank_3_without_keras(monkeypatch):
    assert run_block("dense_rank3", monkeypatch)["prediction"].tolist() == [
        [[40, 30, 16, 43], [38, 29, 17, 46]],
        [[15, 11, 6, 14], [20, 15, 7, 21]],
    ]


def test_the_readme_tells_what_each_slip_gives(monkeypatch):
    """The table of slips: the figures of this very model, rounded as they are printed there."""
    said = run_block("xor_relu", monkeypatch)
    x, W1, b1, W2, b2, relu, sigmoid = (said[name] for name in ("x", "W1", "b1", "W2", "b2", "relu", "sigmoid"))
    slips = {
        "none": sigmoid(relu(x @ W1 + b1) @ W2 + b2),
        "the biases are left out": sigmoid(relu(x @ W1) @ W2),
        "the `relu` between the layers is left out": sigmoid((x @ W1 + b1) @ W2 + b2),
    }
    for slip, prediction in slips.items():
        shown, rounded = re.search(rf"^\| {re.escape(slip)} \| (.*?) \| (.*?) \|$", README, re.M).groups()
        np.testing.assert_allclose([float(figure) for figure in shown.split(", ")], prediction[:, 0], atol=5e-4)
        assert [int(figure) for figure in rounded.split(", ")] == np.rint(prediction[:, 0]).tolist()
    with pytest.raises(ValueError):
        x @ W1.T
