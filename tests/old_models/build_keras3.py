"""Keras 3.0 and later: models whose meaning, or whose arrays, changed between its versions, with what predict gives.

python build_keras3.py FOLDER [seed [word in a case's name ...]], with that Keras first on PYTHONPATH: it writes
CASE.keras, CASE.h5 where that Keras can, and CASE.npz. What a version does not have, or fails on, is left out.
"""

import os
import sys

import keras
import numpy as np
from keras import layers, ops

OUT, SEED, WORDS = sys.argv[1], int((sys.argv + ["0"])[2]), sys.argv[3:]
CASES = {}


def case(make):
    """Enter a function of a random generator that returns a model, its inputs, and what is done before it is run."""
    CASES[make.__name__] = make
    return make


def normal(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def tokens(rng, *shape):
    return rng.integers(1, 9, size=shape).astype("int32")


def masked(rng, *shape):
    """Return token numbers with zeros at the end of some rows, and one row of nothing else."""
    x = tokens(rng, *shape)
    for row, length in enumerate(rng.integers(1, shape[1], shape[0])):
        x[row, length:] = 0
    x[-1] = 0
    return x


def attention(heads, own=False, scores=False, causal=False, **settings):
    def make(rng):
        a, b = keras.Input((5,), dtype="int32"), keras.Input((7,), dtype="int32")
        embed = layers.Embedding(10, 8, mask_zero=True)
        kind = layers.GroupQueryAttention if "head_dim" in settings else layers.MultiHeadAttention
        layer = kind(num_heads=heads, **settings) if kind is layers.MultiHeadAttention else kind(**settings)
        first, second = embed(a), embed(b)
        y = layer(first, first if own else second, return_attention_scores=scores, use_causal_mask=causal)
        return keras.Model([a, b], y if not own else [*(y if scores else [y]), second]), [
            masked(rng, 4, 5), masked(rng, 4, 7)]

    return make


CASES["mha"] = attention(2, key_dim=4)
CASES["mha_dropout"] = attention(2, key_dim=4, dropout=0.1)
CASES["mha_scores"] = attention(2, key_dim=3, value_dim=5, scores=True)
CASES["mha_causal"] = attention(2, key_dim=3, causal=True, own=True, dropout=0.2)
CASES["mha_bare"] = attention(1, key_dim=3, use_bias=False, output_shape=6)
CASES["gqa"] = attention(0, head_dim=4, num_query_heads=4, num_key_value_heads=2)
CASES["gqa_dropout"] = attention(0, head_dim=4, num_query_heads=2, num_key_value_heads=1, dropout=0.1)


@case
def mha_siblings(rng):
    a, b = keras.Input((5,), dtype="int32"), keras.Input((7,), dtype="int32")
    query, memory = layers.Embedding(10, 8)(a), layers.Embedding(10, 8, mask_zero=True)(b)
    one = layers.MultiHeadAttention(2, 4)(query, memory)
    two = layers.MultiHeadAttention(2, 4)(query, memory)
    return keras.Model([a, b], layers.Concatenate()([one, two])), [tokens(rng, 4, 5), masked(rng, 4, 7)]


@case
def mha_then_pooling(rng):
    a = keras.Input((6,), dtype="int32")
    x = layers.Embedding(10, 8, mask_zero=True)(a)
    y = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    return keras.Model(a, layers.GlobalAveragePooling1D()(layers.LayerNormalization()(y))), [masked(rng, 4, 6)]


@case
def mha_then_lstm(rng):
    a = keras.Input((6,), dtype="int32")
    x = layers.Embedding(10, 8, mask_zero=True)(a)
    return keras.Model(a, layers.LSTM(3)(layers.MultiHeadAttention(2, 4)(x, x))), [masked(rng, 4, 6)]


def behind_masks(build, *lengths):
    def make(rng):
        inputs = [keras.Input((length,), dtype="int32") for length in lengths]
        embedded = [layers.Embedding(10, 8, mask_zero=True)(x) for x in inputs]
        return keras.Model(inputs, build(*embedded)), [masked(rng, 4, length) for length in lengths]

    return make


def heads_of(*inputs, **call):
    return layers.MultiHeadAttention(2, 4)(*inputs, **call)


def block(x):
    x = layers.LayerNormalization()(layers.Add()([x, heads_of(x, x)]))
    return layers.LayerNormalization()(layers.Add()([x, layers.Dense(8, activation="relu")(x)]))


def pooled(x):
    return layers.GlobalAveragePooling1D()(x)


CASES["masks_block"] = behind_masks(lambda x: pooled(block(x)), 6)
CASES["masks_blocks"] = behind_masks(lambda x: pooled(block(block(x))), 6)
CASES["masks_pooled"] = behind_masks(lambda x: pooled(heads_of(x, x)), 6)
CASES["masks_pooled_beside"] = behind_masks(lambda x: [pooled(heads_of(x, x)), pooled(x)], 6)
CASES["masks_lstm_beside"] = behind_masks(lambda x: [layers.LSTM(3)(x), heads_of(x, x), layers.GRU(3)(x)], 6)
CASES["masks_memory"] = behind_masks(lambda x, m: layers.Concatenate()([heads_of(x, m), heads_of(x, m)]), 5, 7)
CASES["masks_memory_added"] = behind_masks(lambda x, m: layers.Add()([heads_of(x, m), heads_of(x, m)]), 5, 7)
CASES["masks_memory_outputs"] = behind_masks(lambda x, m: [heads_of(x, m), heads_of(x, m)], 5, 7)
CASES["masks_decoder"] = behind_masks(
    lambda x, m: pooled(heads_of(heads_of(x, x, use_causal_mask=True), m) + heads_of(x, m)), 5, 7)
CASES["masks_attention_beside"] = behind_masks(lambda x: [heads_of(x, x), layers.Attention()([x, x])], 6)
CASES["masks_attention_before"] = behind_masks(lambda x: heads_of(layers.Attention()([x, x]), x), 6)
CASES["masks_groups"] = behind_masks(lambda x: [pooled(layers.GroupQueryAttention(4, 4, 2)(x, x)), pooled(x)], 6)
CASES["masks_softmax"] = behind_masks(lambda x: layers.Softmax(axis=1)(x), 6)
CASES["masks_dropout"] = behind_masks(
    lambda x: [pooled(layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x)), pooled(layers.Dropout(0.1)(x))], 6)
