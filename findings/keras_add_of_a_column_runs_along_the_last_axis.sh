#!/usr/bin/env bash
# keras.ops.add of a square and a column adds the column as a row.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: where the second argument has one axis that is longer than 1, and the last axis of the first has just that
# length, Keras squeezes the second and calls tf.nn.bias_add, which adds it along the last axis (add in
# keras/src/backend/tensorflow/numpy.py). NumPy's broadcasting, which the documentation speaks of, adds it along the
# axis that it stands on. The same sum with another length of the last axis is NumPy's. Additions in a graph (x + y,
# layers.Add) go the same way.
# Output seen: square: rows [0, 1, 2] three times, NumPy has [0, 0, 0], [1, 1, 1], [2, 2, 2]; 3 x 4: as NumPy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np

column = np.array([[0.0], [1.0], [2.0]], "float32")
for width in (3, 4):
    x = np.zeros((1, 3, width), "float32")
    found, expected = np.asarray(keras.ops.add(x, column)), x + column
    print(f"3 x {width}: Keras {found[0].tolist()}, NumPy {expected[0].tolist()}")
    assert (found == expected).all() == (width == 4)
    if width == 3:
        assert (found[0] == [0.0, 1.0, 2.0]).all()
PY
