"""Sequential and Functional models: graphs, sharing, nesting, structures of inputs and outputs, broken graphs."""

import keras
import numpy as np
import pytest
from agreement import assert_close

import weightscope
from weightscope.errors import NotReplayable, Unreadable
from weightscope.model.layer import layer_from

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")
Y = RNG.normal(size=(4, 3)).astype("float32")


def dense(units, **settings):
    return keras.layers.Dense(units, bias_initializer="uniform", **settings)


def agree(model, x, folder):
    theirs = model.predict(x, verbose=0)
    for name in ("m.keras", "m.h5"):
        model.save(folder / name)
        opened = weightscope.load(folder / name)
        assert opened.ledger.closes
        assert not opened.ledger.unclaimed
        assert opened.count_params() == model.count_params()
        ours = weightscope.replay(opened, x).output
        assert_close(ours, theirs)
        assert_close(weightscope.predict(opened, x, batch_size=3), theirs)
        if isinstance(theirs, dict):
            assert set(ours) == set(theirs)
    return opened


def test_shared_layer_called_three_times(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = dense(3, name="shared")
    h = shared(a)
    model = keras.Model([a, b], [shared(h), shared(b)])
    opened = agree(model, [X, Y], tmp_path)
    assert [path for path in weightscope.replay(opened, [X, Y]) if "shared" in path] == [
        "shared", "shared#2", "shared#3"]


def test_dict_inputs_and_outputs(tmp_path):
    z, a = keras.Input((3,), name="z"), keras.Input((3,), name="a")
    model = keras.Model({"z": z, "a": a}, {"two": dense(2)(z), "one": dense(1)(a)})
    agree(model, {"a": X, "z": Y}, tmp_path)


def test_nested_models_keep_their_weights_apart(tmp_path):
    def block(units):
        return keras.Sequential([keras.Input((3,)), dense(units), keras.layers.BatchNormalization(), dense(3)])

    inner = keras.Sequential([keras.Input((3,)), block(4), block(5)])
    inner.layers[0].trainable = False
    x = keras.Input((3,))
    model = keras.Model(x, dense(1)(inner(inner(x))))
    for weight in model.weights:
        weight.assign(RNG.uniform(0.1, 1, weight.shape))
    agree(model, X, tmp_path)


def test_a_model_with_several_outputs_inside_another(tmp_path):
    x = keras.Input((3,))
    inner = keras.Model(x, [dense(2)(x), dense(4)(x)])
    y = keras.Input((3,))
    first, second = inner(y)
    agree(keras.Model(y, [dense(1)(second), first]), X, tmp_path)


def test_frozen_layers_are_found_in_legacy_order(tmp_path):
    inner = keras.Sequential([keras.Input((3,)), dense(3, name="frozen", trainable=False), dense(3, name="free")])
    agree(keras.Sequential([keras.Input((3,)), inner, dense(2)]), X, tmp_path)


def test_a_missing_or_extra_last_axis_of_one_is_mended_as_keras_does(tmp_path):
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Flatten(), dense(2)])
    model.save(tmp_path / "m.keras")
    opened = weightscope.load(tmp_path / "m.keras")
    assert_close(weightscope.predict(opened, X), model.predict(X[..., None], verbose=0))
    with pytest.raises(Unreadable, match="should have shape"):
        weightscope.predict(opened, X[:, :2])


def test_behind_an_unknown_layer_nothing_is_guessed(tmp_path):
    @keras.saving.register_keras_serializable("test")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    x = keras.Input((3,))
    h = dense(2, name="before")(x)
    model = keras.Model(x, [dense(1, name="behind")(Twice(name="own")(h)), dense(1, name="beside")(h)])
    model.save(tmp_path / "m.keras")
    trace = weightscope.replay(weightscope.load(tmp_path / "m.keras"), X)
    assert [path for path in trace if "input" not in path] == ["before", "beside"]
    assert set(trace.missing) == {"own", "behind"}
    assert "Twice" in trace.missing["own"]
    assert trace.missing["behind"] == "behind 'own'"
    with pytest.raises(NotReplayable, match="Twice"):
        _ = trace.output


def functional(**changes):
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": changes.get("reads", ["x", 0, 0])}}
    layers = [{"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 3]}, "inbound_nodes": []},
              {"class_name": "Identity", "name": "y", "config": {}, "inbound_nodes": [{"args": [tensor]}]}]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}
    return {"class_name": "Functional", "config": {"layers": layers, **ends, **changes.get("config", {})}}


@pytest.mark.parametrize(("changes", "message"), [
    ({"reads": ["nobody", 0, 0]}, "nobody"),
    ({"reads": ["y", 0, 0]}, "circle"),
    ({"reads": ["x", 0]}, "layer, call, output"),
    ({"config": {"input_layers": [["y", 0, 0]]}}, "InputLayer"),
    ({"config": {"output_layers": None}}, "output_layers"),
    ({"config": {"layers": {}}}, "list of layers"),
    ({"config": {"layers": [7]}}, "class_name"),
])
def test_a_broken_graph_is_one_clear_line(changes, message):
    with pytest.raises(Unreadable, match=message):
        layer_from(functional(**changes))


def test_an_output_that_does_not_exist_is_no_crash():
    model = layer_from(functional(config={"output_layers": [["y", 0, 5]]}))
    with pytest.raises((Unreadable, NotReplayable)):
        weightscope.replay(model, X)
