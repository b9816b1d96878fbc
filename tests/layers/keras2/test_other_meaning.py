"""What Keras 2 means otherwise than Keras 3, against tf_keras: masks, states, halves, training=True."""

import warnings

import numpy as np
import pytest
from agreement import assert_close

import weightscope
from weightscope.dialects.translate import translate
from weightscope.errors import NotReplayable, Unsupported
from weightscope.model.structure import flatten
from weightscope.reference.meanings import other_meanings

K = pytest.importorskip("tf_keras")
tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.keras
L, RNG = K.layers, np.random.default_rng(0)
TOKENS = np.array([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0], [5, 3, 5, 0, 0], [1, 0, 0, 0, 0]])
WORDS = np.stack([TOKENS, TOKENS[::-1], np.where(TOKENS == 1, 0, TOKENS)], axis=1)  # (samples, sentences, words)
WORDS[0, 2], WORDS[1, 1:] = 0, 0
STEPS = RNG.normal(2, 3, size=(6, 5, 3)).astype("float32")
IMAGES = RNG.normal(2, 3, size=(6, 4, 5, 3)).astype("float32")


def agree(x, graph, folder, embed=False, batch_size=4, form="h5"):
    """Hold a graph, a function of its input, against tf_keras; return the model that we read."""
    K.backend.clear_session()
    entry = K.Input(x.shape[1:], dtype=x.dtype.name)
    model = K.Model(entry, graph(L.Embedding(7, 8, mask_zero=True)(entry) if embed else entry))
    model.set_weights([RNG.uniform(0.1, 1, array.shape).astype("float32") * RNG.choice([1, -1], array.shape[-1:])
                       if "variance" not in weight.name else array + 1.5
                       for weight, array in zip(model.weights, model.get_weights())])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf_keras warns of .h5
        model.save(folder / f"m.{form}")
    opened = weightscope.load(folder / f"m.{form}")
    ours = weightscope.predict(opened, x, batch_size=batch_size)
    theirs = model.predict(x, batch_size=batch_size, verbose=0)
    assert_close(flatten(ours), tf.nest.flatten(theirs))
    return opened


def lstm(x, **given):
    return L.LSTM(3, return_sequences=given.pop("whole", False))(x, **given)


def test_attention_leaves_the_masks_on(tmp_path):
    def graph(x):
        heads = [L.MultiHeadAttention(2, 4, dropout=rate)(x, x) for rate in (0, 0.1)]
        y, scores = L.MultiHeadAttention(2, 4)(x, L.Dense(8)(x), return_attention_scores=True)
        return [*heads, y, L.Softmax()(scores), lstm(x), lstm(heads[0])]

    agree(TOKENS, graph, tmp_path, embed=True)


def test_masks_behind_merges_and_other_layers(tmp_path):
    """An average over the steps that are left tells what is masked."""
    def graph(x):
        other, bare = L.Masking()(L.Reshape((5, 8))(L.ActivityRegularization()(x)) - 1), L.Reshape((5, 8))(x)
        other = L.Masking()(tf.nn.relu(L.Dense(8)(other)))
        merges = [L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate]
        merged = [merge()([x, y]) for merge in merges for y in (other, bare)]
        rest = [L.Rescaling(2.0)(x), L.Identity()(x), L.Normalization(mean=0.5, variance=2.0)(x), tf.identity(x),
                tf.cast(x, "float32"), L.Concatenate(axis=1)([x, other])]
        return [L.GlobalAveragePooling1D()(y) for y in merged + rest]

    agree(TOKENS, graph, tmp_path, embed=True)


def test_a_layer_at_each_step_says_what_is_left_of_a_mask(tmp_path):
    each = L.TimeDistributed

    def graph(x):
        whole = each(L.LSTM(3, return_sequences=True))(x)
        rows = [each(L.LSTM(3))(x), each(L.GlobalAveragePooling1D())(x), each(L.LSTM(2))(whole),
                each(L.Bidirectional(L.LSTM(2)))(L.Dense(4)(x)), each(K.Sequential([L.Dense(3), L.LSTM(3)]))(x)]
        return [lstm(L.Dense(3)(row)) for row in rows] + [L.GlobalAveragePooling1D()(each(L.Dense(2))(rows[0]))]

    agree(WORDS, graph, tmp_path, embed=True)


def test_states_leave_a_sequence_its_mask(tmp_path):
    def graph(x):
        h, c = L.LSTM(3, return_state=True)(x)[1:]
        halves = L.Bidirectional(L.LSTM(3, return_sequences=True))(x, initial_state=[h, c, c, h])
        return [lstm(x, initial_state=[h, c], whole=True), L.GRU(3)(x, initial_state=h), halves]

    agree(TOKENS, graph, tmp_path, embed=True)


@pytest.mark.parametrize("form", ["h5", "keras"])
def test_states_that_are_constants(form, tmp_path):
    h, c = (RNG.normal(size=(6, 3)).astype("float32") for _ in "hc")
    states = [tf.constant(h), tf.constant(c)]

    def graph(x):
        wide = L.ConvLSTM1D(2, 2, padding="same")
        filled = [tf.constant(RNG.normal(size=(6, 3, 2)).astype("float32")) for _ in "hc"]
        return [lstm(x, initial_state=states), L.GRU(3)(x, initial_state=states[0]),
                L.Bidirectional(L.LSTM(3))(x, initial_state=states * 2),
                wide(L.Reshape((5, 3, 1))(x), initial_state=filled)]

    agree(STEPS, graph, tmp_path, batch_size=6, form=form)