CASES["masks_conv"] = behind_masks(lambda x: pooled(layers.Conv1D(4, 3, padding="same")(x)), 6)
CASES["masks_times"] = behind_masks(lambda x: pooled(layers.TimeDistributed(layers.Dense(4))(x)), 6)
CASES["masks_merged"] = behind_masks(lambda x, y: pooled(layers.Concatenate()([x, y])), 6, 6)
CASES["masks_merged_steps"] = behind_masks(lambda x, y: pooled(layers.Concatenate(axis=1)([x, y])), 5, 6)
CASES["masks_added"] = behind_masks(lambda x, y: pooled(layers.Add()([x, y])), 6, 6)
CASES["masks_ops"] = behind_masks(lambda x: pooled(ops.relu(x) * 2.0), 6)
CASES["masks_normalized"] = behind_masks(lambda x: pooled(layers.BatchNormalization()(x)), 6)
CASES["masks_nested"] = behind_masks(lambda x: pooled(keras.Sequential([layers.Dense(4), layers.LSTM(
    3, return_sequences=True)])(x)), 6)
CASES["masks_bidirectional"] = behind_masks(lambda x: layers.Bidirectional(layers.LSTM(3))(layers.Bidirectional(
    layers.GRU(3, return_sequences=True))(x)), 6)


@case
def masks_masking(rng):
    x = keras.Input((6, 4))
    given = normal(rng, 4, 6, 4)
    given[0, 3:] = given[1, :2] = given[2] = 0
    y = layers.Masking()(x)
    return keras.Model(x, [pooled(heads_of(y, y)), layers.LSTM(3)(y), pooled(y)]), [given]


