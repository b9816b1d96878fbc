"""Models of every layer of Keras 2, for tests that hold tf_keras against something: ``CASES`` and ``seen``."""
# ruff: noqa: N803  (classes as arguments)

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

K = pytest.importorskip("tf_keras")
tf = pytest.importorskip("tensorflow")
L, RNG, CASES = K.layers, np.random.default_rng(0), {}


def case(name, shape, *layers, dtype=None, x=None, batch=None):
    """Enter a model of layers in a row; each is a function, so that it is made within the test."""
    CASES[name] = shape, layers, dtype, x, batch


VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (7, 5), (9, 8, 4), (6, 5, 7, 2)
for impl in (1, 2, 3):
    case(
        f"lc1_{impl}",
        SEQUENCE,
        lambda i=impl: L.LocallyConnected1D(3, 2, strides=2, implementation=i, activation="relu"),
    )
    case(
        f"lc2_{impl}",
        IMAGE,
        lambda i=impl: L.LocallyConnected2D(3, (3, 2), strides=(2, 1), implementation=i, use_bias=i != 2),
    )
    if impl > 1:
        case(f"lc2s_{impl}", IMAGE, lambda i=impl: L.LocallyConnected2D(3, (3, 2), padding="same", implementation=i))
        case(f"lc1s_{impl}", SEQUENCE, lambda i=impl: L.LocallyConnected1D(3, 3, padding="same", implementation=i))
    case(
        f"lc2cf_{impl}",
        IMAGE,
        lambda i=impl: L.LocallyConnected2D(3, (3, 2), implementation=i, data_format="channels_first"),
    )
    case(
        f"lc1cf_{impl}",
        SEQUENCE,
        lambda i=impl: L.LocallyConnected1D(3, 2, implementation=i, data_format="channels_first"),
    )
case("threlu", VECTOR, lambda: L.ThresholdedReLU(0.3))
case("rff", VECTOR, lambda: L.experimental.RandomFourierFeatures(5, kernel_initializer="gaussian"))
case("rfft", VECTOR, lambda: L.experimental.RandomFourierFeatures(5, scale=2.0, trainable=True))
case("syncbn", IMAGE, lambda: L.experimental.SyncBatchNormalization())
case("bnv", IMAGE, lambda: L.BatchNormalization(renorm=True))
for crop in ((2, 3), (0, 9), (9, 0)):
    case(f"crop_{crop}", VOLUME, lambda c=crop: L.Cropping3D(((0, 1), c, (1, 0))))
case("bnaxes", IMAGE, lambda: L.BatchNormalization(axis=[1, 3]))
for act in (
    "hard_sigmoid",
    "relu",
    "elu",
    "selu",
    "gelu",
    "swish",
    "softplus",
    "softsign",
    "exponential",
    "mish",
    "linear",
    "tanh",
    "softmax",
):
    case("act_" + act, VECTOR, lambda a=act: L.Dense(4, activation=a))
for fn in (
    tf.nn.relu,
    tf.nn.swish,
    tf.nn.softmax,
    tf.tanh,
    tf.nn.leaky_relu,
    tf.nn.elu,
    tf.nn.relu6,
    tf.sigmoid,
    tf.nn.gelu,
):
    case("fn_" + fn.__name__, VECTOR, lambda f=fn: L.Dense(4, activation=f))
case("actlayer", VECTOR, lambda: L.Dense(4, activation=L.LeakyReLU(0.1)))
case("actlayer2", VECTOR, lambda: L.Activation(tf.nn.relu))
for n in ("LSTM", "GRU", "SimpleRNN"):
    R = getattr(L, n)
    case(n + "_tm", SEQUENCE, lambda R=R: R(4, time_major=True) if R is not L.SimpleRNN else R(4))
    case(
        n + "_hs",
        SEQUENCE,
        lambda R=R: (
            R(4, **({} if R is L.SimpleRNN else {"recurrent_activation": "hard_sigmoid"}), implementation=1)
            if R is not L.SimpleRNN
            else R(4)
        ),
    )
    case(
        n + "_back", SEQUENCE, lambda R=R: R(4, go_backwards=True, return_sequences=True), lambda R=R: R(3, unroll=True)
    )
    case(
        n + "_bi",
        SEQUENCE,
        lambda R=R: L.Bidirectional(R(4, return_sequences=True), merge_mode="ave"),
        lambda R=R: L.Bidirectional(R(3), backward_layer=R(3, go_backwards=True, activation="relu")),
    )
    case(n + "_state", SEQUENCE, lambda R=R: R(4, stateful=True), batch=3)
    Cc = getattr(L, n + "Cell")
    case(
        n + "_cell",
        SEQUENCE,
        lambda Cc=Cc: L.RNN(Cc(4)),
    )
    case(n + "_stack", SEQUENCE, lambda Cc=Cc: L.RNN([Cc(4), Cc(3)], return_sequences=True))
    case(n + "_mask", SEQUENCE, lambda: L.Masking(), lambda R=R: R(4, return_sequences=True), lambda R=R: R(3))
