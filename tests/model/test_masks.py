"""Masks ride on tensors: who takes one off, or puts one on, does so for all that Keras runs after it."""

import keras
import numpy as np
import pytest
from agreement import assert_close
from judging import judged

import weightscope
from weightscope.model.structure import flatten

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore:.*does not support masking")]
L = keras.layers
TOKENS = np.array([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0], [5, 3, 5, 0, 0]])
OTHERS = np.array([[1, 2, 3, 4], [2, 1, 1, 0], [6, 5, 0, 0]])


def heads(**settings):
    return L.MultiHeadAttention(2, 4, **settings)


def seen(x):
    """What tells whether a tensor still has its mask."""
    return L.LSTM(3)(x)


def decoder(x, memory):
    y = L.Add()([x, heads()(x, memory)])
    return [L.GlobalAveragePooling1D()(L.Add()([y, heads()(y, memory)])), seen(memory)]


def both_are_outputs(x, _):
    return [heads()(x, x), heads()(x, x)]


def both_are_added(x, _):
    return L.GlobalAveragePooling1D()(L.Add()([heads()(x, x), heads()(x, x)]))


def beside_others(x, _):
    return [L.Attention()([x, x]), L.Concatenate()([L.Dense(8)(L.Dense(8)(heads()(x, x))), L.Attention()([x, x])])]


def a_call_shared(x, memory):
    shared, dense = heads(), L.Dense(8)
    first = shared(x, x)
    return [shared(first, x), shared(dense(L.LSTM(8, return_sequences=True)(x)), dense(memory))]


def handed_on(x, memory):
    same = keras.Sequential([L.Dropout(0.5), L.Activation("linear"), L.Identity()])
    real = keras.ops.conj(memory)
    return [heads()(same(x), memory), seen(x), seen(real), seen(L.ZeroPadding1D(0)(L.Dense(8)(x)))]


def inside_another(x, memory):
    entry = keras.Input((5, 8))
    inner = keras.Model(entry, heads()(entry, entry))
    return [inner(x), L.Dense(3)(seen(x)), seen(memory)]


def put_on(x, memory):
    entry = keras.Input((5, 8))
    inner = keras.Model(entry, L.Dense(8)(entry))
    bare = L.Dense(8)(x) + 0.0
    y = inner(bare, mask=keras.ops.less(bare[..., 0], 0.1))
    return [seen(y), L.Dense(3)(L.Dense(3)(seen(bare)))]


def on_the_scores(x, memory):
    scores = [heads()(L.Dense(8)(x), memory, return_attention_scores=True)[1],
              heads()(x, L.Dense(8)(memory), use_causal_mask=True, return_attention_scores=True)[1]]
    of_groups = L.GroupQueryAttention(4, 2, 2)(x, x, use_causal_mask=True, return_attention_scores=True)[1]
    return [*map(L.Softmax(), [*scores, of_groups]), L.Softmax()(L.Add()(scores))]


def of_grouped_queries(x, memory):
    return [L.GroupQueryAttention(4, 2, 2)(x, memory), L.GroupQueryAttention(4, 2, 2)(x, memory), seen(x)]


def made(graph, folder, policy="float32"):
    """Return Keras' model of a graph, with weights that show what is masked, and the one that we read."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        entries = [keras.Input(x.shape[1:], dtype="int32") for x in (TOKENS, OTHERS)]
        model = keras.Model(entries, graph(*[L.Embedding(7, 8, mask_zero=True)(x) for x in entries]))
    finally:
        keras.config.set_dtype_policy(before)
    model.save(folder / "m.keras")
    return model, weightscope.load(folder / "m.keras")


@pytest.mark.parametrize("graph", [
    decoder, both_are_outputs, both_are_added, beside_others, a_call_shared, handed_on, inside_another, put_on,
    on_the_scores, of_grouped_queries], ids=lambda graph: graph.__name__)
def test_masks_come_and_go_as_in_keras(graph, tmp_path):
    model, opened = made(graph, tmp_path)
    theirs = keras.tree.flatten(model.predict([TOKENS, OTHERS], verbose=0))
    assert_close(flatten(weightscope.predict(opened, [TOKENS, OTHERS])), theirs)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_twin_in_float64_loses_the_same_masks(policy, tmp_path):
    """Among them those that a layer hands on, and a layer of another dtype leaves, which casts its inputs."""
    def graph(x, memory):
        return [*handed_on(x, memory), *put_on(x, memory)[:1], heads(dtype="float32")(memory, memory), seen(memory)]

    made(graph, tmp_path, policy)
    rows, no_twin = judged(tmp_path / "m.keras", [TOKENS, OTHERS])
    assert not no_twin and {(row.verdict, row.reason) for row in rows} == {("agrees", "")}


def test_the_graph_is_told_as_it_stands_and_run_as_keras_runs_it(tmp_path):
    model, opened = made(beside_others, tmp_path)
    assert [layer.name for layer in opened.layers if not layer.is_operation] == [layer.name for layer in model.layers]
    calls = [path for path, _ in opened.calls()]
    assert sorted(weightscope.replay(opened, [TOKENS, OTHERS])) == sorted([*calls, *flatten(opened.inputs)])
