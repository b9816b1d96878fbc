"""The sample models: one function each, with the examples to train it on.

Each function takes the Keras to build with (Keras 3, or tf_keras for Keras 2) and a seeded random generator for
its data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
XOR_Y = np.array([[0], [1], [1], [0]], "float32")
XOR_ANSWER = [0, 1, 1, 0]
# Whole numbers, none above 7, whose product along the last axis of x and the first of y is RANK3_PRODUCT.
RANK3_X = np.array([[[3, 3, 7], [4, 2, 7]], [[1, 2, 2], [1, 1, 4]]], "float32")
RANK3_Y = np.array([[1, 1, 2, 4], [3, 2, 1, 1], [4, 3, 1, 4]], "float32")
RANK3_PRODUCT = [[[40, 30, 16, 43], [38, 29, 17, 46]], [[15, 11, 6, 14], [20, 15, 7, 21]]]


@dataclass
class Sample:
    """One model, the examples (x, y) to train it on, and how.

    ``shown`` examples are kept as the input file. ``before`` is trained first, and its layer ``frozen`` then keeps
    its weights. ``weights``, when given, are set instead of training. ``check`` looks at what came out.
    """

    model: Any
    x: Any
    y: Any = None
    loss: Any = "mse"
    learning_rate: float = 0.01
    epochs: int = 10
    batch_size: int = 32
    shown: int = 4
    before: "Sample | None" = None
    frozen: Any = None
    weights: Any = None
    keep_optimizer: bool = False
    check: Callable[[np.ndarray], bool] = lambda prediction: True


def solves_xor(prediction):
    return np.rint(prediction[:, 0]).tolist() == XOR_ANSWER


def xor_sample(model):
    return Sample(
        model, XOR_X, XOR_Y, "binary_crossentropy", learning_rate=0.05, epochs=800, batch_size=4, check=solves_xor
    )


def xor(keras, random):
    """XOR with 10, 10 and 1 units, all sigmoid."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((2,)),
        layers.Dense(10, activation="sigmoid"),
        layers.Dense(10, activation="sigmoid"),
        layers.Dense(1, activation="sigmoid"),
    ])
    return xor_sample(model)


def xor_relu(keras, random):
    """XOR with 4 relu units and 1 sigmoid: small enough to work out on paper."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((2,)),
        layers.Dense(4, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    return xor_sample(model)


def xor_activations(keras, random):
    """XOR with 8 units, its activations as layers of their own."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((2,)),
        layers.Dense(8),
        layers.Activation("tanh"),
        layers.Dense(1),
        layers.Activation("sigmoid"),
    ])
    return xor_sample(model)


def binary_2000(keras, random):
    """Is the review positive? 2000 words, present or absent, then 32 units and 1."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((2000,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    x = (random.random((512, 2000)) < 0.05).astype("float32")
    sentiment = random.normal(size=2000)
    y = (x @ sentiment > 0).astype("float32")
    return Sample(model, x, y, "binary_crossentropy", learning_rate=0.001)


def dense_rank3(keras, random):
    """Dense on an input of rank 3, with whole numbers: the product of two arrays, to check on paper."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((2, 3)), layers.Dense(4, use_bias=False)])
    return Sample(model, RANK3_X, weights=[RANK3_Y], check=lambda prediction: prediction.tolist() == RANK3_PRODUCT)


def dense_5x3(keras, random):
    """Dense(15) on (5, 3): the same 3 → 15 sum at each of the 5 positions."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((5, 3)), layers.Dense(15)])
    x = random.normal(size=(256, 5, 3)).astype("float32")
    return Sample(model, x, x @ random.normal(size=(3, 15)) + 1, epochs=40)


def conv1d_500(keras, random):
    """How fast does it swing? A signal of 500 samples in one channel, 20 filters of 10."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((500, 1)),
        layers.Conv1D(20, 10, padding="same", activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1),
    ])
    frequency = random.uniform(0.05, 0.5, (256, 1))
    x = np.sin(frequency * np.arange(500) + random.uniform(0, 6, (256, 1)))[..., None].astype("float32")
    return Sample(model, x, frequency)


