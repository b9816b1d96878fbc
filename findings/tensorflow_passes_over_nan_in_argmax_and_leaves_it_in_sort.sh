#!/usr/bin/env bash
# argmax and argmin of TensorFlow pass over NaN, and sort leaves it where it was; NumPy's give its place, and its end.
#
# Versions: TensorFlow 2.21.0 with NumPy 2.4.
# Behaviour: for [1, 3, nan, 2, 3] NumPy's argmax and argmin return 2, the place of the NaN, and its sort puts the NaN
# last. TensorFlow's argmax returns 1, its argmin 0, and its sort does not order the numbers beside the NaN either.
# A replay of a model in NumPy, or a port of it, differs there without any rounding.
# Output seen: argmax 1 against 2, argmin 0 against 2, sort [1, 3, nan, 2, 3] against [1, 2, 3, 3, nan].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check tensorflow==2.21.0 numpy==2.4.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import numpy as np
import tensorflow as tf

x = np.array([1, 3, np.nan, 2, 3], "float32")
print("argmax", int(tf.argmax(x)), int(np.argmax(x)))
print("argmin", int(tf.argmin(x)), int(np.argmin(x)))
print("sort", tf.sort(x).numpy().tolist(), np.sort(x).tolist())
assert (int(tf.argmax(x)), int(np.argmax(x))) == (1, 2)
assert (int(tf.argmin(x)), int(np.argmin(x))) == (0, 2)
np.testing.assert_array_equal(tf.sort(x), x)
np.testing.assert_array_equal(np.sort(x), np.array([1, 2, 3, 3, np.nan], "float32"))
PY
