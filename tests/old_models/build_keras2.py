"""Keras 2.0 to 2.2: models of every layer whose arrays or windows changed later, saved with what predict gives.

python build_keras2.py FOLDER [case ...], in an environment with that Keras and its backend.
"""

import os
import sys

import keras
import numpy as np
from keras import backend as K
from keras.layers import *
from keras.models import Model, Sequential

OUT = sys.argv[1]
rng = np.random.RandomState(0)
CASES = {}


def save(name, model, x):
    values = [
        (w, rng.uniform(0.3 if "variance" in w.name else -0.7, 0.9, K.get_value(w).shape).astype("float32"))
        for w in model.weights
    ]
    K.batch_set_value(values)
    xs = x if isinstance(x, list) else [x]
    out = model.predict(x, batch_size=32 if not getattr(model, "stateful", False) else 3)
    outs = out if isinstance(out, list) else [out]
    arrays = {"in_%d" % i: v for i, v in enumerate(xs)}
    arrays.update({"out_%d" % i: v for i, v in enumerate(outs)})
    model.save(os.path.join(OUT, name + ".h5"))
    np.savez(os.path.join(OUT, name + ".npz"), **arrays)


def seq(name, shape, *layers, **kw):
    def make():
        built = [layer() for layer in layers]
        model = Sequential()
        model.add(InputLayer(batch_input_shape=(3 if kw.get("batch") else None,) + shape))
        for layer in built:
            model.add(layer)
        save(name, model, rng.normal(size=(3,) + shape).astype("float32"))

    CASES[name] = make


for order in ("channels_first", "channels_last"):
    img = (2, 8, 7) if order == "channels_first" else (8, 7, 2)
    vol = (2, 5, 6, 7) if order == "channels_first" else (5, 6, 7, 2)
    o = "_cf" if order == "channels_first" else "_cl"
    D = dict(data_format=order)
    seq(
        "conv2d" + o,
        img,
        lambda D=D: Conv2D(3, (3, 2), activation="relu", **D),
        lambda D=D: Conv2D(2, 3, padding="same", **D),
    )
    seq("conv2d_stride" + o, img, lambda D=D: Conv2D(3, (3, 2), strides=(2, 1), use_bias=False, **D))
    seq("conv2d_even" + o, img, lambda D=D: Conv2D(3, (2, 4), padding="same", **D))
    seq("conv2d_same_stride" + o, img, lambda D=D: Conv2D(3, 3, strides=2, padding="same", **D))
    seq("conv2d_dilated" + o, img, lambda D=D: Conv2D(3, (2, 3), dilation_rate=2, **D))
    seq("deconv" + o, img, lambda D=D: Conv2DTranspose(3, 3, strides=2, **D))
    seq("deconv_same" + o, img, lambda D=D: Conv2DTranspose(3, 3, strides=2, padding="same", **D))
    seq("separable" + o, img, lambda D=D: SeparableConv2D(3, (3, 2), depth_multiplier=2, **D))
    seq("conv3d" + o, vol, lambda D=D: Conv3D(3, (2, 3, 2), **D), lambda D=D: MaxPooling3D(2, **D))
    seq("local2d" + o, img, lambda D=D: LocallyConnected2D(3, (3, 2), strides=(2, 1), **D))
    seq(
        "pools" + o,
        img,
        lambda D=D: Conv2D(3, 1, **D),
        lambda D=D: MaxPooling2D(2, strides=2, padding="same", **D),
        lambda D=D: AveragePooling2D(3, strides=1, padding="same", **D),
    )
    seq(
        "pools5" + o,
        img,
        lambda D=D: Conv2D(3, 1, **D),
        lambda D=D: MaxPooling2D((5, 4), strides=(2, 3), padding="same", **D),
    )
    seq(
        "pads" + o,
        img,
        lambda D=D: ZeroPadding2D(((1, 2), (0, 1)), **D),
        lambda D=D: UpSampling2D((2, 3), **D),
        lambda D=D: Cropping2D(1, **D),
        lambda D=D: GlobalAveragePooling2D(**D),
        lambda: Dense(2),
    )
    seq("flatten" + o, img, lambda D=D: Conv2D(3, 2, **D), lambda: Flatten(), lambda: Dense(2))
    seq(
        "bn" + o,
        img,
        lambda D=D: Conv2D(3, 2, **D),
        lambda D=D: BatchNormalization(axis=1 if D["data_format"] == "channels_first" else -1),
        lambda: Flatten(),
        lambda: Dense(2),
    )
    seq(
        "convlstm" + o,
        (3,) + img,
        lambda D=D: ConvLSTM2D(3, 3, padding="same", return_sequences=True, **D),
        lambda D=D: ConvLSTM2D(2, (3, 2), **D),
    )
