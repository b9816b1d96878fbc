"""Damaged configs: whatever a config says, the file opens or a WeightscopeError says in one line why it does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from how_many import how_many

from weightscope.errors import WeightscopeError

pytestmark = pytest.mark.keras
layers = keras.layers
SCRIPT = Path(__file__).parents[1] / "hostile_configs.py"
EACH = how_many(20, 600)


def image():
    x = entry = keras.Input((8, 8, 3))
    for layer in (layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.BatchNormalization(),
                  layers.UpSampling2D(2), layers.ZeroPadding2D(1), layers.DepthwiseConv2D(3), layers.Resizing(6, 5),
                  layers.MaxPooling2D(), layers.Conv2DTranspose(2, 3), layers.SeparableConv2D(3, 2),
                  layers.Cropping2D(1), layers.Permute((2, 1, 3)), layers.Reshape((-1, 3)),
                  layers.GlobalAveragePooling1D(), layers.RepeatVector(3), layers.Dense(2, activation="softmax")):
        x = layer(x)
    return keras.Model(entry, x)


def sequence():
    tokens, numbers = keras.Input((5,), dtype="int32"), keras.Input((5, 4))
    x = layers.Embedding(7, 4, mask_zero=True)(tokens)
    shared = layers.Dense(4)
    x = layers.Concatenate()([shared(layers.Add()([x, numbers])), shared(x)])
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 2)(x, x)]))
    x = layers.TimeDistributed(layers.Dense(3))(x)
    x = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True)(x)
    x = layers.GRU(2)(layers.Attention()([x, x]))
    return keras.Model([tokens, numbers], [x, layers.Dot(1)([x, x])])


def nested():
    entry = keras.Input((4, 3), name="a")
    inner = keras.Sequential([keras.Input((4, 3)), layers.Dense(3), layers.PReLU(), layers.GroupNormalization(3)])
    x = inner(inner(entry)) * 2.0 + 1.0
    x = keras.ops.pad(keras.ops.concatenate([x, x[:, :2]], axis=1), [[0, 0], [1, 1], [0, 0]])
    x = keras.ops.reshape(keras.ops.repeat(keras.ops.transpose(x, (0, 2, 1)), 2, axis=1), (-1, 48))
    return keras.Model({"a": entry}, {"o": layers.Dense(2)(x)})


def row():
    return keras.Sequential([
        keras.Input((12, 3)), layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.ELU(),
        layers.AveragePooling1D(2), layers.SpatialDropout1D(0.2), layers.Masking(),
        layers.SimpleRNN(3, return_sequences=True), layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"),
        layers.Normalization(mean=1.0, variance=2.0), layers.Rescaling(2.0), layers.Flatten()])


def categories():
    entry, whole = keras.Input((4,)), keras.Input((3,), dtype="int64")
    x = layers.Embedding(6, 2)(layers.Discretization([0.0, 1.0])(entry))
    counts = layers.CategoryEncoding(5, "count")(layers.IntegerLookup(vocabulary=[1, 2, 3])(whole))
    return keras.Model([entry, whole], [x, counts, layers.Hashing(5)(whole)])


@pytest.mark.parametrize(("build", "ending"), [
    (image, "keras"), (sequence, "keras"), (nested, "keras"), (row, "keras"), (categories, "keras"),
    (image, "h5"), (row, "h5"),
], ids=lambda value: getattr(value, "__name__", value))
def test_damaged_configs(build, ending, tmp_path):
    keras.backend.clear_session()
    path = tmp_path / f"whole.{ending}"
    build().save(path)
    command = [sys.executable, SCRIPT, path, tmp_path, "0", str(EACH)]
    # A process of its own, with limits on memory and on the seconds for each: hostile_configs.py sets them.
    done = subprocess.run(command, capture_output=True, text=True, timeout=5000, env={**os.environ, "NO_COLOR": "1"})
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join([f"status {done.returncode}", *lines[-1:], *done.stderr.splitlines()[-12:]])
    found = json.loads(lines[-1])
    assert sum(found.values()) == EACH
    assert found["ran"] and found["Unreadable"]  # the damage is neither too small to see nor all that there is
    assert set(found) <= {"ran", "partly", "large", *(kind.__name__ for kind in _kinds(WeightscopeError))}


def _kinds(kind):
    return [kind, *(inner for sub in kind.__subclasses__() for inner in _kinds(sub))]
