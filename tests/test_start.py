"""Which modules each command imports: a quick start is a promise."""

import subprocess
import sys

import numpy as np
import pytest

from weightscope.cli import main

HEAVY = ["numpy", "h5py", "rich"]
KERAS = ["keras", "tensorflow", "tf_keras"]


def imported(*arguments, cwd=None):
    """Return the top-level and our own modules that a command has imported when it ends."""
    code = ("import sys\nfrom weightscope.cli import main\n"
            "try:\n    main(sys.argv[1:], prog_name='weightscope')\n"
            "finally:\n    print('\\n'.join(sys.modules), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in main.commands)],
                         ids=" ".join)
def test_help_loads_nothing_heavy(arguments):
    found = imported(*arguments)
    assert "click" in found
    assert not found & {*HEAVY, *KERAS}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with a model and an input."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("small")
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]).save(folder / "model.keras")
    np.save(folder / "x.npy", np.zeros((1, 2), "float32"))
    return folder


@pytest.mark.parametrize("layout", ["terminal", "json", "markdown"])
def test_inspect_loads_no_keras_and_no_colours_for_a_pipe(small, layout):
    found = imported("inspect", "model.keras", "--format", layout, cwd=small)
    assert {"numpy", "h5py"} <= found
    assert not found & {*KERAS, "rich", "weightscope.reference", "weightscope.verdict.verify"}


def test_predict_loads_no_keras(small):
    found = imported("predict", "model.keras", "--input", "x.npy", cwd=small)
    assert not found & {*KERAS, "rich"}


def test_importing_the_package_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", "import sys, weightscope; print(*sys.modules)"], capture_output=True,
                          text=True)
    assert not set(done.stdout.split()) & {*HEAVY, *KERAS, "click"}
