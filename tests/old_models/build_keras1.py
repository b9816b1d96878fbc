"""Keras 1.1 and 1.2: models of every layer, saved with what predict gives.

python build_keras1.py FOLDER [case ...], in an environment with that Keras and its backend.
"""

import os
import sys

import keras
import numpy as np
from keras import backend as K
from keras.layers import *
from keras.models import Model, Sequential

OUT = sys.argv[1]
if not os.path.isdir(OUT):
    os.makedirs(OUT)
rng = np.random.RandomState(0)


def randomize(model):
    ws = []
    for w in model.weights:
        v = K.get_value(w)
        low = 0.3 if ("std" in w.name or "variance" in w.name) else -0.7
        ws.append((w, rng.uniform(low, 0.9, v.shape).astype("float32")))
    K.batch_set_value(ws)


def save(name, model, x, batch=None):
    randomize(model)
    xs = x if isinstance(x, list) else [x]
    out = model.predict(xs if len(xs) > 1 else xs[0], batch_size=batch or 32)
    outs = out if isinstance(out, list) else [out]
    arrays = {"in_%d" % i: v for i, v in enumerate(xs)}
    arrays.update({"out_%d" % i: v for i, v in enumerate(outs)})
    model.save(os.path.join(OUT, name + ".h5"))
    np.savez(os.path.join(OUT, name + ".npz"), **arrays)


CASES = {}


def seq(name, shape, *layers, **kw):
    def make():
        ls = [l() for l in layers]
        first = ls[0]
        m = Sequential()
        if kw.get("batch"):
            first.batch_input_shape = (kw["batch"],) + shape
        m.add(InputLayerFor(first, shape, kw))
        for l in ls[1:]:
            m.add(l)
        x = kw["x"] if "x" in kw else rng.normal(size=(kw.get("batch", 3),) + shape).astype("float32")
        save(name, m, x, kw.get("batch"))

    CASES[name] = make


def InputLayerFor(layer, shape, kw):
    layer.batch_input_shape = (kw.get("batch"),) + tuple(shape)
    layer.input_dtype = kw.get("dtype", "float32")
    return layer


def case(f):
    CASES[f.__name__] = f
    return f


ints = lambda *s: rng.randint(0, 7, size=s)

