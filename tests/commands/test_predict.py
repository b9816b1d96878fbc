"""``weightscope predict``: NumPy alone, held against Keras' predict."""

import numpy as np
import pytest
from click.testing import CliRunner
from running import run

import weightscope
from weightscope.cli import main
from weightscope.replaying.inputs import for_model


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


@pytest.mark.keras
def test_outputs_of_a_mapping_have_its_keys(tmp_path):
    keras = pytest.importorskip("keras")
    entry = keras.Input((3,))
    outputs = {name: keras.layers.Dense(2)(entry) for name in ("mean", "age")}
    outputs["both"] = {"more": [keras.layers.Dense(1)(entry), keras.layers.Dense(4, name="wide")(entry)]}
    model = keras.Model(entry, outputs)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    done = run("predict", "model.keras", "--input", "x.npy", "-o", "y.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    theirs = model.predict(x, verbose=0)
    with np.load(tmp_path / "y.npz") as found:
        assert found.files == ["age", "both_more_1", "both_more_2", "mean"]
        for name, expected in (("age", theirs["age"]), ("mean", theirs["mean"]),
                               ("both_more_2", theirs["both"]["more"][1])):
            np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-6)


def test_what_layers_give(shown, inputs):
    path = shown["shared.keras"].path
    given = ["predict", path, "--input", f"left={inputs / 'left.npy'}", "--input", f"right={inputs / 'right.npy'}"]
    model = weightscope.load(path)
    trace = weightscope.replay(model, [np.load(inputs / "left.npy"), np.load(inputs / "right.npy")])
    twice = next(path for path, _ in model.calls() if path.endswith("#2")).removesuffix("#2")
    done = CliRunner().invoke(main, [*given, "--layer", twice, "-o", str(inputs / "y.npz")])
    assert done.exit_code == 0, done.stderr
    with np.load(inputs / "y.npz") as found:
        for name in (twice, f"{twice}#2"):
            np.testing.assert_array_equal(found[f"layers/{name}"], trace[name])
        assert sum(name.startswith("layers/") for name in found) == 2
    done = CliRunner().invoke(main, [*given, "--layer", f"{twice}#2", "-o", str(inputs / "y.npy")])
    assert done.exit_code == 0 and np.array_equal(np.load(inputs / "y.npy"), trace[f"{twice}#2"])
    done = CliRunner().invoke(main, [*given, "--layer", "joind"])
    assert done.exit_code == 2 and "no layer 'joind' in the model. Did you mean joined" in done.stderr
    done = CliRunner().invoke(main, [*given, "--layer", twice, "-o", str(inputs / "z.npy")])
    assert done.exit_code == 2 and "should end in .npz, for several arrays" in done.stderr


@pytest.mark.parametrize("name", ["shared.keras", "deep.h5", "gates.keras"])
def test_what_all_layers_give_is_a_record(shown, inputs, name):
    model = weightscope.load(shown[name].path)
    x, _ = for_model(model, samples=3)
    np.savez(inputs / "x.npz", *(x if isinstance(x, list) else [x]))
    given = ["predict", shown[name].path, "--input", str(inputs / "x.npz"), "--all-layers"]
    done = CliRunner().invoke(main, [*given, "-o", str(inputs / "trace.npz"), "--batch-size", "2"])
    assert done.exit_code == 0, done.stderr
    result = weightscope.verify(model, against=inputs / "trace.npz")
    assert result and len(result.compared) == len(result.rows) and result.samples == 3
    assert all(row.total_error == 0 for row in result.rows)
    printed = CliRunner().invoke(main, given).stdout
    assert all(f"{path}\n" in printed for path, _ in model.calls())


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