@case
def attention_masked(rng):
    a, b = keras.Input((5,), dtype="int32"), keras.Input((7,), dtype="int32")
    embed = layers.Embedding(10, 8, mask_zero=True)
    return keras.Model([a, b], layers.Attention(use_scale=True, dropout=0.1)([embed(a), embed(b)])), [
        masked(rng, 4, 5), masked(rng, 4, 7)]


@case
def softmax_mask(rng):
    x, mask = keras.Input((6,)), keras.Input((6,), dtype="bool")
    given = rng.random((5, 6)) > 0.4
    given[0] = False
    return keras.Model([x, mask], layers.Softmax()(x, mask=mask)), [normal(rng, 5, 6), given]


@case
def softmax_axes(rng):
    x, mask = keras.Input((4, 3)), keras.Input((4, 3), dtype="bool")
    given = rng.random((5, 4, 3)) > 0.4
    given[0] = False
    return keras.Model([x, mask], layers.Softmax(axis=[1, 2])(x, mask=mask)), [normal(rng, 5, 4, 3), given]


def images(size, crop, data_format="channels_last", dynamic=False):
    def make(rng):
        shape = (*size, 3) if data_format == "channels_last" else (3, *size)
        given = (None, None, 3) if dynamic else shape
        x = keras.Input(given)
        layer = layers.RandomCrop(*crop, **({} if data_format == "channels_last" else {"data_format": data_format}))
        return keras.Model(x, layer(x)), [rng.uniform(0, 255, (2, *shape)).astype("float32")]

    return make


CASES["randomcrop"] = images((9, 10), (4, 5))
CASES["randomcrop_tall"] = images((12, 7), (6, 5))
CASES["randomcrop_grows"] = images((5, 6), (8, 7))
CASES["randomcrop_same"] = images((6, 6), (6, 6))
CASES["randomcrop_first"] = images((9, 11), (4, 7), "channels_first")
CASES["randomcrop_any"] = images((9, 10), (4, 5), dynamic=True)


def bins(shape, mode, **settings):
    def make(rng):
        x = keras.Input(shape)
        layer = layers.Discretization([-0.5, 0.0, 0.8], output_mode=mode, **settings)
        return keras.Model(x, layer(x)), [normal(rng, 4, *shape)]

    return make


for mode in ("int", "one_hot", "multi_hot", "count"):
    for shape in ((3,), (1,), ()):
        CASES[f"discretization_{mode}_{len(shape) and shape[0]}"] = bins(shape, mode)
CASES["discretization_float"] = bins((3,), "int", dtype="float32")
CASES["discretization_int32"] = bins((3,), "int", dtype="int32")


@case
def discretization_adapted(rng):
    layer = layers.Discretization(num_bins=5)
    layer.adapt(rng.uniform(0, 10, (200, 1)).astype("float32"))
    x = keras.Input((3,))
    return keras.Model(x, layer(x)), [rng.uniform(0, 10, (4, 3)).astype("float32")]


def categories(shape, mode):
    def make(rng):
        x = keras.Input(shape, dtype="int32")
        return keras.Model(x, layers.CategoryEncoding(5, output_mode=mode)(x)), [
            rng.integers(0, 5, (4, *shape)).astype("int32")]

    return make


for mode in ("one_hot", "multi_hot", "count"):
    for shape in ((3,), (1,), (), (2, 1), (2, 3)):
        CASES["category_" + "_".join([mode, *map(str, shape)])] = categories(shape, mode)


def lookup(shape, mode):
    def make(rng):
        x = keras.Input(shape, dtype="int64")
        return keras.Model(x, layers.IntegerLookup(vocabulary=[3, 5, 7], output_mode=mode)(x)), [
            rng.integers(0, 9, (4, *shape))]

    return make


def hashing(shape, mode):
    def make(rng):
        x = keras.Input(shape, dtype="int64")
        return keras.Model(x, layers.Hashing(5, output_mode=mode)(x)), [rng.integers(0, 9, (4, *shape))]

    return make