case("gru_before", SEQUENCE, lambda: L.GRU(4, reset_after=False))
for r, s in ((1, (3,) + SEQUENCE), (2, (3,) + IMAGE), (3, (2,) + VOLUME)):
    CL = getattr(L, f"ConvLSTM{r}D")
    case(f"convlstm{r}", s, lambda CL=CL: CL(3, 3, padding="same", return_sequences=True), lambda CL=CL: CL(2, 2))
for r, s in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME)):
    Cv = getattr(L, f"Conv{r}D")
    T = getattr(L, f"Conv{r}DTranspose")
    case(
        f"conv{r}",
        s,
        lambda Cv=Cv: Cv(4, 3, strides=2, padding="same", activation="relu"),
        lambda Cv=Cv: Cv(2, 2, dilation_rate=1, use_bias=False),
    )
    if r < 3:
        case(f"conv{r}g", s if r > 1 else (7, 6), lambda Cv=Cv: Cv(4, 3, groups=2))
    case(f"convT{r}", s, lambda T=T: T(3, 3, strides=2, padding="same"), lambda T=T: T(2, 2, strides=1))
    case(f"convTo{r}", s, lambda T=T: T(3, 3, strides=2, output_padding=1))
    for p in ("Max", "Average"):
        P = getattr(L, f"{p}Pooling{r}D")
        G = getattr(L, f"Global{p}Pooling{r}D")
        case(f"{p}pool{r}", s, lambda P=P: P(2, strides=1, padding="same"))
        case(f"g{p}pool{r}", s, lambda G=G: G(keepdims=True))
    case(
        f"ups{r}",
        s,
        lambda r=r: getattr(L, f"ZeroPadding{r}D")(1),
        lambda r=r: getattr(L, f"UpSampling{r}D")(2),
        lambda r=r: getattr(L, f"Cropping{r}D")(1),
    )
for i in ("bilinear", "bicubic", "nearest", "lanczos3", "lanczos5", "area", "mitchellcubic"):
    case("ups_" + i, IMAGE, lambda i=i: L.UpSampling2D((2, 3), interpolation=i))
    case("resizing_" + i, IMAGE, lambda i=i: L.Resizing(5, 11, interpolation=i))
case("resizing_crop", IMAGE, lambda: L.Resizing(5, 11, crop_to_aspect_ratio=True))
case("dw1", SEQUENCE, lambda: L.DepthwiseConv1D(3, depth_multiplier=2))
case("dw2", IMAGE, lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2))
case("dw2d", IMAGE, lambda: L.DepthwiseConv2D(3, dilation_rate=2))
case("sep1", SEQUENCE, lambda: L.SeparableConv1D(3, 3, depth_multiplier=2))
case("sep2", IMAGE, lambda: L.SeparableConv2D(3, 3, strides=2, padding="same"))
case("causal", SEQUENCE, lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2))
case("prelu", IMAGE, lambda: L.PReLU(shared_axes=[1, 2]))
case("relu", VECTOR, lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2))
case("lrelu", VECTOR, lambda: L.LeakyReLU())
case("elu", VECTOR, lambda: L.ELU(0.5))
case("softmax", IMAGE, lambda: L.Softmax(axis=[1, 2]))
case("ln", IMAGE, lambda: L.LayerNormalization(axis=[1, 3]))
case("gn", IMAGE, lambda: L.GroupNormalization(2))
case("un", VECTOR, lambda: L.UnitNormalization())
case(
    "permute",
    SEQUENCE,
    lambda: L.Permute((2, 1)),
    lambda: L.Reshape((-1,)),
    lambda: L.RepeatVector(2),
    lambda: L.Flatten(),
)
case(
    "drops",
    IMAGE,
    lambda: L.Dropout(0.2),
    lambda: L.SpatialDropout2D(0.2),
    lambda: L.GaussianDropout(0.2),
    lambda: L.GaussianNoise(0.2),
    lambda: L.AlphaDropout(0.2),
    lambda: L.ActivityRegularization(0.1),
)
case(
    "td",
    (3,) + IMAGE,
    lambda: L.TimeDistributed(L.Conv2D(2, 3)),
    lambda: L.TimeDistributed(L.Flatten()),
    lambda: L.TimeDistributed(L.Dense(3)),
)
case("einsum", SEQUENCE, lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d"))
case("rescale", IMAGE, lambda: L.Rescaling(1 / 255.0, offset=-1.0))
case("center", IMAGE, lambda: L.CenterCrop(4, 5))
case("cc2", IMAGE, lambda: L.CenterCrop(12, 5))
for n in (
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomHeight",
    "RandomWidth",
    "RandomBrightness",
):
    case(
        n,
        IMAGE,
        lambda n=n: getattr(L, n)(*([] if n == "RandomFlip" else [0.1, 0.1] if n == "RandomTranslation" else [0.1])),
    )
case("RandomCrop", IMAGE, lambda: L.RandomCrop(4, 5))
case("ident", VECTOR, lambda: L.Identity())


def ints(*shape):
    return RNG.integers(0, 6, size=shape)


case("emb", (5,), lambda: L.Embedding(7, 4, mask_zero=True), lambda: L.LSTM(3), dtype="int32", x=ints(3, 5))
case(
    "emb2",
    (5,),
    lambda: L.Embedding(7, 4, input_length=5),
    lambda: L.Flatten(),
    lambda: L.Dense(2),
    dtype="int32",
    x=ints(3, 5),
)
case("catenc", (3,), lambda: L.CategoryEncoding(7, output_mode="multi_hot"), dtype="int32", x=ints(3, 3))
case("catcount", (3,), lambda: L.CategoryEncoding(7, output_mode="count"), dtype="int32", x=ints(3, 3))
case("onehot", (1,), lambda: L.CategoryEncoding(7, output_mode="one_hot"), dtype="int32", x=ints(3, 1))
case("hash", (1,), lambda: L.Hashing(5), dtype="int64", x=ints(3, 1).astype("int64"))
case("hashs", (1,), lambda: L.Hashing(5, salt=7), dtype="int64", x=ints(3, 1).astype("int64"))
case("disc", (2,), lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 1.0]))


