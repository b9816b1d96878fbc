"""Layers by name and by path, and their weights in order: against the live model that the file was saved from."""

import keras
import numpy as np
import pytest

import weightscope
from weightscope.errors import NoSuchLayer, NotReplayable, WeightscopeError

pytestmark = pytest.mark.keras
layers = keras.layers


def whole():
    """A model with all that a path may lead through: nested models, wrappers, a layer called twice, frozen ones."""
    inner = keras.Sequential([
        layers.Input((4,)), layers.Dense(4, name="first"), layers.BatchNormalization(name="norm")], name="inner")
    inner.layers[0].trainable = False
    encoder = keras.Sequential([
        layers.Input((6, 3)), layers.TimeDistributed(layers.Dense(4, name="step"), name="steps"),
        layers.Bidirectional(layers.LSTM(2, name="cell"), name="both"), inner], name="encoder")
    x, shared = keras.Input((6, 3), name="x"), layers.Dense(4, name="shared")
    h = shared(shared(encoder(x)))
    h = layers.BatchNormalization(name="norm", trainable=False)(h)
    h = layers.Dense(5, name="frozen", trainable=False)(h)
    return keras.Model(x, layers.Dense(2, name="dense_2")(h), name="whole")


def opened(live, folder, kind="keras"):
    """Return a live model with other numbers in every weight, as weightscope opens it from a file."""
    rng = np.random.default_rng(0)
    for weight in live.weights:
        weight.assign(rng.uniform(0.2, 1, weight.shape))
    live.save(folder / f"model.{kind}")
    return weightscope.load(folder / f"model.{kind}")


@pytest.fixture(scope="module", params=["keras", "h5"])
def both(request, tmp_path_factory):
    """The live model, and the same opened from a file of each format."""
    keras.backend.clear_session()
    live = whole()
    return live, opened(live, tmp_path_factory.mktemp("paths"), request.param)


@pytest.mark.parametrize(("path", "class_name", "name"), [
    ("dense_2", "Dense", "dense_2"),
    ("encoder", "Sequential", "encoder"),
    ("encoder/steps", "TimeDistributed", "steps"),
    ("encoder/steps/layer", "Dense", "step"),
    ("encoder/both/forward_layer", "LSTM", "forward_cell"),
    ("encoder/both/backward_layer", "LSTM", "backward_cell"),
    ("encoder/inner/norm", "BatchNormalization", "norm"),
    ("norm", "BatchNormalization", "norm"),
    ("shared#2", "Dense", "shared"),
    ("x", "InputLayer", "x"),
])
def test_a_path_leads_to_its_layer(both, path, class_name, name):
    layer = both[1][path]
    assert (layer.class_name, layer.name) == (class_name, name)
    assert path in both[1]


def test_layers_of_one_name_are_told_apart(both):
    model = both[1]
    assert model["norm"] is not model["encoder/inner/norm"]
    assert model["encoder"]["inner"]["norm"] is model["encoder/inner/norm"]
    assert model["shared#2"] is model["shared"]


def test_paths_are_all_the_layers_each_once(both):
    _, model = both
    found = [model[path] for path in model.paths()]
    assert len(set(found)) == len(found)
    assert set(model.with_parts()) - {model} <= set(found)
    assert model._ipython_key_completions_() == model.paths()


def test_every_path_of_a_trace_leads_to_a_layer(both):
    _, model = both
    trace = weightscope.replay(model, np.ones((2, 6, 3), "float32"))
    assert "encoder/both" in trace
    for path in trace:
        assert model[path].name == path.rpartition("/")[2].partition("#")[0]


def test_inspect_names_them_so(both, tmp_path):
    from weightscope.show.overview import Overview

    _, model = both
    assert [block.path for block in Overview(model).all_blocks()] == model.paths()


def test_a_model_in_a_wrapper_has_its_layers_behind_the_attribute(tmp_path):
    inner = keras.Sequential([layers.Input((3,)), layers.Dense(2, name="inside")], name="inner")
    model = opened(keras.Sequential([layers.Input((4, 3)), layers.TimeDistributed(inner, name="steps")]), tmp_path)
    assert model["steps/layer/inside"].class_name == "Dense"
    weightscope.Model  # as the front door shows it  # noqa: B018
    assert "  steps/layer/inside " in str(model)


