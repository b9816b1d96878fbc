"""``weightscope predict``: NumPy alone, held against Keras' predict."""

import numpy as np
import pytest
from running import run


@pytest.fixture
def inputs(tmp_path):
    """A file for each input of the models."""
    generator = np.random.default_rng(0)
    for name, shape in {"pair": (9, 2), "steps": (9, 5, 3), "left": (9, 4), "right": (9, 4)}.items():
        np.save(tmp_path / f"{name}.npy", generator.normal(size=shape).astype("float32"))
    return tmp_path


def test_one_output_is_an_npy(shown, inputs):
    done = run("predict", shown["gates.keras"].path, "--input", "steps.npy", "-o", "y.npy", cwd=inputs)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "steps.npy: input_layer (9, 5, 3) float32 → both_ways (9, 4) float32 in y.npy\n"
    theirs = shown["gates.keras"].keras.predict(np.load(inputs / "steps.npy"), verbose=0)
    np.testing.assert_allclose(np.load(inputs / "y.npy"), theirs, rtol=1e-4, atol=1e-6)
    assert not list(inputs.glob(".*"))


def test_several_outputs_are_an_npz_by_name(shown, inputs):
    arguments = ["--input", "left=left.npy", "--input", "right=right.npy", "--batch-size", "4"]
    done = run("predict", shown["shared.keras"].path, *arguments, "-o", "y.npz", cwd=inputs)
    assert done.returncode == 0, done.stderr
    x = [np.load(inputs / "left.npy"), np.load(inputs / "right.npy")]
    theirs = shown["shared.keras"].keras.predict(x, verbose=0)
    with np.load(inputs / "y.npz") as found:
        assert found.files == ["scaled", "joined"]
        for name, expected in zip(found.files, theirs):
            np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-6)


def test_without_a_file_the_numbers_are_printed(shown, inputs):
    np.save(inputs / "x.npy", np.array([[0, 0], [1, 1]], "float32"))
    done = run("predict", shown["small.h5"].path, "--input", "x.npy", cwd=inputs)
    # sigmoid(0.5) and sigmoid(5 - 7 + 0.5), see the weights of the model
    assert done.stdout == "[[0.62245935]\n [0.18242553]]\n"
    assert "→ answer (2, 1) float32" in done.stderr


def test_a_failure_leaves_nothing_behind(shown, inputs):
    done = run("predict", shown["small.h5"].path, "--input", "left.npy", "-o", "y.npy", cwd=inputs)
    assert done.returncode == 2
    assert done.stderr.startswith("weightscope: left.npy: input 'pair' should have shape (samples, 2)")
    done = run("predict", shown["small.h5"].path, "--input", "pair.npy", "-o", "y.txt", cwd=inputs)
    assert done.returncode == 2 and "should end in .npy" in done.stderr
    done = run("predict", shown["small.h5"].path, "--input", "pair.npy", "-o", "nowhere/y.npy", cwd=inputs)
    assert done.returncode == 2 and "cannot write" in done.stderr
    assert {path.name for path in inputs.iterdir()} == {"pair.npy", "steps.npy", "left.npy", "right.npy"}


def test_a_file_of_weights_alone_cannot_predict(shown, inputs):
    done = run("predict", shown["small.weights.h5"].path, "--input", "pair.npy", cwd=inputs)
    assert done.returncode == 5
    assert "weights only" in done.stderr
