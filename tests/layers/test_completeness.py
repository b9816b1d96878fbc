"""Every layer class of Keras is replayed, or excused with a reason; and each that is replayed is held against Keras."""

import inspect
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import keras
import pytest
from agreement import Case
from running import run

from weightscope.layers import catalogue, families
from weightscope.model.excused import ALIASES, EXCUSED
from weightscope.model.layer import Unknown, layer_from
from weightscope.model.registry import known_classes

families.bring_all()

pytestmark = pytest.mark.keras
PUBLIC = {name: found for name, found in vars(keras.layers).items()
          if inspect.isclass(found) and issubclass(found, keras.layers.Layer)}
CLASSES = {found.__name__ for found in PUBLIC.values()}


def test_keras_has_the_classes_that_we_know_of():
    assert (len(PUBLIC), len(CLASSES)) == (163, 143)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_is_replayed_or_excused(name):
    if name in EXCUSED:
        _, standing, reason = EXCUSED[name]
        assert standing in ("foreign", "abstract", "needs your code") and reason
    else:
        assert name in known_classes()


def test_no_excuse_is_stale():
    assert EXCUSED.keys() <= CLASSES
    assert EXCUSED.keys() & known_classes().keys() == {"Lambda"}  # known, to show it


def test_aliases_are_keras_aliases():
    assert {name: found.__name__ for name, found in PUBLIC.items() if name != found.__name__} == ALIASES


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_has_its_page(name):
    entry = catalogue.entry_of(name)
    assert entry.name == PUBLIC[name].__name__
    if entry.layer_class is None or entry.name == "Lambda":
        assert entry.reason
        return
    assert entry.text and entry.formula and not entry.problem()
    _, output = entry.shape()
    assert output is not None
    arguments = inspect.signature(PUBLIC[name].__init__).parameters
    if not any(p.kind is p.VAR_POSITIONAL for p in arguments.values()):
        ours = [setting for setting, *_ in entry.settings()]
        base = set(inspect.signature(keras.layers.Layer.__init__).parameters) | {"batch_shape", "data_format"}
        assert not [s for s in ours if s not in arguments and s not in base and "kwargs" not in arguments], ours


def test_weights_on_a_page_are_those_of_keras():
    layer = keras.layers.LSTM(4)
    layer.build((None, 5, 3))
    rows = catalogue.entry_of("LSTM").weights()
    assert [(weight.name, len(weight.axes.split())) for _, weight, _ in rows] == [
        (weight.name, len(weight.shape)) for weight in layer.weights]
    assert {path for path, weight, _ in catalogue.entry_of("BatchNormalization").weights() if weight.trainable} == {
        "gamma", "beta"}
    assert {condition for *_, condition in catalogue.entry_of("Attention").weights()} == {
        "use_scale=True", "score_mode='concat'"}


def layers_in(value):
    """Yield the class names in a test's parameters: of Cases, of Keras layers and what is inside them, plain names."""
    if isinstance(value, Case):
        yield from layers_in(value.layer() if callable(value.layer) else value.layer)
        yield from layers_in(value.settings)
    elif isinstance(value, keras.layers.Layer):
        yield from (type(inner).__name__ for inner in value._flatten_layers())
    elif isinstance(value, str):
        yield ALIASES.get(value, value)
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from layers_in(item)


@pytest.fixture(scope="module")
def tested():
    """The names of all classes that tests/layers builds, in a parameter or in a test; an input is in each of them."""
    found = {"InputLayer"}
    for path in sorted(set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)}):
        spec = spec_from_file_location(f"completeness_{path.stem}", path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= set(re.findall(r"keras\.layers\.(\w+)\(", path.read_text()))
        for test in vars(module).values():
            marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
            found |= {name for mark in marks for name in layers_in(list(mark.args[1]))}
    return found


@pytest.mark.parametrize("name", sorted(CLASSES - EXCUSED.keys()))
def test_every_replayed_class_has_a_case(name, tested):
    assert name in tested


def test_what_is_foreign_says_why():
    layer = layer_from({"class_name": "TFSMLayer", "module": "keras.layers", "config": {"name": "t"}})
    assert isinstance(layer, Unknown) and "SavedModel" in layer.refusal()
    own = layer_from({"class_name": "TFSMLayer", "module": "mine", "registered_name": "m>TFSMLayer", "config": {}})
    assert "SavedModel" not in own.refusal() and "--layer-code" in own.refusal()


@pytest.mark.parametrize(("arguments", "status", "said"), [
    (["layers"], 0, "needs your code  Lambda: it holds Python code"),
    (["layers", "Convolution2D"], 0, "Conv2D  convolutional  replayed\nalso Convolution2D\n"),
    (["layers", "Dense"], 0, "(batch, features) → (batch, units)"),
    (["layers", "LSTM"], 0, "cell/kernel            (in × i|f|c|o: units)"),
    (["layers", "Conv1D", "--format", "markdown"], 0, "| `kernel` | `(steps × in × filters)` |  |"),
    (["layers", "TFSMLayer", "--format", "json"], 0, '"standing": "foreign"'),
    (["layers", "Dence"], 2, "Did you mean Dense"),
])
def test_the_command(arguments, status, said):
    done = run(*arguments)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