@pytest.mark.parametrize(("typed", "message"), [
    ("dense_3", "has no layer 'dense_3'. Did you mean dense_2?"),
    ("first", "has no layer 'first'. Did you mean encoder/inner/first?"),
    ("forward_cell", "has no layer 'forward_cell'. Did you mean encoder/both/forward_layer?"),
    ("encoder/inner/nrom", "has no layer 'encoder/inner/nrom'. Did you mean encoder/inner/norm"),
    ("QQQ", "has no layer 'QQQ'. It has x, encoder, "),
    ("", "has no layer ''. It has x, "),
    ("shared#3", "has no layer 'shared#3'. Did you mean shared"),
    ("dense_2/kernel", "has no layer 'dense_2/kernel'. Did you mean dense_2"),
])
def test_a_miss_is_one_line_with_what_was_meant(both, typed, message):
    with pytest.raises(KeyError) as error:
        both[1][typed]
    assert isinstance(error.value, NoSuchLayer) and isinstance(error.value, WeightscopeError)
    assert str(error.value).startswith("Functional 'whole' ") and message in str(error.value)
    assert "\n" not in str(error.value)
    assert typed not in both[1]


def test_a_number_is_no_path(both):
    with pytest.raises(TypeError, match=r"\.layers\[0\]"):
        both[1][0]
    assert 0 not in both[1]
    with pytest.raises(TypeError, match="not iterable"):
        iter(both[1])
    assert both[1]  # a model is true, whatever is in it


def with_operations():
    """A model whose graph has operations of keras.ops between its layers."""
    x = keras.Input((3,), name="x")
    return keras.Model(x, layers.Dense(1, name="last")(layers.Dense(2, name="one")(x) * 2.0 + 1.0), name="counted")


@pytest.mark.parametrize("build", [whole, with_operations,
                                   lambda: keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(1)])])
def test_get_layer_is_that_of_keras(build, tmp_path):
    live = build()
    model = opened(live, tmp_path)
    for index in range(-len(live.layers), len(live.layers)):
        assert model.get_layer(index=index).name == live.get_layer(index=index).name
    for layer in live.layers:
        assert model.get_layer(layer.name) is model.get_layer(name=layer.name)
        assert model.get_layer(layer.name).class_name == type(layer).__name__
    for wrong in ({"name": "absent"}, {"index": len(live.layers)}, {}, {"name": live.layers[0].name, "index": 0},
                  {"name": "encoder/inner"}):
        for one in (live, model):
            with pytest.raises(ValueError):
                one.get_layer(**wrong)
    with pytest.raises(NoSuchLayer, match=r"has no layer 'absent'\. "):
        model.get_layer("absent")


# Weights in Keras' order.


def twice_frozen():
    """A model that was frozen as a whole, and one layer of it before."""
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.Dense(1)])
    model.layers[0].trainable = False
    model.trainable = False
    return model


def with_many_kinds():
    """Layers whose variables Keras keeps in an order of their own."""
    x = keras.Input((8, 6))
    h = layers.MultiHeadAttention(2, 3)(x, x)
    h = layers.Bidirectional(layers.GRU(3, return_sequences=True), backward_layer=layers.LSTM(
        3, return_sequences=True, go_backwards=True))(h)
    h = layers.SeparableConv1D(4, 3)(h)
    h = layers.SpectralNormalization(layers.Dense(3))(h)
    h = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)])(h)
    return keras.Model(x, layers.Dropout(0.5, seed=1)(h))


@pytest.mark.parametrize("build", [whole, with_operations, twice_frozen, with_many_kinds])
def test_get_weights_has_the_order_of_keras(build, tmp_path):
    live = build()
    model = opened(live, tmp_path)
    pairs = [(model, live), *((model.get_layer(layer.name), layer) for layer in live.layers)]
    for ours, theirs in pairs:
        found = ours.get_weights()
        assert isinstance(found, list) and all(type(array) is np.ndarray for array in found)
        for a, b in zip(found, theirs.get_weights(), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    for weight in live.weights:
        weight.assign(weight * 0)
    live.set_weights(model.get_weights())  # and what Keras takes
    np.testing.assert_array_equal(live.get_weights()[0], model.get_weights()[0])


def test_get_weights_says_what_is_missing():
    from weightscope.model.layer import layer_from

    bare = layer_from({"class_name": "LSTM", "config": {"units": 2, "name": "cell"}})
    with pytest.raises(NotReplayable, match="kernel"):
        bare.get_weights()