for mode in ("int", "one_hot", "multi_hot", "count"):
    for shape in ((3,), (1,)):
        CASES[f"lookup_{mode}_{shape[0]}"] = lookup(shape, mode)
        CASES[f"hashing_{mode}_{shape[0]}"] = hashing(shape, mode)


@case
def take(rng):
    x = keras.Input((3, 6))
    return keras.Model(x, ops.take(x, [0, 2, -1], axis=2)), [normal(rng, 4, 3, 6)]


@case
def take_along(rng):
    x = keras.Input((3, 6))
    return keras.Model(x, ops.take_along_axis(x, np.array([[[0, -1, 2]]]), axis=2)), [normal(rng, 1, 3, 6)]


def policy(name):
    def make(rng):
        x = keras.Input((6,))
        y = layers.Dense(5, activation="tanh", dtype=name)(x)
        y = layers.LayerNormalization(dtype=name)(y)
        return keras.Model(x, layers.Dense(3, dtype="float32")(layers.Dropout(0.1, dtype=name)(y))), [normal(rng, 4, 6)]

    return make


def policy_graph(name):
    def make(rng):
        x = keras.Input((6, 4))
        y = layers.Conv1D(5, 3, dtype=name)(x)
        y = layers.LSTM(4, dtype=name)(ops.relu(y) * 2 + 0.5)
        return keras.Model(x, layers.Dense(3, dtype=name)(y)), [normal(rng, 4, 6, 4)]

    return make


def policy_global(name):
    def make(rng):
        keras.config.set_dtype_policy(name)
        try:
            x = keras.Input((6,))
            y = layers.BatchNormalization()(layers.Dense(5)(x))
            return keras.Model(x, layers.Dense(3)(layers.Concatenate()([y, layers.Activation("gelu")(y)]))), [
                normal(rng, 4, 6)]
        finally:
            keras.config.set_dtype_policy("float32")

    return make


for name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"):
    CASES["policy_" + name] = policy(name)
    CASES["policy_graph_" + name] = policy_graph(name)
    CASES["policy_global_" + name] = policy_global(name)


@case
def policy_map(rng):
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["mha/query"] = keras.DTypePolicy("mixed_bfloat16")
    policies["mha/key"] = keras.DTypePolicy("float64")
    x = keras.Input((5, 8))
    return keras.Model(x, layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)(x, x)), [normal(rng, 3, 5, 8)]


@case
def policy_map_quantized(rng):
    policies = keras.dtype_policies.DTypePolicyMap()
    policies["mha/query"] = keras.dtype_policies.QuantizedDTypePolicy("int8", "float32")
    policies["mha/attention_output"] = keras.dtype_policies.QuantizedDTypePolicy("int8", "float32")
    x = keras.Input((5, 8))
    return keras.Model(x, layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)(x, x)), [normal(rng, 3, 5, 8)]


@case
def layernorm_rms(rng):
    x = keras.Input((4, 6))
    kind = {"rms_scaling": True}
    return keras.Model(x, layers.LayerNormalization(**kind)(x)), [normal(rng, 3, 4, 6)]


@case
def layernorm_axes(rng):
    x = keras.Input((4, 6))
    return keras.Model(x, layers.LayerNormalization(axis=[1, 2], center=False)(x)), [normal(rng, 3, 4, 6)]


def dense(rng, **settings):
    x = keras.Input((7,))
    y = layers.Dense(6, activation="relu", **settings)(x)
    return keras.Model(x, layers.Dense(5, **settings)(y)), [normal(rng, 4, 7)]


def wide(rng):
    x = keras.Input((130,))
    return keras.Model(x, layers.Dense(9)(x)), [normal(rng, 4, 130)]


def einsum(rng):
    x = keras.Input((3, 6))
    return keras.Model(x, layers.EinsumDense("abc,cde->abde", (3, 2, 5), bias_axes="de")(x)), [normal(rng, 4, 3, 6)]


def einsum_two(rng):
    x = keras.Input((3, 5, 4))
    return keras.Model(x, layers.EinsumDense("abcd,cde->abe", (3, 5), bias_axes="e")(x)), [normal(rng, 4, 3, 5, 4)]


