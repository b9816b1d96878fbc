#!/usr/bin/env bash
# A recurrent layer of Keras 3 that is called with initial_state does not see the mask of its sequence; Keras 2's does.
#
# Versions: Keras 3.15.1 and tf_keras 2.21.0 on TensorFlow 2.21.0.
# Behaviour: Layer.__call__ fills in "mask" only where a single argument holds tensors (keras/src/layers/layer.py);
# beside initial_state it would have to be called "sequences_mask", which no recurrent layer takes. So the decoder of an
# encoder-decoder model, Embedding(mask_zero=True) → LSTM(initial_state=…), runs over the padding without a warning.
# Output seen: on padded sequences Keras 3 gives the same with a mask and without one; tf_keras gives what Keras 3 gives
# when the mask is handed over by hand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 tf_keras==2.21.0 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np
import tf_keras

tokens = np.array([[1, 2, 3, 0, 0], [4, 3, 0, 0, 0]], "int32")
rng = np.random.default_rng(0)
states = [rng.normal(size=(2, 3)).astype("float32") for _ in "hc"]
weights = [rng.normal(size=shape).astype("float32") for shape in ((5, 4), (4, 12), (3, 12), (12,))]


def decoded(library, mask_zero, by_hand=False):
    layers = library.layers
    entry, h, c = library.Input((5,), dtype="int32"), library.Input((3,)), library.Input((3,))
    given = {"mask": layers.Lambda(lambda x: x > 0, output_shape=(5,))(entry)} if by_hand else {}
    x = layers.Embedding(5, 4, mask_zero=mask_zero, name="table")(entry)
    y = layers.LSTM(3, name="lstm")(x, initial_state=[h, c], **given)
    model = library.Model([entry, h, c], y)
    model.get_layer("table").set_weights(weights[:1])
    model.get_layer("lstm").set_weights(weights[1:])
    return model.predict([tokens, *states], verbose=0)


plain, masked = decoded(keras, False), decoded(keras, True)
by_hand, keras2 = decoded(keras, False, by_hand=True), decoded(tf_keras, True)
against_none, against_each_other, against_by_hand = (
    float(np.abs(one - other).max()) for one, other in ((masked, plain), (keras2, masked), (keras2, by_hand)))
print("Keras 3, the Embedding's mask against none: apart by", against_none)
print("Keras 2 against Keras 3, the Embedding's mask: apart by", against_each_other)
print("Keras 2 against Keras 3 with the mask by hand: apart by", against_by_hand)
assert against_none == 0 and against_each_other > 0.01 and against_by_hand < 1e-6
PY
