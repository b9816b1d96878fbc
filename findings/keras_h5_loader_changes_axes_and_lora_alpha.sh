#!/usr/bin/env bash
# A Keras .h5 file holds a list of axes, and lora_alpha, and Keras' own loader makes something else of both.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: Softmax(axis=[1, 2]) saved to .h5 comes back with axis=-1, and sums to 1 for each row instead of each
# sample. Dense with enable_lora(2, lora_alpha=8.0) comes back from either format with lora_alpha=2, the rank; a .keras
# file has the product in its kernel, and predicts the same, an .h5 has it not, and predicts something else. No warning.
# Output seen: axis [1, 2] -> -1, sums [1, 1] -> [3, 3]; lora_alpha 8.0 -> 2, .keras the same predictions, .h5 others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np

rng = np.random.default_rng(0)


def again(model, path):
    model.save(path)
    return keras.models.load_model(path)


entry = keras.Input((3, 6))
softmax = keras.Model(entry, keras.layers.Softmax(axis=[1, 2])(entry))
x = rng.normal(size=(2, 3, 6)).astype("float32")
for path, axis, total in (("softmax.keras", [1, 2], 1), ("softmax.h5", -1, 3)):
    loaded = again(softmax, path)
    sums = loaded.predict(x, verbose=0).sum(axis=(1, 2))
    print(path, "axis", loaded.layers[-1].axis, "sums", np.round(sums, 5))
    assert loaded.layers[-1].axis in (axis, tuple(axis) if isinstance(axis, list) else axis)
    assert np.allclose(sums, total)

entry, dense = keras.Input((6,)), keras.layers.Dense(5)
model = keras.Model(entry, dense(entry))
dense.enable_lora(2, lora_alpha=8.0)
for weight in model.weights:
    weight.assign(rng.normal(size=weight.shape))
x = rng.normal(size=(4, 6)).astype("float32")
for path, expected in (("lora.keras", True), ("lora.h5", False)):
    loaded = again(model, path)
    same = np.allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-4)
    print(path, "lora_alpha", loaded.layers[-1].lora_alpha, "same predictions", same)
    assert loaded.layers[-1].lora_alpha == 2 and same == expected
PY
