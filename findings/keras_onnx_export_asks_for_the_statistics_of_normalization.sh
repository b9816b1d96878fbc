#!/usr/bin/env bash
# An adapted Normalization layer exported to ONNX leaves its mean and deviation out: they are inputs that must be given.
#
# Versions: Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, onnx 1.23.2, onnxruntime 1.32.0.
# Behaviour: Normalization keeps its statistics as constants made while the layer is built; in the exported graph they are
# captured inputs without values. Rescaling, with its numbers in the config, has one input and agrees. EfficientNet begins
# with a Normalization, so that its export asks for them too.
# Output seen: 3 inputs of which only the first is the model's, and a ValueError of onnxruntime that 2 are missing; with
# the mean and the deviation handed in, predict's numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" -W ignore - <<'PY'
import keras
import numpy as np
import onnxruntime

x = np.random.default_rng(0).normal(loc=3.0, scale=2.0, size=(50, 4)).astype("float32")


def session_of(layer):
    model = keras.Sequential([keras.Input((4,)), layer])
    predicted = model.predict(x, verbose=0)
    model.export("model.onnx", format="onnx", verbose=False)
    return onnxruntime.InferenceSession("model.onnx"), predicted


session, predicted = session_of(keras.layers.Rescaling(0.5, offset=1.0))
(entry,) = session.get_inputs()
assert np.allclose(session.run(None, {entry.name: x})[0], predicted, atol=1e-5)

layer = keras.layers.Normalization()
layer.adapt(x)
session, predicted = session_of(layer)
print([(entry.name, entry.shape) for entry in session.get_inputs()])
first, *others = session.get_inputs()
assert len(others) == 2
try:
    session.run(None, {first.name: x})
    raise SystemExit("it ran without its statistics")
except ValueError as error:
    print(error)
mean, deviation = np.asarray(layer.mean), np.sqrt(np.asarray(layer.variance))
given = {entry.name: (mean if "Sub" in entry.name else deviation).reshape(1, 4) for entry in others}
apart = abs(session.run(None, {first.name: x, **given})[0] - predicted).max()
print("with the mean and the deviation handed in: apart by", apart)
assert apart < 1e-5
PY