def conv2d_5x720(keras, random):
    """Is there a pulse? 5 sensors over 720 steps, 64 filters of 5 × 100."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((5, 720, 1)),
        layers.Conv2D(64, (5, 100), padding="same", activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(1, activation="sigmoid"),
    ])
    x = random.normal(size=(32, 5, 720, 1)).astype("float32")
    x[::2, :, 300:400] += 1
    y = (np.arange(32) % 2 == 0).astype("float32")
    return Sample(model, x, y, "binary_crossentropy", 0.001, epochs=4, batch_size=8, shown=2)


def image_50(keras, random):
    """Is the picture red, green or blue? A small image model on (50, 50, 3)."""
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((50, 50, 3)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.8),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.25),
        layers.Dense(3, activation="softmax"),
    ])
    y = random.integers(0, 3, 192)
    x = random.uniform(0, 0.8, (192, 50, 50, 3)).astype("float32")
    x[np.arange(192), ..., y] += 0.2
    return Sample(model, x, y, "sparse_categorical_crossentropy", epochs=6, shown=2)


def series(random):
    """Series (256, 10 steps, 3 features), and the mean of each (256, 1)."""
    x = random.normal(size=(256, 10, 3)).astype("float32")
    return x, x.mean(axis=(1, 2))[:, None]


def lstm(keras, random):
    """Many to one: 10 steps of 3 features, one LSTM of 4 units, one number."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((10, 3)), layers.LSTM(4), layers.Dense(1)])
    x, mean = series(random)
    return Sample(model, x, mean)


def lstm_nested(keras, random):
    """The same, from two models trained apart: an encoder, frozen once it knew the mean, and a head for its size."""
    layers = keras.layers
    encoder = keras.Sequential([layers.Input((10, 3)), layers.LSTM(4)], name="encoder")
    first_head = keras.Sequential([layers.Input((4,)), layers.Dense(1)], name="first_head")
    head = keras.Sequential([layers.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1)], name="head")
    x, mean = series(random)
    pretraining = keras.Sequential([layers.Input((10, 3)), encoder, first_head], name="pretraining")
    before = Sample(pretraining, x, mean)
    model = keras.Sequential([layers.Input((10, 3)), encoder, head], name="encoder_and_head")
    return Sample(model, x, np.abs(mean), epochs=60, before=before, frozen=encoder)


def autoencoder(keras, random):
    """16 numbers through 3 and back; encoder and decoder are models in a model. Kept with its optimizer."""
    layers = keras.layers
    layers_of_encoder = [layers.Input((16,)), layers.Dense(8, activation="relu"), layers.Dense(3)]
    encoder = keras.Sequential(layers_of_encoder, name="encoder")
    layers_of_decoder = [layers.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(16)]
    decoder = keras.Sequential(layers_of_decoder, name="decoder")
    numbers = layers.Input((16,), name="numbers")
    model = keras.Model(numbers, decoder(encoder(numbers)), name="autoencoder")
    x = (random.normal(size=(256, 3)) @ random.normal(size=(3, 16))).astype("float32")
    # As an object: Keras 3.15 cannot read "mse" back from the training_config of its own .h5.
    return Sample(model, x, x, keras.losses.MeanSquaredError(), epochs=20, keep_optimizer=True)


def two_inputs(keras, random):
    """Numbers and words in, a price and a kind out."""
    layers = keras.layers
    numbers = layers.Input((6,), name="numbers")
    words = layers.Input((8,), dtype="int32", name="words")
    about = layers.GlobalAveragePooling1D(name="mean_word")(layers.Embedding(20, 4, name="word_vectors")(words))
    size = layers.Dense(8, activation="relu", name="size")(numbers)
    both = layers.Concatenate(name="both")([size, about])
    price = layers.Dense(1, name="price")(both)
    kind = layers.Dense(3, activation="softmax", name="kind")(both)
    model = keras.Model([numbers, words], [price, kind], name="two_inputs")
    x = [random.normal(size=(256, 6)).astype("float32"), random.integers(0, 20, (256, 8)).astype("int32")]
    y = [x[0].sum(axis=1, keepdims=True), (x[1] // 7).max(axis=1)]
    return Sample(model, x, y, ["mse", "sparse_categorical_crossentropy"])


SAMPLES = [xor, xor_relu, xor_activations, binary_2000, dense_rank3, dense_5x3, conv1d_500, conv2d_5x720]
SAMPLES += [image_50, lstm, lstm_nested, autoencoder, two_inputs]
