"""What a config may name, and what is never handed to Keras: told without any Keras."""

import copy
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from edited_models import edited
from running import run

import weightscope
from weightscope.checking import hazards
from weightscope.checking.configs import Trust, of_compiled, of_config
from weightscope.errors import Unsafe
from weightscope.files.read import read
from weightscope.model.layer import Unknown
from weightscope.reference.choosing import Reference
from weightscope.reference.safety import _keras_finds

DENSE = {"module": "keras.layers", "class_name": "Dense", "registered_name": None,
         "config": {"name": "d", "units": 2, "activation": "relu", "use_bias": True}}


def function(name, module="builtins"):
    """Return how Keras writes a function into a config."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def dense(**settings):
    """Return the config of a Dense layer with other settings."""
    found = copy.deepcopy(DENSE)
    found["config"].update(settings)
    return found


HARMLESS = [
    DENSE,
    dense(activation=function("relu")),
    dense(activation=function("relu", "keras.activations")),
    dense(activation=function("expand_dims", "keras.ops")),
    dense(kernel_initializer={"module": "keras.initializers", "class_name": "GlorotUniform",
                              "config": {"seed": None}, "registered_name": None}),
    dense(kernel_regularizer={"class_name": "L2", "config": {"l2": 0.1}}),
    dense(dtype={"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"},
                 "registered_name": None}),
    {"module": "keras.src.ops.numpy", "class_name": "Add", "registered_name": "Add", "config": {"name": "a"}},
    {"class_name": "__keras_tensor__", "config": {"shape": [None, 2], "keras_history": ["d", 0, 0]}},
    {**DENSE, "registered_name": "Dense"},
]


def findings(layer, **trust):
    """Return what is found in a model of one layer."""
    return list(of_config({"config": {"layers": [layer]}}, "config.json", Trust(**trust)))


@pytest.mark.parametrize("config", HARMLESS, ids=lambda config: str(config)[:60])
def test_what_keras_writes_is_handed_on(config):
    assert findings(config) == []


# Each with its code, words of what is said, and where below the layer it is.
HAZARDS = [
    (dense(activation=function("normalize", "keras.utils")), "WS402", "keras.utils.normalize", ".config.activation"),
    (dense(activation=function("run_it")), "WS402", "the function run_it", ".config.activation"),
    (dense(activation=function("run_it", "my_package.functions")), "WS402", "my_package.functions.run_it",
     ".config.activation"),
    (dense(activation={"class_name": "function", "module": "keras.activations", "config": {"name": "relu"}}), "WS402",
     "no function", ".config.activation"),
    (dense(activation="run_it"), "WS402", "the function run_it, which Keras would call as its activation", ".config"),
    (dense(activation="my_package.functions.run_it"), "WS402", "my_package.functions.run_it", ".config"),
    (dense(bias_initializer="print"), "WS402", "print, which Keras would call as its bias_initializer", ".config"),
    (dense(kernel_regularizer="run_it"), "WS402", "as its kernel_regularizer", ".config"),
    (dense(bias_constraint="run_it"), "WS402", "as its bias_constraint", ".config"),
    ({"class_name": "GRU", "config": {"name": "d", "inner_init": "run_it"}}, "WS402", "as its inner_init", ".config"),
    (dense(kernel_initializer={"module": "my_package", "class_name": "Own", "config": {}}), "WS403",
     "of the module my_package", ".config.kernel_initializer"),
    (dense(bias_initializer={"module": "keras.utils", "class_name": "normalize", "config": {}}), "WS403",
     "no class of Keras", ".config.bias_initializer"),
    (dense(bias_initializer={"module": "builtins", "class_name": "Exception", "config": {}}), "WS403",
     "Exception of the module builtins", ".config.bias_initializer"),
    ({**DENSE, "module": "subprocess", "class_name": "Popen"}, "WS403", "of the module subprocess", ""),
    ({**DENSE, "module": "my_package", "class_name": "load"}, "WS403", "of the module my_package", ""),
    ({**DENSE, "module": "my_package", "class_name": "Own"}, "WS404", "of the module my_package", ""),
    ({**DENSE, "registered_name": "other>Thing"}, "WS405", "under the name of 'other>Thing'", ""),
    ({**DENSE, "registered_name": "other>Dense"}, "WS405", "under the name of 'other>Dense'", ""),
    ({**DENSE, "class_name": "other>Dense"}, "WS405", "asks for other>Dense under the name of", ""),
    ({**DENSE, "registered_name": 7}, "WS405", "under the name of 7", ""),
    ({**DENSE, "module": 7}, "WS403", "is no text but 7", ""),
    ({**DENSE, "module": ["keras", "layers"]}, "WS403", "is no text but ['keras', 'layers']", ""),
    ({**DENSE, "module": "keras.utils", "class_name": "Progbar"}, "WS403", "no part of a model", ""),
    ({**DENSE, "class_name": "TorchModuleWrapper"}, "WS406", "TorchModuleWrapper", ""),
    ({**DENSE, "class_name": "TFSMLayer"}, "WS406", "TFSMLayer", ""),
    ({**DENSE, "class_name": "InstanceMethod"}, "WS406", "InstanceMethod", ""),
    ({**DENSE, "module": "keras_hub.models", "class_name": "SomeTokenizer"}, "WS406", "opens what", ""),
    ({"class_name": "__lambda__", "config": {"value": "e30="}}, "WS401", "Python code", ""),
    (dense(kernel_initializer_type="lambda"), "WS401", "Python code in its kernel_initializer", ".config"),
    ({"class_name": "__typespec__", "config": []}, "WS407", "__typespec__", ""),
    ({**DENSE, "class_name": "Lambda", "config": {"name": "d", "function": "run_it", "function_type": "function",
                                                  "module": "my_package"}}, "WS402", "my_package.run_it", ""),
    ({**DENSE, "class_name": "Lambda", "config": {"name": "d", "function": "run_it"}}, "WS402", "run_it", ""),
    (dense(inbound_nodes=[{"args": [function("normalize", "keras.utils")], "kwargs": {}}]), "WS402",
     "keras.utils.normalize", ".config.inbound_nodes[0].args[0]"),
    (dense(name="../d"), "WS410", "another folder", ""),
    (dense(arguments={"compile_config": function("run_it")}), "WS402", "run_it", ".config.arguments.compile_config"),
    ({**DENSE, "compile_config": {"loss": function("own_loss", "my_package")}}, "WS414", "my_package.own_loss",
     ".compile_config.loss"),
    ({**DENSE, "compile_config": {"loss": {"class_name": "__lambda__", "config": {}}}}, "WS414", "Python code",
     ".compile_config.loss"),
    ({**DENSE, "class_name": "StringLookup", "config": {"name": "d", "vocabulary": "words.txt"}}, "WS408",
     "from another file", ""),
    ({"class_name": "TFOpLambda", "config": {"name": "d", "function": "io.read_file"}}, "WS409", "io.read_file", ""),
    ({"class_name": "TensorFlowOpLayer", "config": {"name": "d", "node_def": {"op": "ReadFile"}}}, "WS409", "ReadFile",
     ""),
]


@pytest.mark.parametrize(("layer", "code", "said", "place"), HAZARDS,
                         ids=[f"{code} {said}" for _, code, said, _ in HAZARDS])
def test_what_reaches_out_is_said_with_its_place(layer, code, said, place):
    found, *others = findings(layer)
    assert (found.code, found.place) == (code, f"config.json config.layers[0]{place}")
    assert said in found.said and not others
    assert found.said.startswith(("layer 'd' ", "layer '../d' ")) or "name" not in layer["config"]


@pytest.mark.parametrize(("function_of", "code"), [
    ("math.reduce_sum", None), ("compat.v1.pad", None), ("nn.relu", None), ("image.resize", None), ("where", None),
    ("load_op_library", "WS409"), ("io.read_file", "WS409"), ("py_function", "WS409"), ("numpy_function", "WS409"),
    ("compat.v1.py_func", "WS409"), ("compat.v1.Print", "WS409"), ("compat.v1.train.load_variable", "WS409")])
def test_only_what_reaches_out_of_tensorflow_is_a_hazard(function_of, code):
    found = findings({"class_name": "TFOpLambda", "config": {"name": "d", "function": function_of}})
    assert [finding.code for finding in found] == ([code] if code else [])


def test_what_the_user_trusts_is_handed_on():
    named = dense(activation=function("run_it", "my_package.functions"))
    assert findings(named)[0].remedy == "--allow-function my_package.functions.run_it if you trust it"
    assert findings(named, own=True) == []
    assert findings(named, functions=("my_package.functions.run_it",)) == []
    assert findings(named, functions=("run_it",)) == []
    assert findings(named, functions=("other",))
    assert "os.system" in findings(dense(activation=function("system", "os")), own=True)[0].said


@pytest.mark.parametrize("compiled", [
    {"loss": "mse", "metrics": ["accuracy"]}, {"loss": function("mean_squared_error")},
    {"optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": {"learning_rate": 0.1}}},
    {"metrics": [function("round")]}, None])
def test_what_keras_compiles_with_is_no_finding(compiled):
    assert list(of_compiled(compiled, "training_config")) == []
    assert list(of_config({"compile_config": compiled})) == []


@pytest.mark.parametrize("kind", ["Net", "layer"])
def test_a_model_of_somebodys_own_is_told_as_one(kind):
    model = {"module": "my_package.nets", "class_name": kind, "registered_name": f"mine>{kind}",
             "config": {"name": "m", "layers": [DENSE]}}
    found, = of_config(model, "config.json")
    assert found.code == "WS404" and found.said == f"the model asks for {kind} of the module my_package.nets"


@pytest.mark.keras
@pytest.mark.parametrize("of", ["activations", "initializers", "regularizers", "constraints"])
@pytest.mark.parametrize("package", ["keras.src", "tf_keras"])
def test_every_word_that_keras_knows_is_handed_on(package, of):
    module = importlib.import_module(f"{package}.{of}")
    words = getattr(module, "ALL_OBJECTS_DICT", None) or [
        name for name in vars(module) if not name.startswith("_") and name not in ("get", "serialize", "deserialize")]
    setting = {"activations": "activation", "initializers": "kernel_initializer", "regularizers": "kernel_regularizer",
               "constraints": "kernel_constraint"}[of]
    assert len(words) > 5
    assert [word for word in words if findings(dense(**{setting: word}))] == []


@pytest.mark.keras
def test_what_a_feature_space_is_made_of_is_handed_on():
    import keras

    space = keras.utils.FeatureSpace({"a": "float_normalized", "b": "string_categorical", "c": "integer_categorical"},
                                     crosses=[("b", "c")])
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(space)))
    assert findings({"module": "keras.layers", "class_name": "Wrapper", "config": {"name": "d", "layer": config}}) == []


def test_a_layer_of_somebodys_own_answers_for_what_is_in_it():
    inside = {"module": "my_package", "class_name": "sign", "config": {}}
    assert [found.code for found in findings({**dense(activation="mine"), "module": "my_package"})] == ["WS404"]
    assert len(findings({**dense(activation="print"), "module": "my_package"})) == 2
    own = {**dense(kernel_quantizer=inside, activation=function("system", "os")), "module": "my_package"}
    assert [finding.code for finding in findings(own)] == ["WS404", "WS402"]
    assert [finding.code for finding in findings(dense(kernel_quantizer=inside))] == ["WS403"]


def test_what_a_model_was_compiled_with_may_be_the_users_own():
    found, = of_compiled({"loss": function("dice_coefficient", "my_package.losses")}, "training_config")
    assert (found.code, found.severity, found.place) == ("WS413", "note", "training_config loss")


@pytest.mark.parametrize(("compiled", "code", "said"), [
    ({"loss": {"class_name": "__lambda__", "config": {"value": "e30="}}}, "WS411", "Python code"),
    ({"metrics": [[{"module": "builtins", "class_name": "Wrapped", "config": {"fn": function("eval")}}]]}, "WS412",
     "eval"),
    ({"loss": function("run", "subprocess")}, "WS412", "subprocess.run"),
    ({"optimizer": {"module": "pathlib", "class_name": "Path", "config": {}}}, "WS412", "pathlib.Path"),
])
def test_code_counts_in_what_a_model_was_compiled_with(compiled, code, said):
    for found, in (of_compiled(compiled, "training_config"), of_config({"compile_config": compiled}, "config.json")):
        assert found.code == code and said in found.said


@pytest.fixture
def compiled_with_code(tmp_path):
    """A copy of the XOR net whose loss is code, as an archive says it; the code is no code at all."""
    edited("sample_models/xor.keras", tmp_path / "coded.keras", lambda config: config.update(
        compile_config={"loss": {"class_name": "__lambda__", "config": {"value": "e30="}}}))
    return str(tmp_path / "coded.keras")


@pytest.fixture
def nothing_starts(monkeypatch):
    """A list of the runs of Keras that were begun, none of which is; it has to stay empty."""
    from weightscope.reference import choosing

    started = []
    monkeypatch.setattr(choosing, "Run", lambda *_: started.append(True))
    yield
    assert not started


def test_it_is_refused_before_keras_starts(compiled_with_code, nothing_starts):
    with pytest.raises(Unsafe, match="WS411 the model was compiled with Python code"):
        weightscope.verify(weightscope.load(compiled_with_code), np.ones((1, 2)), against="keras")


@pytest.mark.parametrize("model", ["xor.keras", "xor.h5"])
@pytest.mark.parametrize("word", ["print", "my.module.fn"])
def test_a_word_for_a_function_is_refused_before_keras_starts(tmp_path, nothing_starts, model, word):
    path = tmp_path / model
    edited(Path("sample_models", model), path, lambda config: config["config"]["layers"][-1]["config"].update(
        activation=word))
    opened = weightscope.load(path)
    for asks in (weightscope.verify, weightscope.record):
        with pytest.raises(Unsafe, match=f"WS402 layer .* names the function {word}, .* --allow-function {word}"):
            asks(opened, np.ones((1, 2)), against="keras")


@pytest.mark.keras
@pytest.mark.parametrize("ending", ["keras", "h5", "folder"])
def test_what_a_model_in_it_was_compiled_with_can_be_left_out(tmp_path, ending):
    """Keras compiles it as it loads it; the loss that it names is nowhere to be found."""
    import keras

    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="inner")
    inner.compile(loss="mse")
    path = tmp_path / f"m.{ending.replace('folder', 'keras')}"
    keras.Sequential([keras.Input((2,)), inner, keras.layers.Dense(1)]).save(path)
    edited(path, tmp_path / f"n.{ending}", lambda config: config["config"]["layers"][1].update(
        compile_config={"loss": function("own_loss", "nowhere")}))
    model = weightscope.load(tmp_path / f"n.{ending}")
    with pytest.raises(Unsafe, match=r"WS414 layer 'inner' .* names the function nowhere.own_loss"):
        weightscope.verify(model, np.ones((1, 2)), against="keras")
    assert weightscope.verify(model, np.ones((1, 2)), against=Reference("keras", ignore_code=True))


@pytest.mark.keras
def test_what_was_compiled_with_code_can_be_run_without(compiled_with_code):
    model = weightscope.load(compiled_with_code)
    assert weightscope.verify(model, np.ones((1, 2)), against=Reference("keras", ignore_code=True))
    done = run("verify", compiled_with_code)
    assert done.returncode == 4 and "--ignore-code" in done.stderr and done.stdout == ""


def test_nothing_that_is_shipped_is_refused():
    for path in sorted(Path("sample_models").glob("*.*")):
        if path.suffix in (".h5", ".keras"):
            with read(path) as saved:
                assert hazards.of_saved(saved) == [], path


@pytest.mark.parametrize(("module", "found"), [
    (None, False), ("keras.layers", True), ("keras_hub.layers", True), ("builtins", True),
    ("tensorflow.keras.layers", False), ("keras_core.layers", False), ("my_package", False)])
def test_an_unknown_class_needs_code_but_where_keras_looks_by_itself(module, found):
    layer = Unknown({}, "mine")
    layer.class_name, layer.module = "Mine", module
    assert _keras_finds(layer) == found
