"""Random layers of many sizes, scales and dtypes, on each of which Keras has to stay within its budget for rounding."""

import random

import keras
import numpy as np
from judging import judged

K = keras.layers


def grown(rng):
    """Return ``(layer, shape of the input without batch)`` of a random kind and size."""
    n, channels = rng.randint(1, 40), rng.choice((1, 3, 8, 33))
    activation = rng.choice(("linear", "relu", "tanh", "sigmoid", "gelu", "silu", "softmax", "selu", "exponential"))
    sequence, image = (rng.randint(2, 30), channels), (rng.randint(4, 20), rng.randint(4, 20), channels)
    return rng.choice([
        lambda: (K.Dense(n, activation=activation), (rng.choice((1, 7, 300, 3000)),)),
        lambda: (K.Dense(n, activation=activation), sequence),
        lambda: (K.Conv1D(n, 2, activation=activation), sequence),
        lambda: (K.Conv2D(n, 3, strides=rng.choice((1, 2)), activation=activation, padding="same"), image),
        lambda: (K.DepthwiseConv2D(3, activation=activation), image),
        lambda: (K.SeparableConv2D(n, 3), image),
        lambda: (K.Conv2DTranspose(n, 3, strides=2), image),
        lambda: (K.AveragePooling2D(2), image),
        lambda: (K.GlobalAveragePooling2D(), image),
        lambda: (K.BatchNormalization(), image),
        lambda: (K.LayerNormalization(epsilon=rng.choice((1e-3, 1e-7))), sequence),
        lambda: (K.UnitNormalization(), sequence),
        lambda: (K.GroupNormalization(1), image),
        lambda: (K.LSTM(rng.randint(1, 20)), sequence),
        lambda: (K.GRU(rng.randint(1, 20), return_sequences=True), sequence),
        lambda: (K.SimpleRNN(rng.randint(1, 20)), sequence),
        lambda: (K.Softmax(), sequence),
        lambda: (K.Activation(activation), sequence),
        lambda: (K.MultiHeadAttention(2, 4), sequence),
    ])()


def verdicts(seed, folder, jit=False):
    """Return the verdict on each call of the model of a seed; ``jit``: XLA compiles what Keras runs."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    keras.backend.clear_session()
    keras.config.set_dtype_policy(rng.choice(("float32", "float32", "mixed_float16", "mixed_bfloat16", "float64")))
    try:
        layer, shape = grown(rng)
        x = keras.Input(shape)
        model = keras.Model(x, layer(x, x) if isinstance(layer, K.MultiHeadAttention) else layer(x))
    finally:
        keras.config.set_dtype_policy("float32")
    for weight in layer.weights:
        low = 0.1 if "variance" in weight.name else -1
        weight.assign(numbers.uniform(low, 1, weight.shape))
    model.save(folder / "model.keras")
    scale = 10.0 ** rng.uniform(-3, 1 if layer.dtype_policy.name == "mixed_float16" else 3)
    values = (scale * numbers.normal(size=(rng.choice((1, 3, 64)), *shape))).astype("float32")
    rows, _ = judged(folder / "model.keras", values, jit, None if jit else model)
    return [row.verdict if row.verdict == "agrees" else f"{row.verdict} {row.reason} {row.fault}" for row in rows]
