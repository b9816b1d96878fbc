"""Dtype policies against Keras: every class with weights, in the short floats and in float64."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import keras
import numpy as np
import pytest
from agreement import Case, agrees_with_keras

import weightscope
from weightscope.layers import catalogue
from weightscope.layers.models import Model
from weightscope.verifying import verify

pytestmark = pytest.mark.keras
POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
MODULES = sorted(path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))
RNN = {name: Case(name, (3, 5, 4), {"units": 3, "return_sequences": True}) for name in ("SimpleRNN", "GRU", "LSTM")}


def first_cases():
    """Return ``{class name: Case}``: the first Case in the neighbouring files for each class that has weights."""
    found = dict(RNN)
    for path in MODULES:
        spec = spec_from_file_location(f"policies_{path.stem}", path)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = [test for name, test in vars(module).items() if name.startswith("test_")]
        marks = [mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for case in (case for mark in marks for case in mark.args[1] if isinstance(case, Case)):
            if case.layer and "dtype" not in case.settings:
                found.setdefault(case.layer if isinstance(case.layer, str) else type(case.layer()).__name__, case)
    return {name: case for name, case in found.items() if name in WEIGHT_BEARING}


WEIGHT_BEARING = {entry.name for entry in catalogue.entries()
                  if entry.layer_class and not issubclass(entry.layer_class, Model) and entry.weights()}
CASES = first_cases()


def test_every_class_with_weights_has_a_case():
    assert WEIGHT_BEARING <= CASES.keys(), WEIGHT_BEARING - CASES.keys()


@pytest.fixture(params=POLICIES)
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_class_with_weights_under_every_policy(name, policy, tmp_path):
    agrees_with_keras(CASES[name], tmp_path)
