"""verify, with live Keras in its child process: agreement, and the right layer named when one side is altered."""

import keras
import numpy as np
import pytest
from judging import Live, both_sides

import weightscope
from weightscope.errors import NothingChecked, ReferenceFailed, Unsafe, Unsupported
from weightscope.model.layer import Activation
from weightscope.model.structure import flatten
from weightscope.show.verdict import sentence
from weightscope.verdict.differences import CONTRADICTED, differences_of
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.ours import Ours, States
from weightscope.verdict.sides import Sides
from weightscope.verdict.verify import verify

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A file with a shared layer, a nested model, two inputs and two outputs."""
    path = tmp_path_factory.mktemp("stack") / "stack.keras"
    keras.utils.set_random_seed(1)
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = keras.layers.Dense(5, activation="tanh", name="shared")
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="inside"),
                              keras.layers.Dense(2, activation="relu", name="inside_too")], name="inner")
    outputs = [keras.layers.Dense(1, name="left")(inner(shared(a))),
               keras.layers.Dense(2, activation="softmax", name="right")(inner(shared(b)))]
    keras.Model([a, b], outputs).save(path)
    return path


@pytest.fixture
def inputs():
    return [RNG.normal(size=(7, 4)).astype("float32"), RNG.normal(size=(7, 4)).astype("float32")]


def test_every_call_of_shared_and_nested_layers_agrees(stack, inputs):
    result = verify(weightscope.load(stack), inputs, batch_size=3)
    assert result, result
    assert {row.path for row in result.rows} == {
        "shared", "shared#2", "inner/inside", "inner/inside_too", "inner#2/inside", "inner#2/inside_too", "left",
        "right"}
    assert result.samples == 7
    assert len(result.outputs) == 2
    assert all(row.own.values == row.total.values > 0 for row in result.rows)


@pytest.mark.parametrize("name", ["shared", "inside", "inside_too", "left", "right"])
def test_one_altered_weight_names_its_layer(stack, inputs, name):
    model = weightscope.load(stack)
    layer = next(layer for layer in [*model.layers, *model.parts["inner"].layers] if layer.name == name)
    layer.weights["kernel"].array[0, 0] += 0.01
    result = verify(model, inputs)
    assert result.verdict == "diverges"
    assert result.exit_code == 1
    assert result.first.path.split("/")[-1].split("#")[0] == name
    guilty = {row.path.split("/")[-1].split("#")[0] for row in result.rows if row.verdict == "diverges"}
    assert guilty == {name}


def test_one_altered_setting_names_its_layer(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu", name="first"),
                              keras.layers.Dense(3, activation="gelu", name="second"), keras.layers.Dense(2)])
    model.save(tmp_path / "model.h5")
    opened = weightscope.load(tmp_path / "model.h5")
    opened.layers[1].activation = Activation("silu")
    result = verify(opened, RNG.normal(size=(6, 4)))
    assert result.first.path == "second"
    assert result.first.own.ours != result.first.own.theirs


def test_what_cannot_be_replayed_is_never_a_pass(tmp_path):
    @keras.saving.register_keras_serializable("test")
    class Own(keras.layers.Layer):
        def call(self, x):
            return x * 2

    keras.Sequential([keras.Input((2,)), Own()]).save(tmp_path / "own.keras")
    with pytest.raises(Unsupported, match="Own"):
        verify(weightscope.load(tmp_path / "own.keras"), np.ones((2, 2)))


def test_code_in_a_file_never_reaches_keras(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(tmp_path / "lambda.keras")
    with pytest.raises(Unsafe, match="Python code"):
        verify(weightscope.load(tmp_path / "lambda.keras"), np.ones((2, 2)))


def test_no_samples_is_no_pass(stack):
    with pytest.raises(NothingChecked):
        verify(weightscope.load(stack), [np.zeros((0, 4)), np.zeros((0, 4))])


def test_a_file_that_keras_refuses_says_why(tmp_path):
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.h5")
    import h5py

    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = file.attrs["model_config"].replace('"units": 2', '"units": 2, "nonsense": null')
        file.attrs["model_config"] = config
    with pytest.raises(ReferenceFailed, match=r"could not load.*nonsense"):
        verify(weightscope.load(tmp_path / "model.h5"), np.ones((2, 3, 2)))


def test_tolerance_decides(stack, inputs):
    model = weightscope.load(stack)
    model.layers[2].weights["kernel"].array[0, 0] += 0.01
    assert verify(model, inputs, Tolerance(rtol=1.0, atol=1.0))


def test_text_is_verified_too(tmp_path):
    lookup = keras.layers.StringLookup(vocabulary=["one", "zwölf"])
    keras.Sequential([keras.Input((1,), dtype="string"), lookup]).save(tmp_path / "text.keras")
    result = verify(weightscope.load(tmp_path / "text.keras"), np.array([["zwölf"], ["two"], ["one"]]))
    assert result
    assert result.samples == 3


def test_training_mode_in_the_graph_changes_nothing_in_predict(tmp_path):
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Dropout(0.5)(x, training=True)).save(tmp_path / "dropout.keras")
    assert verify(weightscope.load(tmp_path / "dropout.keras"), np.ones((5, 3)))


def test_float64_inputs_are_rounded_as_predict_rounds_them(tmp_path):
    model = keras.Sequential([keras.Input((3,), dtype="float64"), keras.layers.Dense(2, dtype="float64")])
    model.save(tmp_path / "double.keras")
    opened, x = weightscope.load(tmp_path / "double.keras"), RNG.normal(size=(4, 3))
    np.testing.assert_allclose(weightscope.predict(opened, x), model.predict(x, verbose=0), rtol=1e-14)
    assert verify(opened, x)


@pytest.mark.parametrize("layer", [
    keras.layers.Conv2D(2, 3, data_format="channels_first"), keras.layers.MaxPooling2D(2, data_format="channels_first"),
], ids=["conv", "pool"])
def test_where_tensorflow_has_no_kernel_for_float64_xla_gives_it(tmp_path, layer):
    keras.Sequential([keras.Input((3, 6, 7)), layer]).save(tmp_path / "model.keras")
    result = verify(weightscope.load(tmp_path / "model.keras"), RNG.normal(size=(2, 3, 6, 7)))
    assert result and result.same_function and not result.no_twin


@pytest.mark.parametrize(("ours_is_off", "verdict"), [(False, "agrees"), (True, "diverges")])
def test_a_reference_that_contradicts_itself_is_no_witness_in_float64(tmp_path, ours_is_off, verdict):
    path, x = tmp_path / "model.keras", RNG.normal(size=(3, 4)).astype("float32")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")]).save(path)
    model, live = weightscope.load(path), Live(path, [x])
    if ours_is_off:
        model.layers[-1].weights["kernel"].array[0, 0] += 0.01
    in_float64 = live.twin
    live.twin = lambda: ((name, [leaf * 1.5 for leaf in leaves]) for name, leaves in in_float64())
    row, = differences_of(*both_sides(model, live))
    assert row.verdict == verdict
    assert (row.reason == CONTRADICTED) == (row.own_in_float64 is None) == (verdict == "agrees")


def test_an_overflow_is_named(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="large", dtype="mixed_float16"),
                              keras.layers.Activation("tanh", name="behind")])
    model.layers[0].set_weights([np.full((2, 3), [1.0, 300.0, 3e4]), np.zeros(3)])
    model.save(tmp_path / "model.keras")
    result = verify(weightscope.load(tmp_path / "model.keras"), np.ones((5, 2), "float32") * 100)
    assert result, result
    large, behind = result.rows
    assert large.own.overflows == 5 and behind.own.overflows == 0
    assert "overflow: 5 values finite in float64 are not in float16, first at layer 'large'" in sentence(result)


def test_a_reference_that_begins_anew_finds_the_same_states(tmp_path):
    keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), keras.layers.LSTM(2, stateful=True, name="lstm")]).save(
        tmp_path / "model.keras")
    model, states = weightscope.load(tmp_path / "model.keras"), States()
    for _ in range(2):  # batches: the second begins with what the first ended with
        ours = Ours(model, [RNG.normal(size=(2, 3, 2)).astype("float32")], states)
        sides = Sides(ours, Tolerance())
        first, ended = ours.trace.output, [array.copy() for array in flatten(list(states.chained.values()))]
        for _ in range(2):
            sides.take("lstm", [first])
            np.testing.assert_array_equal(ours.trace.output, first)
            assert sides.gaps["lstm"].absolute == 0
        np.testing.assert_array_equal(flatten(list(states.chained.values())), ended)


def test_states_go_from_batch_to_batch_in_each_of_keras_runs(tmp_path):
    keras.Sequential([keras.Input(batch_shape=(4, 5, 3)), keras.layers.LSTM(6, stateful=True, return_sequences=True),
                      keras.layers.GRU(5, stateful=True), keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    result = verify(weightscope.load(tmp_path / "model.keras"), RNG.normal(size=(12, 5, 3)), batch_size=4)
    assert result and result.same_function and not result.no_twin
    assert all(row.own_in_float64.of_limit < 1 and row.own.of_limit < 1 for row in result.rows)
