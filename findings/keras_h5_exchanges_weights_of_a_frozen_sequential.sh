#!/usr/bin/env bash
# A model saved as .h5 and loaded again predicts something else: layers of a frozen Sequential have each other's weights.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: a legacy .h5 lists the weights of a nested model in the order trainable, then non-trainable, and loading
# goes by that order alone (keras/src/legacy/saving/legacy_h5_format.py, _legacy_weights). A frozen Sequential lists them
# as they come; its config does not keep the flag, so the loaded one is not frozen, and expects its thawed layer first.
# The names beside the arrays are right, and are not looked at. Where shapes are equal nothing is raised. The same base as
# a Functional keeps its flag, and is loaded as it was.
# Output seen: the Sequential is off by 0.6 after loading, the Functional by 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def base(kind):
    layers = [keras.layers.Dense(4, name=name) for name in ("d1", "d2", "d3")]
    found = keras.Sequential([keras.Input((4,)), *layers], name="base")
    return found if kind == "Sequential" else keras.Model(found.inputs[0], found.outputs[0], name="base")


for kind in ("Sequential", "Functional"):
    frozen = base(kind)
    model = keras.Sequential([keras.Input((4,)), frozen, keras.layers.Dense(1)])
    frozen.trainable = False
    frozen.get_layer("d3").trainable = True
    wanted = model.predict(x, verbose=0)
    model.save("model.h5")
    again = keras.models.load_model("model.h5", compile=False).predict(x, verbose=0)
    apart = float(np.abs(again - wanted).max())
    print(kind, "loaded again: apart by", round(apart, 4))
    assert (apart > 0.01) == (kind == "Sequential")
PY
