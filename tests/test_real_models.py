"""Real public model files: all open with a closed ledger; recorded values are met, layer by layer."""

import h5py
import numpy as np
from real_models import FOLDER, ROWS, each_real_file

import weightscope
from weightscope.model.functional import Functional, Sequential
from weightscope.opening.loose import Loose


@each_real_file()
def test_opens_with_a_closed_ledger(row):
    model = weightscope.load(FOLDER / row["file"])
    assert isinstance(model, (Functional, Sequential, Loose))
    assert model.ledger.closes
    assert not model.ledger.unclaimed


@each_real_file([row for row in ROWS if row["expected"]])
def test_meets_recorded_values(row):
    model = weightscope.load(FOLDER / row["file"])
    with h5py.File(FOLDER / row["expected"]) as recorded:
        inputs = [recorded["inputs"][layer.name][()] if layer.name in recorded["inputs"]
                  else next(iter(recorded["inputs"].values()))[()] for layer in model.input_layers]
        trace = weightscope.replay(model, inputs[0] if len(inputs) == 1 else inputs)
        activations = {name: values[()] for name, values in recorded["activations"].items()}
    checked = [name for name in activations if name in trace]
    for name in checked:
        np.testing.assert_allclose(trace[name], activations[name], rtol=1e-4, atol=1e-5)
    if not trace.missing:
        assert set(activations) == set(checked)
    else:  # said, never passed over: each missing layer names its reason
        assert all(trace.missing.values())
