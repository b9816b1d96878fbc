#!/usr/bin/env bash
# A model with RandomFlip or RandomTranslation leaves images alone in predict, and alters them once it is exported.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: model.export traces the call without `training`. Dropout and GaussianNoise take its absence for False; the
# random image layers have `training=True` as their default, so that they go into the SavedModel as they run in training.
# Output seen: predict returns the images as they were; serve returns others, and others again for the same images; a
# model of Dropout and GaussianNoise serves its input.
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

x = np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype("float32")


def served(*layers):
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    assert np.array_equal(model.predict(x, verbose=0), x)
    model.export("served", verbose=False)
    loaded = tf.saved_model.load("served")
    return loaded.serve(x).numpy(), loaded.serve(x).numpy()


first, second = served(keras.layers.RandomFlip(seed=1), keras.layers.RandomTranslation(0.4, 0.4, seed=1))
print("images: served as they were", np.array_equal(first, x), "- twice the same", np.array_equal(first, second))
assert not np.array_equal(first, x) and not np.array_equal(first, second)
first, second = served(keras.layers.Dropout(0.5, seed=1), keras.layers.GaussianNoise(1.0, seed=1))
print("dropout, noise: served as they were", np.array_equal(first, x), np.array_equal(second, x))
assert np.array_equal(first, x) and np.array_equal(second, x)
PY
