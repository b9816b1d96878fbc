"""Every layer of Keras 2, and what it asks of old files: held against tf_keras, in both formats."""

import json

import h5py
import numpy as np
import pytest
from keras2_models import CASES, RNG, K, L, seen

import weightscope

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", CASES)
def test_gives_what_tf_keras_gives(name, form, tmp_path):
    theirs = seen(name)
    if form not in theirs.files:
        pytest.skip("Keras cannot save it so")
    (tmp_path / f"model.{form}").write_bytes(theirs.files[form])
    opened = weightscope.load(tmp_path / f"model.{form}")
    assert opened.ledger.closes
    assert not opened.ledger.unclaimed
    assert not opened.ledger.problems
    trace = weightscope.replay(opened, theirs.x)
    assert not trace.missing, trace.missing
    assert theirs.parameters in (None, opened.count_params())
    if theirs.y.dtype.kind == "O":
        assert trace.output.tolist() == theirs.y.tolist()
    else:
        scale = np.abs(theirs.y).max(initial=1)
        np.testing.assert_allclose(trace.output, theirs.y, rtol=1e-4, atol=1e-5 * scale)
    assert tuple(opened.output_shape(opened.shapes())[1:]) == tuple(theirs.output_shape[1:])


def test_arrays_of_a_graphics_card(tmp_path):
    """tf_keras itself turns the arrays of CuDNNLSTM and CuDNNGRU into those of LSTM and GRU; both give the same."""
    for plain, gates, settings in ((L.LSTM, 4, {}), (L.GRU, 3, {"reset_after": True})):
        x = RNG.normal(size=(2, 7, 5)).astype("float32")
        shapes = (5, 3 * gates), (3, 3 * gates), (2 * 3 * gates,)
        arrays = [RNG.uniform(-0.7, 0.9, shape).astype("float32") for shape in shapes]
        name = f"CuDNN{plain.__name__}"
        theirs = K.Sequential([K.Input((7, 5)), plain(3, return_sequences=True, **settings)])
        turned = preprocess(theirs.layers[0], arrays)
        theirs.layers[0].set_weights(turned)
        theirs.save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5", "r+") as file:
            config = json.loads(file.attrs["model_config"])
            layer = config["config"]["layers"][-1]
            layer["class_name"] = name
            kept = ("name", "trainable", "dtype", "units", "return_sequences")
            layer["config"] = {key: layer["config"][key] for key in kept}
            file.attrs["model_config"] = json.dumps(config)
            group = file["model_weights"][layer["config"]["name"]]
            for path, array in zip(list(group.attrs["weight_names"]), arrays):
                del group[path]
                group[path] = array
        opened = weightscope.load(tmp_path / "model.h5")
        assert not opened.ledger.problems
        assert opened.layers[0].class_name == name
        np.testing.assert_allclose(weightscope.predict(opened, x), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def preprocess(layer, arrays):
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    return preprocess_weights_for_loading(layer, arrays, "2")