def embedding(rng):
    x = keras.Input((5,), dtype="int32")
    return keras.Model(x, layers.Dense(3)(layers.Embedding(9, 7)(x))), [tokens(rng, 4, 5)]


def reversible(rng):
    x = keras.Input((5,), dtype="int32")
    layer = layers.ReversibleEmbedding(9, 6)
    return keras.Model(x, layer(layer(x), reverse=True)), [tokens(rng, 4, 5)]


def heads(rng):
    x = keras.Input((5, 8))
    return keras.Model(x, layers.MultiHeadAttention(2, 4)(x, x)), [normal(rng, 3, 5, 8)]


def groups(rng):
    x = keras.Input((5, 8))
    return keras.Model(x, layers.GroupQueryAttention(4, 4, 2)(x, x)), [normal(rng, 3, 5, 8)]


def nested(rng):
    x = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="tanh"), layers.Dense(4)])
    return keras.Model(x, layers.Dense(3)(inner(x))), [normal(rng, 4, 6)]


def quantized(make, mode):
    def build(rng):
        model, inputs = make(rng)
        fill(model, rng)
        model.quantize(mode)
        if mode == "float8":
            for weight in model.weights:
                if weight.name in ("inputs_scale", "kernel_scale"):
                    weight.assign(rng.uniform(0.01, 0.02))
        return model, inputs

    return build


def adapted(make, mode=None):
    def build(rng):
        model, inputs = make(rng)
        fill(model, rng)
        if mode:
            model.quantize(mode)
        for layer in model.layers:
            if hasattr(layer, "enable_lora") and (layer.built or layer.weights):
                layer.enable_lora(2)
        for weight in model.weights:
            if "lora" in weight.name:
                weight.assign(normal(rng, *weight.shape) * 0.3)
        return model, inputs

    return build


KINDS = (dense, wide, einsum, einsum_two, embedding, reversible, heads, groups, nested)
for kind in KINDS:
    for mode in ("int8", "int4", "float8"):
        CASES[f"q_{mode}_{kind.__name__}"] = quantized(kind, mode)
for kind in (dense, einsum, embedding, reversible):
    CASES[f"lora_{kind.__name__}"] = adapted(kind)
    for mode in ("int8", "int4"):
        CASES[f"qlora_{mode}_{kind.__name__}"] = adapted(kind, mode)


@case
def lora_heads(rng):
    model, inputs = heads(rng)
    fill(model, rng)
    for part in ("_query_dense", "_value_dense"):
        getattr(model.layers[-1], part).enable_lora(2)
    for weight in model.weights:
        if "lora" in weight.name:
            weight.assign(normal(rng, *weight.shape) * 0.3)
    return model, inputs


def plain(shape, *made, integer=False):
    def make(rng):
        x = keras.Input(shape, dtype="int32" if integer else "float32")
        y = x
        for layer in made:
            y = layer()(y)
        return keras.Model(x, y), [tokens(rng, 4, *shape) if integer else normal(rng, 4, *shape)]

    return make


CASES["batchnorm"] = plain((6,), lambda: layers.BatchNormalization(), lambda: layers.Dense(3))
CASES["spectral"] = plain((6,), lambda: layers.SpectralNormalization(layers.Dense(4)))
CASES["normalization"] = plain((6,), lambda: layers.Normalization(mean=0.5, variance=2.0))
CASES["transposed"] = plain((5, 6, 2), lambda: layers.Conv2DTranspose(3, 3, strides=2, output_padding=1))
CASES["transposed_same"] = plain((5, 2), lambda: layers.Conv1DTranspose(3, 3, strides=2, padding="same"))
CASES["bidirectional"] = plain((5, 3), lambda: layers.Bidirectional(layers.GRU(4, return_sequences=True)),
                               lambda: layers.Bidirectional(layers.LSTM(2), merge_mode="sum"))