seq("dense", (5,), lambda: Dense(4, activation="tanh"), lambda: Dense(3, bias=False, activation="hard_sigmoid"))
seq(
    "dense_acts",
    (5,),
    *[(lambda a=a: Dense(5, activation=a)) for a in ("relu", "softplus", "softsign", "sigmoid", "linear", "softmax")],
)
seq(
    "activations", (4, 6), lambda: Activation("softmax"), lambda: Activation("hard_sigmoid"), lambda: Activation("tanh")
)
seq("td_dense", (4, 5), lambda: TimeDistributedDense(3, activation="relu"))
seq("td_wrapper", (4, 5), lambda: TimeDistributed(Dense(3)), lambda: TimeDistributed(Activation("softmax")))
seq(
    "td_conv",
    (3, 7, 6, 2),
    lambda: TimeDistributed(Convolution2D(2, 3, 3, dim_ordering="tf")),
    lambda: TimeDistributed(Flatten()),
)
seq("maxout", (5,), lambda: MaxoutDense(4, nb_feature=3))
seq("highway", (5,), lambda: Highway(activation="relu"))
seq("highway_nobias", (5,), lambda: Highway(activation="tanh", bias=False))
seq(
    "advanced",
    (5,),
    lambda: LeakyReLU(0.2),
    lambda: PReLU(),
    lambda: ELU(0.7),
    lambda: ParametricSoftplus(),
    lambda: ThresholdedReLU(0.3),
    lambda: SReLU(),
)
for order in ("th", "tf"):
    img = (2, 8, 7) if order == "th" else (8, 7, 2)
    vol = (2, 5, 6, 7) if order == "th" else (5, 6, 7, 2)
    o = "_" + order
    seq(
        "conv2d" + o,
        img,
        lambda order=order: Convolution2D(3, 3, 2, dim_ordering=order, activation="relu"),
        lambda order=order: Convolution2D(2, 3, 3, dim_ordering=order, border_mode="same", subsample=(1, 1)),
    )
    seq(
        "conv2d_stride" + o,
        img,
        lambda order=order: Convolution2D(3, 3, 2, dim_ordering=order, subsample=(2, 1), bias=False),
    )
    seq("conv2d_same_even" + o, img, lambda order=order: Convolution2D(3, 2, 4, dim_ordering=order, border_mode="same"))
    seq(
        "conv2d_same_stride" + o,
        img,
        lambda order=order: Convolution2D(3, 3, 3, dim_ordering=order, border_mode="same", subsample=(2, 2)),
    )
    seq("atrous2d" + o, img, lambda order=order: AtrousConvolution2D(3, 2, 3, atrous_rate=(2, 2), dim_ordering=order))
    seq(
        "atrous2d_same" + o,
        img,
        lambda order=order: AtrousConvolution2D(3, 3, 3, atrous_rate=(2, 2), dim_ordering=order, border_mode="same"),
    )
    seq(
        "prelu_shared" + o,
        img,
        lambda order=order: Convolution2D(3, 2, 2, dim_ordering=order),
        lambda order=order: PReLU(shared_axes=[2, 3] if order == "th" else [1, 2]),
        lambda order=order: SReLU(shared_axes=[2, 3] if order == "th" else [1, 2]),
    )

    def deconv(order=order, o=o, img=img):
        m = Sequential()
        out = (None, 3, 17, 15) if order == "th" else (None, 17, 15, 3)
        m.add(
            Deconvolution2D(
                3, 3, 3, output_shape=(3,) + out[1:], subsample=(2, 2), dim_ordering=order, batch_input_shape=(3,) + img
            )
        )
        save("deconv" + o, m, rng.normal(size=(3,) + img).astype("float32"))

    CASES["deconv" + o] = deconv

    def deconv_same(order=order, o=o, img=img):
        m = Sequential()
        out = (None, 3, 16, 14) if order == "th" else (None, 16, 14, 3)
        m.add(
            Deconvolution2D(
                3,
                3,
                3,
                output_shape=(3,) + out[1:],
                subsample=(2, 2),
                border_mode="same",
                dim_ordering=order,
                batch_input_shape=(3,) + img,
            )
        )
        save("deconv_same" + o, m, rng.normal(size=(3,) + img).astype("float32"))

    CASES["deconv_same" + o] = deconv_same
    seq(
        "separable" + o,
        img,
        lambda order=order: SeparableConvolution2D(3, 3, 2, dim_ordering=order, depth_multiplier=2),
    )
    seq(
        "conv3d" + o,
        vol,
        lambda order=order: Convolution3D(3, 2, 3, 2, dim_ordering=order),
        lambda order=order: MaxPooling3D((2, 2, 2), dim_ordering=order),
    )
    seq(
        "avgpool3d" + o,
        vol,
        lambda order=order: AveragePooling3D((2, 2, 2), dim_ordering=order),
        lambda order=order: ZeroPadding3D((1, 0, 2), dim_ordering=order),
        lambda order=order: UpSampling3D((2, 1, 2), dim_ordering=order),
        lambda order=order: Cropping3D(((1, 1), (0, 1), (2, 0)), dim_ordering=order),
    )
    seq("local2d" + o, img, lambda order=order: LocallyConnected2D(3, 3, 2, dim_ordering=order, subsample=(2, 1)))
    seq("maxpool2d" + o, img, lambda order=order: MaxPooling2D((2, 3), strides=(2, 1), dim_ordering=order))
    seq("avgpool2d" + o, img, lambda order=order: AveragePooling2D((3, 2), dim_ordering=order))
    seq(
        "maxpool2d_same" + o,
        img,
        lambda order=order: MaxPooling2D((2, 2), strides=(2, 2), border_mode="same", dim_ordering=order),
    )
    seq(
        "avgpool2d_same3" + o,
        img,
        lambda order=order: AveragePooling2D((3, 3), strides=(2, 2), border_mode="same", dim_ordering=order),
    )
    seq("globalpool_max" + o, img, lambda order=order: GlobalMaxPooling2D(dim_ordering=order))
    seq("globalpool_avg" + o, img, lambda order=order: GlobalAveragePooling2D(dim_ordering=order))
    seq(
        "pads" + o,
        img,
        lambda order=order: ZeroPadding2D((1, 2), dim_ordering=order),
        lambda order=order: UpSampling2D((2, 3), dim_ordering=order),
        lambda order=order: Cropping2D(((1, 2), (0, 1)), dim_ordering=order),
    )
    seq("pad4" + o, img, lambda order=order: ZeroPadding2D((1, 0, 2, 1), dim_ordering=order))
    seq(
        "paddict" + o,
        img,
        lambda order=order: ZeroPadding2D(
            {"top_pad": 1, "bottom_pad": 2, "left_pad": 0, "right_pad": 3}, dim_ordering=order
        ),
    )
    seq(
        "flatten" + o,
        img,
        lambda order=order: Convolution2D(3, 3, 3, dim_ordering=order),
        lambda: Flatten(),
        lambda: Dense(4),
    )
    seq(
        "spatialdropout" + o,
        img,
        lambda order=order: SpatialDropout2D(0.3, dim_ordering=order),
        lambda: Flatten(),
        lambda: Dense(2),
    )
    seq(
        "bn_conv" + o,
        img,
        lambda order=order: Convolution2D(3, 2, 2, dim_ordering=order),
        lambda order=order: BatchNormalization(axis=1 if order == "th" else -1),
        lambda: Activation("relu"),
        lambda: Flatten(),
        lambda: Dense(2),
    )
    seq(
        "convlstm" + o,
        (3,) + img,
        lambda order=order: ConvLSTM2D(3, 3, 3, border_mode="same", dim_ordering=order, return_sequences=True),
        lambda order=order: ConvLSTM2D(2, 3, 2, border_mode="valid", dim_ordering=order),
    )
