"""What a config may name, and what is never handed to Keras: told without any Keras."""

import copy
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from running import run

import weightscope
from weightscope.errors import Unsafe
from weightscope.files.read import read
from weightscope.reference.choosing import Reference
from weightscope.reference.nameable import compiled_with, unnameable
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


@pytest.mark.parametrize("config", HARMLESS, ids=lambda config: str(config)[:60])
def test_what_keras_writes_is_handed_on(config):
    assert unnameable({"config": {"layers": [config]}}) is None


HAZARDS = [
    (dense(activation=function("normalize", "keras.utils")), "keras.utils.normalize"),
    (dense(activation=function("run_it")), "the function run_it"),
    (dense(activation=function("run_it", "my_package.functions")), "--allow-function my_package.functions.run_it"),
    (dense(activation={"class_name": "function", "module": "keras.activations", "config": {"name": "relu"}}),
     "no function"),
    (dense(kernel_initializer={"module": "my_package", "class_name": "Own", "config": {}}), "of the module my_package"),
    (dense(bias_initializer={"module": "keras.utils", "class_name": "normalize", "config": {}}), "no class of Keras"),
    ({**DENSE, "registered_name": "other>Thing"}, "under the name of 'other>Thing'"),
    ({**DENSE, "class_name": "TorchModuleWrapper"}, "TorchModuleWrapper"),
    ({**DENSE, "class_name": "TFSMLayer"}, "TFSMLayer"),
    ({**DENSE, "class_name": "InstanceMethod"}, "InstanceMethod"),
    ({"class_name": "__lambda__", "config": {"value": "e30="}}, "Python code"),
    ({"class_name": "__typespec__", "config": []}, "__typespec__"),
    (dense(inbound_nodes=[{"args": [function("normalize", "keras.utils")], "kwargs": {}}]), "keras.utils.normalize"),
    ({**DENSE, "compile_config": {"loss": function("system", "os")}}, "os.system"),
    ({**DENSE, "class_name": "StringLookup", "config": {"name": "d", "vocabulary": "words.txt"}},
     "from another file"),
]


@pytest.mark.parametrize(("config", "reason"), HAZARDS, ids=lambda given: given if isinstance(given, str) else "")
def test_what_reaches_out_is_said_with_its_place(config, reason):
    found = unnameable({"config": {"layers": [config]}})
    assert reason in found
    assert found.startswith("layer 'd' ") or "name" not in config["config"]


def test_what_the_user_trusts_is_handed_on():
    named = dense(activation=function("run_it", "my_package.functions"))
    assert unnameable(named, own=True) is None
    assert unnameable(named, allowed=("my_package.functions.run_it",)) is None
    assert unnameable(named, allowed=("run_it",)) is None
    assert unnameable(named, allowed=("other",))
    assert "os.system" in unnameable(dense(activation=function("system", "os")), own=True)


@pytest.mark.parametrize("compiled", [
    {"loss": "mse", "metrics": ["accuracy"]}, {"loss": function("dice_coefficient", "my_package.losses")},
    {"loss": function("mean_squared_error")}, {"optimizer": {"module": "keras.optimizers", "class_name": "Adam",
                                                             "config": {"learning_rate": 0.1}}},
    {"metrics": [function("round")]}, None])
def test_what_a_model_was_compiled_with_may_be_the_users_own(compiled):
    assert compiled_with(compiled) is None


@pytest.mark.parametrize(("compiled", "reason"), [
    ({"loss": {"class_name": "__lambda__", "config": {"value": "e30="}}}, "Python code"),
    ({"metrics": [[{"module": "builtins", "class_name": "Wrapped", "config": {"fn": function("eval")}}]]}, "eval"),
    ({"loss": function("run", "subprocess")}, "subprocess.run"),
    ({"optimizer": {"module": "pathlib", "class_name": "Path", "config": {}}}, "pathlib.Path"),
])
def test_code_counts_in_what_a_model_was_compiled_with(compiled, reason):
    assert reason in compiled_with(compiled)


@pytest.fixture
def compiled_with_code(tmp_path):
    """A copy of the XOR net whose loss is code, as an archive says it; the code is no code at all."""
    with zipfile.ZipFile("sample_models/xor.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["compile_config"] = {"loss": {"class_name": "__lambda__", "config": {"value": "e30="}}}
    members["config.json"] = json.dumps(config)
    with zipfile.ZipFile(tmp_path / "coded.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(tmp_path / "coded.keras")


def test_it_is_refused_before_keras_starts(compiled_with_code, monkeypatch):
    from weightscope.reference import choosing

    started = []
    monkeypatch.setattr(choosing, "Run", lambda *_: started.append(True))
    with pytest.raises(Unsafe, match="compiled with Python code"):
        weightscope.verify(weightscope.load(compiled_with_code), np.ones((1, 2)), against="keras")
    assert not started


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
                assert unnameable(saved.config) is None, path
                assert compiled_with([saved.training_config, (saved.config or {}).get("compile_config")]) is None


@pytest.mark.parametrize(("module", "found"), [
    (None, True), ("keras.layers", True), ("keras_hub.layers", True), ("builtins", True),
    ("tensorflow.keras.layers", False), ("keras_core.layers", False), ("my_package", False)])
def test_an_unknown_class_needs_code_but_where_keras_looks_by_itself(module, found):
    assert _keras_finds(module) == found