CASES["stacked"] = plain((5, 3), lambda: layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)]))
CASES["wrapped"] = plain((5, 3), lambda: layers.TimeDistributed(layers.Dense(4)), lambda: layers.ConvLSTM1D(2, 2)
                         if False else layers.LSTM(3))
CASES["masked_rnn"] = plain((6,), lambda: layers.Embedding(9, 4, mask_zero=True),
                            lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
                            lambda: layers.GRU(2), integer=True)
CASES["upsampling"] = plain((4, 5, 2), lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"))
CASES["resizing"] = plain((7, 9, 2), lambda: layers.Resizing(4, 5, interpolation="bicubic", antialias=True))
CASES["centercrop"] = plain((7, 9, 2), lambda: layers.CenterCrop(4, 5))
CASES["gelu"] = plain((6,), lambda: layers.Activation("gelu"), lambda: layers.Dense(3, activation="hard_sigmoid"))
CASES["groupnorm"] = plain((4, 6), lambda: layers.GroupNormalization(3), lambda: layers.UnitNormalization())
CASES["sequential_nested"] = plain((6,), lambda: keras.Sequential([layers.Dense(4, "relu"), layers.BatchNormalization()]),
                                   lambda: layers.Dense(2))


@case
def normalization_adapted(rng):
    layer = layers.Normalization()
    layer.adapt(normal(rng, 50, 6) * 3 + 1)
    x = keras.Input((6,))
    return keras.Model(x, layer(x)), [normal(rng, 4, 6)]


@case
def dot_product_attention(rng):
    q, k = keras.Input((5, 2, 4)), keras.Input((7, 2, 4))
    return keras.Model([q, k], ops.dot_product_attention(q, k, k)), [normal(rng, 3, 5, 2, 4), normal(rng, 3, 7, 2, 4)]


@case
def dot_product_attention_masked(rng):
    q, k, m = keras.Input((5, 2, 4)), keras.Input((7, 2, 4)), keras.Input((1, 5, 7), dtype="bool")
    given = rng.random((3, 1, 5, 7)) > 0.5
    given[0, 0, 1] = False
    return keras.Model([q, k, m], ops.dot_product_attention(q, k, k, mask=m)), [
        normal(rng, 3, 5, 2, 4), normal(rng, 3, 7, 2, 4), given]


def fill(model, rng):
    """Give the weights random values, variances and scales positive ones."""
    for weight in model.weights:
        if "seed" in weight.name or "lora" in weight.name or str(weight.dtype).startswith(("int", "uint")):
            continue
        low = 0.3 if "variance" in weight.name else -0.7
        weight.assign(rng.uniform(low, 0.9, weight.shape))


def write(name, make):
    rng = np.random.default_rng([SEED, *name.encode()])
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    model, inputs = make(rng)
    if not name.startswith(("q_", "lora", "qlora", "discretization", "normalization_adapted", "policy_map_q")):
        fill(model, rng)
    version = tuple(map(int, keras.__version__.split(".")[:2]))
    model.run_eagerly = name.startswith("discretization") and version < (3, 12)  # a graph cut its floats off first
    out = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outs = [np.asarray(y) for y in (out if isinstance(out, (list, tuple)) else [out])]
    arrays = {f"in_{i}": x for i, x in enumerate(inputs)}
    arrays.update({f"out_{i}": y.astype("float32") if y.dtype.name == "bfloat16" else y for i, y in enumerate(outs)})
    np.savez(os.path.join(OUT, name + ".npz"), **arrays)
    for ending in ("keras", "h5"):
        path = os.path.join(OUT, f"{name}.{ending}")
        try:
            model.save(path)
        except Exception as error:  # whatever that Keras cannot save
            print("not saved:", name, ending, str(error)[:100])
            if os.path.exists(path):
                os.remove(path)


os.makedirs(OUT, exist_ok=True)
for name, make in CASES.items():
    if WORDS and not any(word in name for word in WORDS):
        continue
    try:
        write(name, make)
    except Exception as error:  # whatever that Keras does not have
        print("left out:", name, type(error).__name__, str(error)[:100])