seq(
    "conv1d",
    (9, 4),
    lambda: Convolution1D(3, 3, activation="relu"),
    lambda: Convolution1D(2, 3, border_mode="same", subsample_length=1),
)
seq("conv1d_stride", (9, 4), lambda: Convolution1D(3, 2, subsample_length=2, bias=False))
seq("conv1d_same_even", (9, 4), lambda: Convolution1D(3, 4, border_mode="same"))
seq("atrous1d", (9, 4), lambda: AtrousConvolution1D(3, 2, atrous_rate=2))
seq("local1d", (9, 4), lambda: LocallyConnected1D(3, 2, subsample_length=2))
seq("pool1d", (9, 4), lambda: MaxPooling1D(2), lambda: AveragePooling1D(2, stride=1))
seq("pool1d_same", (9, 4), lambda: MaxPooling1D(2, border_mode="same"))
seq("gpool1d", (9, 4), lambda: GlobalMaxPooling1D())
seq("gavg1d", (9, 4), lambda: GlobalAveragePooling1D())
seq("pads1d", (9, 4), lambda: ZeroPadding1D(2), lambda: Cropping1D((1, 2)), lambda: UpSampling1D(2))
seq("pads1d2", (9, 4), lambda: ZeroPadding1D((1, 2)))
seq(
    "core",
    (4, 6),
    lambda: Permute((2, 1)),
    lambda: Reshape((8, 3)),
    lambda: Flatten(),
    lambda: RepeatVector(3),
    lambda: Dropout(0.5),
    lambda: GaussianNoise(0.1),
    lambda: GaussianDropout(0.2),
    lambda: ActivityRegularization(l1=0.1),
)
seq("bn", (5,), lambda: BatchNormalization(), lambda: BatchNormalization(epsilon=1e-2, mode=0))
seq("bn_mode1", (5,), lambda: BatchNormalization(mode=1))
seq("bn_mode2", (5,), lambda: BatchNormalization(mode=2))
seq("bn_mode2_img", (4, 3, 2), lambda: BatchNormalization(mode=2, axis=1))
seq("bn_axis1", (4, 5), lambda: BatchNormalization(axis=1))
for less in ("cpu", "mem", "gpu"):
    for n, L in (("rnn", SimpleRNN), ("lstm", LSTM), ("gru", GRU)):
        seq(
            "%s_%s" % (n, less),
            (5, 3),
            lambda L=L, less=less: L(4, consume_less=less, return_sequences=True),
            lambda L=L, less=less: L(3, consume_less=less),
        )
for n, L in (("rnn", SimpleRNN), ("lstm", LSTM), ("gru", GRU)):
    seq(
        n + "_back",
        (5, 3),
        lambda L=L: L(4, go_backwards=True, return_sequences=True),
        lambda L=L: L(2, activation="relu", **({} if L is SimpleRNN else {"inner_activation": "sigmoid"})),
    )
    seq(n + "_drop", (5, 3), lambda L=L: L(4, dropout_W=0.2, dropout_U=0.1))
    seq(n + "_stateful", (5, 3), lambda L=L: L(4, stateful=True), batch=2)
    seq(n + "_unroll", (5, 3), lambda L=L: L(4, unroll=True))
    for mode in ("sum", "mul", "ave", "concat"):
        seq(
            "bi_%s_%s" % (n, mode),
            (5, 3),
            lambda L=L, mode=mode: Bidirectional(L(4, return_sequences=mode != "ave"), merge_mode=mode),
        )

    def masked(n=n, L=L):
        m = Sequential()
        m.add(Masking(0.0, input_shape=(6, 3)))
        m.add(L(4, return_sequences=True))
        m.add(L(3))
        x = rng.normal(size=(3, 6, 3)).astype("float32")
        x[1, 4:] = 0
        x[2, 2:] = 0
        save(n + "_masked", m, x)

    CASES[n + "_masked"] = masked


