#!/usr/bin/env bash
# A stateful LSTM saved to .keras begins with zeros; exported, it begins where the last predict ended, in every process.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: model.save keeps no states. model.export writes them into the SavedModel as it does with weights: whoever
# loads it has the states of the last batch that was predicted before exporting, and no endpoint that resets them.
# Output seen: the loaded .keras gives the numbers of the fresh model; each load of the SavedModel gives those of a second
# batch, as the model itself would have after the first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(1, 3, 2)).astype("float32")
model = keras.Sequential([keras.Input(batch_shape=(1, 3, 2)), keras.layers.LSTM(2, stateful=True)])
first = model.predict(x, verbose=0)
model.save("model.keras")
model.export("served", verbose=False, input_signature=[keras.InputSpec(shape=(1, 3, 2), dtype="float32")])
second = model.predict(x, verbose=0)

loaded = keras.models.load_model("model.keras").predict(x, verbose=0)
loads = [tf.saved_model.load("served") for _ in range(2)]
served = [load.serve(x).numpy() for load in loads]
print("first", first, "second", second, ".keras", loaded, "served", *served)
assert np.allclose(loaded, first, atol=1e-6)
assert all(np.allclose(each, second, atol=1e-6) for each in served)
assert not np.allclose(first, second, atol=1e-3)
PY
