"""Vocabularies against Keras: from the config and from the archive, forward and back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from agreement import Case, agrees_with_keras, cases
from side_by_side import adapted, agree_side_by_side

from weightscope.errors import NotReplayable
from weightscope.model.layer import layer_from
from weightscope.opening.load import load
from weightscope.replaying.replay import replay

pytestmark = pytest.mark.keras

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
WORDS = ["a", "b", "é", "a b", "longer word"]
TEXT = np.array([["a", "b", "zz"], ["", "é", "q"], ["a", "a b", "longer word"], ["[UNK]", "x", "zz"]])
LEARNED = np.array([["a", "b", "b", "é é", " lead"], ["zz", "a", "b\tq", "tab", "tab"]])
NUMBERS = np.array([[3, 9, -5], [0, 1, 2], [-1, 70, 3]])
STRING_SETTINGS = [
    {}, {"num_oov_indices": 3}, {"mask_token": ""}, {"mask_token": "", "num_oov_indices": 2},
    {"num_oov_indices": 3, "salt": 5}, {"num_oov_indices": 3, "salt": (5, 9)},
    {"mask_token": "m", "oov_token": "o", "max_tokens": 12},
    {"max_tokens": 12, "pad_to_max_tokens": True},
]


def given(mode, vocabulary):
    """Return the settings that carry a vocabulary, with the weights that tf_idf asks for."""
    weights = {"idf_weights": [0.1 + 0.2 * i for i in range(len(vocabulary))]} if mode == "tf_idf" else {}
    return {"output_mode": mode, "vocabulary": vocabulary, **weights}


def with_special(mode, settings):
    """Return WORDS behind the special tokens that Keras would put there."""
    mask = [settings["mask_token"]] if "mask_token" in settings and mode == "int" else []
    return mask + [settings.get("oov_token", "[UNK]")] * settings.get("num_oov_indices", 1) + WORDS


@cases(
    Case("IntegerLookup", NUMBERS, {"vocabulary": [9, 3, 1]}),
    Case("IntegerLookup", NUMBERS, {"vocabulary": [9, 3, 1], "output_mode": "count", "num_oov_indices": 2}),
    Case("IntegerLookup", NUMBERS, {"vocabulary": [9, 3, 1], "output_mode": "tf_idf", "idf_weights": [0.1, 0.2, 0.7]}),
)
def test_in_every_format(case, tmp_path):
    agrees_with_keras(case, tmp_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["vocabulary", "with special tokens", "adapted"])
def test_string_lookup(mode, how, tmp_path):
    layers = []
    for settings in STRING_SETTINGS[:None if mode != "int" else -1]:
        if how == "adapted":
            layers.append(adapted(keras.layers.StringLookup(output_mode=mode, **settings), LEARNED))
        else:
            vocabulary = WORDS if how == "vocabulary" else with_special(mode, settings)
            layers.append(keras.layers.StringLookup(**given(mode, vocabulary), **settings))
    agree_side_by_side(layers, TEXT, tmp_path)


@pytest.mark.parametrize("x", [TEXT[:, :1], TEXT[:, 0], TEXT[..., None], TEXT.astype(object), np.char.encode(TEXT)],
                         ids=lambda x: f"{x.shape}{x.dtype.kind}")
def test_shapes_and_kinds_of_text(x, tmp_path):
    agree_side_by_side([keras.layers.StringLookup(**given(mode, WORDS)) for mode in MODES], x, tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_integer_lookup(mode, tmp_path):
    settings = [{}, {"num_oov_indices": 3}, {"mask_token": 0, "num_oov_indices": 2},
                {"num_oov_indices": 3, "oov_method": "farmhash"}, {"oov_token": -7, "mask_token": 0},
                {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 3}]
    layers = [keras.layers.IntegerLookup(**given(mode, [9, 3, 1]), **each) for each in settings]
    layers += [adapted(keras.layers.IntegerLookup(output_mode=mode, **each), [3, 3, 9, 1, -5]) for each in settings]
    agree_side_by_side(layers, NUMBERS, tmp_path)


def test_numbers_of_other_dtypes(tmp_path):
    agree_side_by_side([keras.layers.IntegerLookup(vocabulary=[9, 3, 1])], NUMBERS.astype("float32") + 0.4, tmp_path)


def test_invert(tmp_path):
    settings = [{}, {"mask_token": "m"}, {"num_oov_indices": 0}]
    layers = [keras.layers.StringLookup(vocabulary=WORDS, invert=True, **each) for each in settings]
    layers += [adapted(keras.layers.StringLookup(invert=True, **each), ["q", "r"]) for each in settings]
    layers += [keras.layers.IntegerLookup(vocabulary=[9, 3, 1], invert=True, **each)
               for each in ({}, {"mask_token": 0, "num_oov_indices": 2})]
    agree_side_by_side(layers, np.array([[0, 1, 2], [3, 9, -1]]), tmp_path)


SENTENCES = np.array([["A b, c."], ["é É  x\tzz\nyy"], ["don't stop!  ÄÖ"], [""]])
PHRASES = ["a", "b", "c", "é", "a b", "x zz", "dont", "stop", " ", "É"]
CUTS = [{}, {"standardize": None}, {"standardize": "lower"}, {"standardize": "strip_punctuation"},
        {"split": "character"}, {"ngrams": 2}, {"ngrams": (2, 3)}, {"ngrams": 3, "split": "character"},
        {"max_tokens": 70, "pad_to_max_tokens": True}]


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "one_hot"])
@pytest.mark.parametrize("x", [SENTENCES, SENTENCES[:, 0]], ids=["column", "flat"])
def test_text_vectorization(mode, x, tmp_path):
    layers = [keras.layers.TextVectorization(**given(mode, PHRASES), **each) for each in CUTS]
    learned = np.array(["A b, c d", "b b; c", "é É"])
    layers += [adapted(keras.layers.TextVectorization(output_mode=mode, **each), learned) for each in CUTS]
    if mode == "int":
        layers += [keras.layers.TextVectorization(vocabulary=PHRASES, output_sequence_length=n) for n in (2, 9)]
    agree_side_by_side(layers, x, tmp_path)


def test_text_that_is_not_split(tmp_path):
    settings = [{}, {"ngrams": 2}, {"output_sequence_length": 1}, {"output_sequence_length": 4}]
    layers = [keras.layers.TextVectorization(split=None, vocabulary=PHRASES, **each) for each in settings]
    layers += [keras.layers.TextVectorization(split=None, **given(mode, PHRASES)) for mode in MODES[1:]]
    agree_side_by_side(layers, np.array([["a", "b"], ["C!", "x"]]), tmp_path)


def test_counts_go_into_a_dense_layer(tmp_path):
    vectorization = keras.layers.TextVectorization(output_mode="count", vocabulary=PHRASES)
    dense = keras.layers.Dense(2)
    dense.build((None, 11))
    agree_side_by_side([lambda x: dense(vectorization(x))], SENTENCES, tmp_path)


def test_a_vocabulary_inside_an_inner_model(tmp_path):
    inner = keras.Sequential([keras.Input((3,), dtype="string"), adapted(keras.layers.StringLookup(), LEARNED)])
    agree_side_by_side([inner], TEXT, tmp_path)


def test_an_h5_without_the_vocabulary_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,), dtype="string"), adapted(keras.layers.StringLookup(), LEARNED)])
    model.save(tmp_path / "model.h5")
    with pytest.raises(tf.errors.FailedPreconditionError):
        keras.saving.load_model(tmp_path / "model.h5").predict(tf.constant(TEXT), verbose=0)
    (reason,) = replay(load(tmp_path / "model.h5"), TEXT).missing.values()
    assert "its vocabulary is not in the file" in reason


@pytest.mark.parametrize("settings, x, reason", [
    ({"vocabulary": "/somewhere/words.txt"}, ["a"], "in another file"),
    ({"vocabulary": ["a"], "sparse": True}, ["a"], "sparse"),
    ({"vocabulary": ["a"], "output_mode": "tf_idf"}, ["a"], "idf_weights"),
    ({"vocabulary": ["a"], "num_oov_indices": 0}, ["a", "b"], "b'b' is not in the vocabulary"),
    ({"vocabulary": ["a", "a"]}, ["a"], "twice"),
    ({"vocabulary": ["a"], "num_oov_indices": 10**12, "output_mode": "count"}, ["a"], "values"),
])
def test_what_is_refused(settings, x, reason):
    lookup = layer_from({"class_name": "StringLookup", "config": {"name": "s", **settings}})
    with pytest.raises(NotReplayable, match=reason):
        lookup(np.array([x]))


@pytest.mark.parametrize("settings, reason", [
    ({"standardize": {"class_name": "function"}}, "Python code"), ({"output_mode": "one_hot"}, "ragged"),
    ({"split": "sentence"}, "fit"), ({"ngrams": [0]}, "runs of 0 tokens"),
])
def test_what_text_vectorization_refuses(settings, reason):
    config = {"name": "t", "vocabulary": ["a"], **settings}
    with pytest.raises(NotReplayable, match=reason):
        layer_from({"class_name": "TextVectorization", "config": config})(np.array(["a"]))


def test_by_hand():
    config = {"name": "t", "vocabulary": ["the", "cat", "sat"], "output_sequence_length": 5}
    vectorization = layer_from({"class_name": "TextVectorization", "config": config})
    np.testing.assert_array_equal(vectorization(np.array(["The cat sat. Where?"])), [[2, 3, 4, 1, 0]])