@case
def embedding():
    m = Sequential()
    m.add(Embedding(7, 4, input_length=5))
    m.add(Convolution1D(3, 2))
    m.add(GlobalMaxPooling1D())
    save("embedding", m, ints(3, 5))


@case
def embedding_mask():
    m = Sequential()
    m.add(Embedding(7, 4, mask_zero=True, input_length=5, dropout=0.2))
    m.add(LSTM(3))
    m.add(Dense(2))
    save("embedding_mask", m, ints(3, 5))


@case
def embedding_flat():
    m = Sequential()
    m.add(Embedding(7, 4, input_length=5))
    m.add(Flatten())
    m.add(Dense(2))
    save("embedding_flat", m, ints(3, 5))


for mode in ("sum", "mul", "concat", "ave", "max", "dot", "cos"):

    def seq_merge(mode=mode):
        a = Sequential()
        a.add(Dense(4, input_dim=3))
        a.add(Activation("tanh"))
        b = Sequential()
        b.add(Dense(4, input_dim=5))
        m = Sequential()
        m.add(Merge([a, b], mode=mode, dot_axes=1))
        if mode != "cos":
            m.add(Dense(2))
        save(
            "seq_merge_" + mode,
            m,
            [rng.normal(size=(3, 3)).astype("float32"), rng.normal(size=(3, 5)).astype("float32")],
        )

    CASES["seq_merge_" + mode] = seq_merge

    def fun_merge(mode=mode):
        a = Input((4, 3))
        b = Input((4, 3))
        y = merge(
            [a, Dense(3)(Flatten()(b)) if False else b],
            mode=mode,
            dot_axes=[2, 2] if mode in ("dot", "cos") else -1,
            concat_axis=1,
        )
        m = Model([a, b], y)
        save("fun_merge_" + mode, m, [rng.normal(size=(2, 4, 3)).astype("float32") for _ in "ab"])

    CASES["fun_merge_" + mode] = fun_merge


@case
def merge_nested():
    a = Sequential()
    a.add(Dense(4, input_dim=3))
    b = Sequential()
    b.add(Dense(4, input_dim=5))
    ab = Sequential()
    ab.add(Merge([a, b], mode="concat"))
    ab.add(Dense(3))
    c = Sequential()
    c.add(Embedding(7, 3, input_length=2))
    c.add(LSTM(3))
    m = Sequential()
    m.add(Merge([ab, c], mode="sum"))
    m.add(Dense(2))
    save(
        "merge_nested",
        m,
        [rng.normal(size=(3, 3)).astype("float32"), rng.normal(size=(3, 5)).astype("float32"), ints(3, 2)],
    )


@case
def nested_models():
    inner = Sequential()
    inner.add(Dense(4, input_dim=3, trainable=False))
    inner.add(BatchNormalization())
    inner.add(Dense(3))
    m = Sequential()
    m.add(inner)
    m.add(Dense(2))
    save("nested_models", m, rng.normal(size=(3, 3)).astype("float32"))


@case
def nested_functional():
    i = Input((3,))
    inner = Model(i, BatchNormalization()(Dense(4)(i)), name="inner")
    a = Input((3,))
    b = Input((3,))
    y = merge([inner(a), inner(b)], mode="concat")
    m = Model([a, b], [Dense(2)(y), Activation("tanh")(y)])
    save("nested_functional", m, [rng.normal(size=(3, 3)).astype("float32") for _ in "ab"])


@case
def td_model():
    inner = Sequential()
    inner.add(Dense(4, input_dim=3))
    inner.add(BatchNormalization())
    m = Sequential()
    m.add(TimeDistributed(inner, input_shape=(5, 3)))
    m.add(LSTM(2))
    save("td_model", m, rng.normal(size=(3, 5, 3)).astype("float32"))


@case
def shared():
    d = Dense(3)
    a = Input((3,))
    m = Model(a, d(d(d(a))))
    save("shared", m, rng.normal(size=(3, 3)).astype("float32"))


@case
def masking_bn_td():
    m = Sequential()
    m.add(Masking(0.0, input_shape=(6, 3)))
    m.add(TimeDistributed(Dense(4)))
    m.add(GRU(3))
    x = rng.normal(size=(3, 6, 3)).astype("float32")
    x[1, 4:] = 0
    save("masking_bn_td", m, x)


only = sys.argv[2:]
ok, bad = 0, []
for name in sorted(CASES):
    if only and name not in only:
        continue
    try:
        CASES[name]()
        ok += 1
    except Exception as e:
        bad.append((name, type(e).__name__ + ": " + str(e)[:150]))
print(keras.__version__, K.backend(), ok, "made")
for b in bad:
    print("  not made", b)
