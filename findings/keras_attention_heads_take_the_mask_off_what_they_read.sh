#!/usr/bin/env bash
# MultiHeadAttention removes the mask from its inputs, for every layer that reads them later.
#
# Versions: Keras 3.15.1 on TensorFlow 2.21.0.
# Behaviour: the call of MultiHeadAttention sets the mask of query, value and key to None, in place
# (keras/src/layers/attention/multi_head_attention.py). Of two attentions with equal weights on one masked tensor, only
# the one that runs first sees the mask. Which that is depends on the order in which Keras runs the graph, not on the
# order in which the code calls them: of two that are both outputs it is the first, of two that are added the second.
# Output seen: the two give other values; with the mask given to both by hand they give the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np

K = keras.layers
keras.utils.set_random_seed(0)
tokens = np.array([[1, 2, 3, 0, 0], [4, 3, 0, 0, 0]], "int32")


def model(by_hand):
    entry = keras.Input((5,), dtype="int32")
    x = K.Embedding(5, 4, mask_zero=True)(entry)
    one, two = K.MultiHeadAttention(2, 3, name="one"), K.MultiHeadAttention(2, 3, name="two")
    given = {"attention_mask": keras.ops.not_equal(entry, 0)[:, None, :]} if by_hand else {}
    return keras.Model(entry, [one(x, x, **given), two(x, x, **given)])


for by_hand in (False, True):
    found = model(by_hand)
    found.get_layer("two").set_weights(found.get_layer("one").get_weights())
    one, two = found.predict(tokens, verbose=0)
    apart = float(np.abs(one - two)[tokens > 0].max())
    print("mask by hand" if by_hand else "mask of the Embedding", "apart by", apart)
    assert (apart < 1e-6) == by_hand
PY
