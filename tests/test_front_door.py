"""The front door: which names there are, what they load, and what their docstrings say of them."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import weightscope
from weightscope import errors

SAMPLES = Path(__file__).resolve().parent.parent / "sample_models"
PUBLIC = {name: getattr(weightscope, name) for name in weightscope.__all__}
NEVER_MET = {"NoTwin"}  # verify goes on without, and a Comparison has the reason


def test_every_name_is_there_and_tab_finds_it():
    assert set(weightscope.__all__) <= set(dir(weightscope))
    assert "__version__" in dir(weightscope)
    assert sorted(weightscope.__all__) == sorted(set(weightscope.__all__))
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        weightscope.laod  # noqa: B018


def test_no_name_is_one_of_a_module():
    folder = Path(weightscope.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & set(weightscope.__all__)  # else what weightscope.x is would depend on what was imported


def test_every_error_that_a_user_meets_is_at_the_door():
    found = {name for name, kind in vars(errors).items() if inspect.isclass(kind)} - NEVER_MET
    assert found <= set(weightscope.__all__)
    for name in found:
        assert PUBLIC[name] is getattr(errors, name)
        assert issubclass(PUBLIC[name], weightscope.WeightscopeError)
    drawn = re.findall(r"[├└]── (\w+) +(\d)", errors.__doc__)
    assert {name: int(status) for name, status in drawn} == {
        name: getattr(errors, name).exit_code for name in (found | NEVER_MET) - {"WeightscopeError"}}


@pytest.mark.parametrize("text", [
    "WeightscopeError", "dir", "load", "Layer", "Trace", "replay", "verify", "Comparison", "convert"])
def test_a_name_loads_no_more_than_it_needs(text):
    use = "dir(weightscope)" if text == "dir" else f"weightscope.{text}"
    code = f"import sys, weightscope; {use}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert not found & {"keras", "tensorflow", "tf_keras", "rich", "click", "numpy.typing"}
    if text in ("WeightscopeError", "dir"):
        assert not found & {"numpy", "h5py", "weightscope.model"}
    if text not in ("verify", "Comparison", "convert"):
        assert not found & {"weightscope.reference", "weightscope.verdict", "weightscope.converting"}


# Docstrings.

SPECIAL = {"__getitem__", "__contains__", "__call__", "__array__"}


def documented():
    """Yield (name, function, docstring) of public functions, and of the constructors and methods of public classes."""
    for name, thing in PUBLIC.items():
        if not inspect.isclass(thing):
            yield name, thing, thing.__doc__
        elif not issubclass(thing, Exception):
            maker = next(kind for kind in thing.__mro__ if "__init__" in vars(kind))
            yield name, thing.__init__, f"{thing.__doc__} {maker.__doc__}"
            for base in [kind for kind in thing.__mro__ if kind.__module__.startswith("weightscope")]:
                for key, value in vars(base).items():
                    function = getattr(value, "fget", None) or getattr(value, "__func__", value)
                    if inspect.isfunction(function) and (key[0] != "_" or key in SPECIAL):
                        yield f"{name}.{key}", function, function.__doc__


DOCUMENTED = {name: (function, text) for name, function, text in documented()}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is(name):
    text = PUBLIC[name].__doc__
    assert len(text.strip().splitlines()[0]) > 20
    assert not text.startswith(f"{name}(")  # a dataclass without a docstring gets its signature for one


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_name_every_parameter(name):
    function, text = DOCUMENTED[name]
    assert text, f"{name} has no docstring"
    given = [key for key in inspect.signature(function).parameters if key not in ("self", "cls") and key[0] != "_"]
    unnamed = [key for key in given if not re.search(rf"\b{key}\b", text)]
    assert not unnamed


def raised_by(function):
    """Return the names of the errors that a function's own lines raise."""
    if function.__code__.co_filename == "<string>":  # a dataclass's own
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = {call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}
    return {"NoSuchLayer" if name == "no_such_layer" else name for name in names}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_say_what_is_raised(name):
    function, text = DOCUMENTED[name]
    assert not [error for error in raised_by(function) if not re.search(rf"[Rr]aise.*\b{error}\b", text, re.DOTALL)]


# Errors that come from further down, each of which a test of its room meets.
RAISES = {
    "load": ["Unreadable", "Unsafe"],
    "replay": ["Unreadable"],
    "predict": ["NotReplayable", "Unreadable"],
    "verify": ["Unsafe", "Unsupported", "NothingChecked", "ReferenceFailed", "Unreadable"],
    "record": ["NothingChecked", "Unsupported"],
    "convert": ["Unsupported", "ReferenceFailed"],
    "Recorded": ["Unreadable"],
    "Model.__getitem__": ["NoSuchLayer", "TypeError"],
    "Model.get_layer": ["NoSuchLayer", "ValueError"],
    "Model.get_weights": ["NotReplayable"],
    "Model.saved": ["Unsupported"],
    "Weight.array": ["NotReplayable", "Unreadable", "ValueError"],
    "Trace.output": ["NotReplayable"],
    "keras_layer": ["TypeError"],
    "keras_lambda": ["TypeError"],
}


@pytest.mark.parametrize("name", RAISES)
def test_docstrings_say_what_is_raised_further_down(name):
    text = " ".join(DOCUMENTED[name][1].split())
    told = re.search(r"[Rr]aises (.*)", text)[1]
    assert not [error for error in RAISES[name] if error not in told]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_have_no_words_of_the_house(name):
    _, text = DOCUMENTED[name]
    assert not re.search(r"\b[Ss]ides?\b|\btwins?\b(?!``)", text.replace("no_twin", "").replace("``twin``", "")), text


# What is no use by itself says so.


def test_a_model_inside_another_has_no_file():
    inner = weightscope.load(SAMPLES / "lstm_nested.keras")["encoder"]
    x = np.load(SAMPLES / "lstm_nested_input.npy")
    assert inner.is_part and weightscope.predict(inner, x).shape == (4, 4)
    for use in (lambda: inner.saved, lambda: inner.ledger, lambda: weightscope.verify(inner, x),
                lambda: weightscope.record(inner, x)):
        with pytest.raises(weightscope.Unsupported, match="'encoder' is a part of another"):
            use()


def test_an_open_npz_is_taken_by_name():
    model = weightscope.load(SAMPLES / "two_inputs.h5")
    with np.load(SAMPLES / "two_inputs_input.npz") as arrays:
        found = weightscope.predict(model, arrays)
        expected = weightscope.predict(model, dict(arrays))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("use", ["replay", "predict", "verify", "record", "convert"])
def test_a_path_is_no_model(use):
    with pytest.raises(TypeError, match=r"as weightscope\.load\(path\) returns it, got str"):
        PUBLIC[use]("model.h5", np.zeros((1, 2)))


def test_numpy_takes_a_layer_for_no_sequence():
    model = weightscope.load(SAMPLES / "xor_relu.h5")
    assert np.array([model, model["dense"]], dtype=object).shape == (2,)
