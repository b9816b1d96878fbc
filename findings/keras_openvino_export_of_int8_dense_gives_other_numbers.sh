#!/usr/bin/env bash
# A Dense layer quantized to int8 and exported for OpenVINO runs there without a word, and gives other numbers.
#
# Versions: Keras 3.15.1, TensorFlow 2.21.0, OpenVINO 2026.4.1 with scipy 1.17.1, on a CPU, precision hint f32.
# Behaviour: Keras' int8 Dense rounds its input to int8, multiplies integers and divides by both scales. The SavedModel of
# the same model gives predict's numbers to the last digits, and so does OpenVINO for the layer before it is quantized. Of
# the quantized one OpenVINO gives little more than the bias.
# Output seen: float32 1e-7 apart; int8 1.69 apart where predict's largest value is 4.69; SavedModel of it 0 apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 tensorflow==2.21.0 openvino==2026.4.1 scipy==1.17.1
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np
import openvino
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")


def apart(mode):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    if mode:
        model.quantize(mode)
    model.layers[0].bias.assign([1.0, 2.0, 3.0])
    predicted = model.predict(x, verbose=0)
    model.export("model.xml", format="openvino", verbose=False)
    compiled = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    model.export("saved", verbose=False)
    loaded = tf.saved_model.load("saved")
    gaps = [float(abs(found - predicted).max()) for found in (compiled(x)[0], loaded.serve(x).numpy())]
    print(mode or "float32", "largest", float(abs(predicted).max()), "OpenVINO and SavedModel apart by", *gaps)
    return gaps


openvino_gap, saved_gap = apart(None)
assert openvino_gap < 1e-5 and saved_gap < 1e-5
openvino_gap, saved_gap = apart("int8")
assert openvino_gap > 0.5 and saved_gap < 1e-5
PY