def norm():
    n = L.Normalization()
    n.adapt(RNG.normal(size=(20, 6)).astype("f") * 3 + 1)
    return n


case("norm", VECTOR, norm)
case("norm2", VECTOR, lambda: L.Normalization(mean=3.0, variance=2.0))
case("norm3", VECTOR, lambda: L.Normalization(mean=3.0, variance=2.0, invert=True))


def il():
    n = L.IntegerLookup()
    n.adapt(ints(20, 1))
    return n


case("integer_lookup_adapted", (1,), il, dtype="int64", x=ints(4, 1).astype("int64"))
case(
    "ilook2",
    (1,),
    lambda: L.IntegerLookup(vocabulary=[3, 1, 2], output_mode="one_hot"),
    dtype="int64",
    x=ints(4, 1).astype("int64"),
)
S = np.array([["a"], ["b"], ["zz"], ["c"]], dtype=object)
case("slook", (1,), lambda: L.StringLookup(vocabulary=["a", "b", "c"]), dtype="string", x=S)
case(
    "slookm",
    (1,),
    lambda: L.StringLookup(vocabulary=["a", "b", "c"], output_mode="multi_hot", num_oov_indices=2),
    dtype="string",
    x=S,
)
case(
    "slookinv",
    (1,),
    lambda: L.StringLookup(vocabulary=["a", "b", "c"], invert=True),
    dtype="int64",
    x=ints(4, 1).astype("int64"),
)
T = np.array([["Hello world, a b"], ["b A c"], ["zz! top"], [""]], dtype=object)
case("tv", (1,), lambda: L.TextVectorization(vocabulary=["hello", "a", "b", "top"]), dtype="string", x=T)
case(
    "tv2",
    (1,),
    lambda: L.TextVectorization(vocabulary=["hello", "a", "b", "top"], output_mode="count"),
    dtype="string",
    x=T,
)
case(
    "tv3",
    (1,),
    lambda: L.TextVectorization(vocabulary=["hello", "hello world", "b a"], ngrams=2, output_sequence_length=4),
    dtype="string",
    x=T,
)
case("hashstr", (1,), lambda: L.Hashing(5), dtype="string", x=S)


def built(shape, layers, dtype, batch):
    """Return a model with weights far from what they are initialized with; those that are adapted stay."""
    K.backend.clear_session()
    entry = K.Input(shape, batch_size=batch, dtype=dtype)
    y = entry
    for layer in layers:
        y = layer()(y)
    model = K.Model(entry, y)
    adapted = any(type(layer).__name__ in ("Normalization", "IntegerLookup") for layer in model.layers)
    for weight in [] if adapted else model.weights:
        if weight.dtype.is_floating:
            weight.assign(RNG.uniform(0.2 if "variance" in weight.name else -0.7, 0.9, weight.shape))
    return model


@dataclass
class Seen:
    """What tf_keras made of a case: its input and output, the files, and what the model says of itself."""

    x: np.ndarray
    y: np.ndarray
    files: dict
    parameters: int
    output_shape: tuple

    @property
    def given(self):
        """The input as Keras takes it."""
        return tf.constant(self.x) if self.x.dtype.kind == "U" else self.x


@cache
def seen(name):
    """Build a case once for all tests of a file; an ``.h5`` that tf_keras cannot save is not among the files."""
    shape, layers, dtype, x, batch = CASES[name]
    model = built(shape, layers, dtype, batch)
    x = RNG.normal(size=(batch or 3, *shape)).astype("float32") if x is None else x
    x = x.astype(str) if dtype == "string" else x
    y = model(tf.constant(x), training=False).numpy()  # predict would compile it
    forms = ("keras",) if name == "integer_lookup_adapted" else ("keras", "h5")  # no vocabulary goes into an .h5
    with tempfile.TemporaryDirectory() as folder:
        paths = {form: Path(folder) / f"model.{form}" for form in forms}
        for path in paths.values():
            model.save(path)
        files = {form: path.read_bytes() for form, path in paths.items()}
    tables = any(isinstance(layer, (L.IntegerLookup, L.StringLookup)) for layer in model.layers)  # they are no arrays
    return Seen(x, y, files, None if tables else model.count_params(), model.output_shape)
