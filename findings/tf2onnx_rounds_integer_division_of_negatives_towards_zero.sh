#!/usr/bin/env bash
# keras.ops on negative integers, infinities and absent classes: exported to ONNX they run, and give other values.
#
# Versions: Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, onnx 1.23.2, onnxruntime 1.32.0.
# Behaviour: FloorDiv and FloorMod of int32 become Div and Mod, which round towards zero and take the sign of the dividend.
# one_hot of -1, all zeros in Keras, is the last class, as ONNX counts from the end. nan_to_num gives NaN for infinity,
# where Keras gives the largest float. Nothing is said when exporting or running.
# Output seen: -7 // 2 = -3 for -4; -7 % 3 = -1 for 2; one_hot(-1, 4) = [0, 0, 0, 1] for zeros; nan_to_num(inf) = nan.
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


def both(operation, values, dtype):
    entry = keras.Input((len(values),), dtype=dtype)
    model, x = keras.Model(entry, operation(entry)), np.array([values], dtype)
    predicted = model.predict(x, verbose=0)
    model.export("model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession("model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    print("ONNX", found.tolist(), "Keras", predicted.tolist())
    return found[0], predicted[0]


found, predicted = both(lambda x: x // 2, [-7, 7], "int32")
assert found.tolist() == [-3, 3] and predicted.tolist() == [-4, 3]
found, predicted = both(lambda x: x % 3, [-7, 7], "int32")
assert found.tolist() == [-1, 1] and predicted.tolist() == [2, 1]
found, predicted = both(lambda x: keras.ops.one_hot(x, 4), [-1, 1], "int32")
assert found[0].tolist() == [0, 0, 0, 1] and predicted[0].tolist() == [0, 0, 0, 0]
found, predicted = both(keras.ops.nan_to_num, [np.inf, 1.0], "float32")
assert np.isnan(found[0]) and predicted[0] == np.finfo("float32").max
PY