def test_the_other_half_runs_the_other_way(tmp_path):
    def graph(x):
        back = {"go_backwards": True}
        return [L.Bidirectional(L.LSTM(2, return_sequences=True, **back))(x), L.Bidirectional(L.GRU(2, **back))(x),
                L.Bidirectional(L.RNN(L.SimpleRNNCell(2), **back), merge_mode="sum")(x),
                L.Bidirectional(L.ConvLSTM1D(2, 2, **back))(L.Reshape((5, 3, 1))(x)), L.Bidirectional(L.LSTM(2))(x)]

    opened = agree(STEPS, graph, tmp_path)
    assert [note for note in opened.notes if "runs its other half forwards" in note]


@pytest.mark.parametrize("version", ["1.2.2", "2.2.4", "2.15.0"])
def test_the_halves_of_older_files(version):
    inner = {"class_name": "LSTM", "config": {"name": "lstm_1", "units": 2, "output_dim": 2, "go_backwards": True}}
    found, _ = translate({"class_name": "Bidirectional", "config": {"name": "b", "layer": inner}}, version)
    back = found["config"]["backward_layer"]["config"]
    assert (back["name"], back["go_backwards"]) == ("backward_lstm_1", False)


def test_masks_of_positions_in_convolutional_recurrences(tmp_path):
    x = np.where(RNG.random((6, 4, 5, 1)) < 0.4, 0, IMAGES).astype("float32")

    def graph(x):
        masked = L.Masking()(x)
        return [L.ConvLSTM1D(3, 2, padding="same")(masked),
                L.ConvLSTM1D(3, 2, padding="same", return_sequences=True, go_backwards=True)(masked)]

    agree(x, graph, tmp_path)


def normalized(x):
    normalization = L.BatchNormalization
    return [normalization()(x, training=True), normalization(axis=1, scale=False)(x, training=True),
            normalization(center=False, epsilon=1e-6)(1e-3 * x, training=1), normalization()(x, training=False),
            normalization(trainable=False)(x, training=True), L.Dropout(0.0)(x, training=True)]


@pytest.mark.parametrize("x", [STEPS, IMAGES], ids=["steps", "images"])
def test_normalization_by_the_batch(x, tmp_path):
    def graph(x):
        entry = K.Input(x.shape[1:])
        inner = K.Model(entry, L.Dense(2)(L.BatchNormalization()(entry)))
        masked = L.BatchNormalization()(L.Masking()(tf.nn.relu(x)), training=True)
        several = [L.BatchNormalization(axis=[1, 2])(x, training=True)]
        return [*normalized(x), inner(x, training=True), masked, *several]

    opened = agree(x, graph, tmp_path)
    assert [note for note in opened.notes if "Keras 3 loads such a file, and gives other values" in note]


def test_what_training_makes_random_is_refused(tmp_path):
    shared = L.BatchNormalization()
    for graph in (lambda x: L.Dropout(0.5)(x, training=True), lambda x: L.LSTM(2, dropout=0.5)(x, training=True),
                  lambda x: K.Sequential([L.Dense(2), L.GaussianNoise(1.0)])(x, training=True),
                  lambda x: shared(shared(x), training=True)):
        with pytest.raises(NotReplayable, match="called with training=True"):
            agree(STEPS, graph, tmp_path)


def test_tf_keras_judges_what_keras_3_computes_otherwise(tmp_path):
    opened = agree(STEPS, normalized, tmp_path)
    comparison = weightscope.verify(opened, STEPS)
    assert comparison and comparison.reference.startswith("tf_keras")
    with pytest.raises(Unsupported, match="Keras 3 has no normalization by the batch's own mean"):
        weightscope.convert(opened)


def test_what_keras_3_computes_otherwise_is_not_converted(tmp_path):
    opened = agree(TOKENS, lambda x: L.MultiHeadAttention(2, 4, dropout=0.1)(x, x), tmp_path, embed=True)
    unmasked = np.maximum(TOKENS, 1)
    assert weightscope.convert(opened, unmasked).agrees
    siblings = agree(TOKENS, lambda x: [L.MultiHeadAttention(2, 4)(x, x) for _ in "ab"], tmp_path, embed=True)
    assert not weightscope.convert(siblings, TOKENS).agrees


def test_a_bias_lies_along_its_own_axes(tmp_path):
    """Where Keras 3 lays what has one long axis along the last axis of that length, or along the second."""
    x = RNG.normal(size=(1, 4, 4)).astype("float32")

    def graph(x):
        column = L.Dense(1)(x)
        return [L.Add()([x, column]), L.Average()([x, column, x]), x + column,
                L.EinsumDense("abc,cd->abd", output_shape=(4, 4), bias_axes="b")(x),
                L.MultiHeadAttention(4, 1)(x, x), L.MultiHeadAttention(1, 4)(x, x)]

    opened = agree(x, graph, tmp_path)
    assert [line for line in other_meanings(opened) if line.startswith("sums and biases")]
    assert weightscope.verify(opened, x)
    assert not weightscope.convert(opened, x).agrees