seq("conv1d", (9, 4), lambda: Conv1D(3, 3, activation="relu"), lambda: Conv1D(2, 4, padding="same"))
seq(
    "conv1d_causal",
    (9, 4),
    lambda: Conv1D(3, 3, padding="causal"),
    lambda: Conv1D(2, 2, dilation_rate=2, padding="causal"),
)
seq("conv1d_stride", (9, 4), lambda: Conv1D(3, 3, strides=2, padding="same"))
seq(
    "pool1d",
    (9, 4),
    lambda: Conv1D(3, 1),
    lambda: MaxPooling1D(2, padding="same"),
    lambda: AveragePooling1D(2, strides=1, padding="same"),
)
seq("local1d", (9, 4), lambda: LocallyConnected1D(3, 2, strides=2))
seq(
    "dense",
    (5,),
    lambda: Dense(4, activation="tanh"),
    lambda: Dense(3, activation="hard_sigmoid"),
    lambda: Dense(2, activation="selu"),
)
seq(
    "activations",
    (5,),
    lambda: LeakyReLU(0.2),
    lambda: PReLU(),
    lambda: ELU(0.7),
    lambda: ThresholdedReLU(0.3),
    lambda: Softmax(),
)
for n, L in (("rnn", SimpleRNN), ("lstm", LSTM), ("gru", GRU)):
    for implementation in (1, 2):
        seq(
            "%s_%d" % (n, implementation),
            (5, 3),
            lambda L=L, i=implementation: L(4, implementation=i, return_sequences=True),
            lambda L=L, i=implementation: L(3, implementation=i, go_backwards=True),
        )
    seq(
        n + "_bi",
        (5, 3),
        lambda L=L: Bidirectional(L(4, return_sequences=True)),
        lambda L=L: Bidirectional(L(2), merge_mode="sum"),
    )
    seq(n + "_masked", (5, 3), lambda: Masking(9.0), lambda L=L: L(3))
    seq(n + "_stateful", (5, 3), lambda L=L: L(3, stateful=True), batch=3)
seq("gru_after", (5, 3), lambda: GRU(4, reset_after=True))
seq(
    "td",
    (4, 6, 5, 2),
    lambda: TimeDistributed(Conv2D(3, 3, data_format="channels_last")),
    lambda: TimeDistributed(Flatten()),
    lambda: LSTM(2),
)
seq(
    "alpha",
    (5,),
    lambda: Dense(3),
    lambda: AlphaDropout(0.2),
    lambda: GaussianNoise(0.1),
    lambda: ActivityRegularization(0.1),
)


def merges():
    a, b = Input((4, 3)), Input((4, 3))
    outs = [
        add([a, b]),
        multiply([a, b]),
        average([a, b]),
        maximum([a, b]),
        subtract([a, b]),
        concatenate([a, b], axis=1),
        dot([a, b], axes=2, normalize=True),
        dot([a, b], axes=[1, 1]),
    ]
    save("merges", Model([a, b], outs), [rng.normal(size=(2, 4, 3)).astype("float32") for _ in "ab"])


def nested():
    inner = Sequential([Dense(4, input_shape=(3,), trainable=False), BatchNormalization(), Dense(3)])
    a, b = Input((3,)), Input((3,))
    d = Dense(3)
    save("nested", Model([a, b], [inner(d(a)), d(inner(b))]), [rng.normal(size=(3, 3)).astype("float32") for _ in "ab"])


def states():
    a = Input((5, 3))
    y, h, c = LSTM(4, return_state=True)(a)
    z = LSTM(4, return_sequences=True)(a, initial_state=[h, c])
    g, s = GRU(2, return_state=True)(z)
    save("states", Model(a, [y, z, g, s]), rng.normal(size=(3, 5, 3)).astype("float32"))


CASES.update(merges=merges, nested=nested, states=states)
if not os.path.isdir(OUT):
    os.makedirs(OUT)
bad = []
for name in sorted(CASES):
    if len(sys.argv) > 2 and name not in sys.argv[2:]:
        continue
    try:
        K.clear_session() if K.backend() == "tensorflow" else None
        CASES[name]()
    except Exception as e:
        bad.append((name, type(e).__name__ + ": " + str(e)[:150]))
print(keras.__version__, K.backend(), len(CASES) - len(bad), "made")
for b in bad:
    print("  not made", b)
