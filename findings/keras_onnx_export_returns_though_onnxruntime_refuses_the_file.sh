#!/usr/bin/env bash
# model.export(format="onnx") returns as if all were well for an exact gelu, a grouped Conv2D and a wide transposed one.
#
# Versions: Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, onnx 1.23.2, onnxruntime 1.32.0.
# Behaviour: TensorFlow's Erfc (gelu with approximate=False, Keras' default in Dense) and the compiled call that a grouped
# convolution is on a CPU have no counterpart in ONNX: tf2onnx logs "not supported" and writes a node that nobody knows.
# Conv2DTranspose with strides over its kernel becomes ConvTranspose with negative pads. The tanh form of gelu is fine.
# Output seen: gelu(tanh) 2e-7 apart; exact gelu and grouped Conv2D: InvalidGraph; Conv2DTranspose: Fail, negative values.
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


def exported(layer, shape):
    model = keras.Sequential([keras.Input(shape), layer])
    x = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    predicted = model.predict(x, verbose=0)
    model.export("model.onnx", format="onnx", verbose=False)
    try:
        session = onnxruntime.InferenceSession("model.onnx")
    except Exception as error:
        print(type(layer).__name__, "written, and refused:", type(error).__name__, str(error)[-90:])
        return type(error).__name__
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    print(type(layer).__name__, "apart by", abs(found - predicted).max())
    return bool(np.allclose(found, predicted, atol=1e-5))


layers = keras.layers
assert exported(layers.Activation(lambda x: keras.ops.gelu(x, approximate=True)), (8,)) is True
assert exported(layers.Activation(lambda x: keras.ops.gelu(x, approximate=False)), (8,)) == "InvalidGraph"
assert exported(layers.Conv2D(4, 3), (6, 6, 4)) is True
assert exported(layers.Conv2D(4, 3, groups=2), (6, 6, 4)) == "InvalidGraph"
assert exported(layers.Conv2DTranspose(2, 3, strides=2), (4, 4, 2)) is True
assert exported(layers.Conv2DTranspose(2, 2, strides=3), (4, 4, 2)) == "Fail"
PY
