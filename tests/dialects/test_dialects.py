"""Each rule of the old dialects on a tiny config, and each changed meaning by hand."""

import numpy as np
import pytest

from weightscope.dialects.translate import translate
from weightscope.kernels.activations import activation
from weightscope.layers import families
from weightscope.model.layer import layer_from


def layer(class_name, config, version="2.3.1", backend=None):
    """Translate one layer inside a Sequential, and return it with the notes."""
    found, notes = translate(sequential(class_name, config), version, backend)
    return found["config"]["layers"][0], notes


def sequential(class_name, config):
    return {"class_name": "Sequential", "config": [{"class_name": class_name, "config": {"name": "x", **config}}]}


def test_keras3_words_are_left_alone():
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "Dense", "module": "keras.layers", "config": {"name": "d", "activation": "hard_sigmoid"}}]}}
    assert translate(config, "3.15.1") == (config, [])


def test_a_bare_list_of_layers_is_a_sequential():
    found, _ = translate(sequential("Flatten", {}), "1.2.2")
    assert found["config"]["name"] == "sequential"
    assert [inner["class_name"] for inner in found["config"]["layers"]] == ["Flatten"]


@pytest.mark.parametrize(("class_name", "old", "new"), [
    ("Dense", {"output_dim": 3, "bias": True, "init": "uniform"}, {"units": 3, "use_bias": True}),
    ("TimeDistributedDense", {"output_dim": 3}, {"units": 3}),
    ("Embedding", {"input_dim": 9, "output_dim": 2, "input_length": 4}, {"input_dim": 9, "output_dim": 2}),
    ("Convolution1D", {"nb_filter": 2, "filter_length": 3, "subsample_length": 1, "border_mode": "same"},
     {"filters": 2, "kernel_size": 3, "strides": 1, "padding": "same", "data_format": "channels_last",
      "kernel_order": "tf"}),
    ("Convolution2D", {"nb_filter": 2, "nb_row": 3, "nb_col": 5, "subsample": [1, 2], "dim_ordering": "tf"},
     {"filters": 2, "kernel_size": [3, 5], "strides": [1, 2], "data_format": "channels_last", "kernel_order": "tf"}),
    ("AtrousConvolution2D", {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "atrous_rate": [2, 2], "dim_ordering": "tf"},
     {"filters": 2, "kernel_size": [3, 3], "dilation_rate": [2, 2], "data_format": "channels_last",
      "kernel_order": "tf"}),
    ("Deconvolution2D",
     {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "output_shape": [None, 2, 9, 9], "dim_ordering": "th"},
     {"filters": 2, "kernel_size": [3, 3], "output_shape": [None, 2, 9, 9], "data_format": "channels_first",
      "kernel_order": "th", "adds_plainly": True}),
    ("MaxoutDense", {"output_dim": 3, "nb_feature": 2, "bias": False},
     {"units": 3, "nb_feature": 2, "use_bias": False}),
    ("ZeroPadding2D", {"padding": [1, 0, 2, 3], "dim_ordering": "tf"},
     {"padding": [[1, 0], [2, 3]], "data_format": "channels_last"}),
    ("ZeroPadding2D", {"padding": {"top_pad": 1, "right_pad": 2}, "dim_ordering": "th"},
     {"padding": [[1, 0], [0, 2]], "data_format": "channels_first"}),
    ("ZeroPadding1D", {"padding": {"left_pad": 1, "right_pad": 2}}, {"padding": [1, 2]}),
    ("MaxPooling1D", {"pool_length": 2, "stride": 2, "border_mode": "valid"},
     {"pool_size": 2, "strides": 2, "padding": "valid"}),
    ("Dropout", {"p": 0.5}, {"rate": 0.5}),
    ("LSTM", {"output_dim": 4, "inner_activation": "sigmoid", "inner_init": "orthogonal", "forget_bias_init": "one",
              "consume_less": "cpu", "dropout_W": 0.1, "dropout_U": 0.2},
     {"units": 4, "recurrent_activation": "sigmoid", "dropout": 0.1, "recurrent_dropout": 0.2}),
    ("BatchNormalization", {"mode": 0, "axis": -1, "epsilon": 1e-3}, {"axis": -1, "epsilon": 1e-3}),
])
def test_keras1_settings(class_name, old, new):
    found, _ = layer(class_name, old, "1.2.2")
    assert found["config"] == {"name": "x", **new}


@pytest.mark.parametrize(("mode", "expected"), [
    ("sum", "Add"), ("mul", "Multiply"), ("concat", "Concatenate"), ("ave", "Average"), ("max", "Maximum")])
def test_keras1_merge(mode, expected):
    found, notes = layer("Merge", {"mode": mode, "concat_axis": 1}, "1.1.0")
    assert found["class_name"] == expected
    assert ("axis" in found["config"]) == (mode == "concat")
    assert any(expected in note for note in notes)


@pytest.mark.parametrize(("class_name", "old", "new"), [
    ("Dense", {"units": 3, "batch_input_shape": [None, 4]}, {"units": 3, "batch_shape": [None, 4]}),
    ("LSTM", {"units": 3, "implementation": 2, "time_major": False}, {"units": 3}),
    ("LeakyReLU", {"alpha": 0.3}, {"negative_slope": 0.3}),
    ("ELU", {"alpha": {"type": "ndarray", "value": 0.5}}, {"alpha": 0.5}),
    ("BatchNormalization", {"axis": [3], "fused": True, "renorm": False}, {"axis": 3}),
    ("Conv2DTranspose", {"filters": 1, "groups": 1}, {"filters": 1}),
    ("Conv2D", {"filters": 1, "groups": 2}, {"filters": 1, "groups": 2}),
    ("DepthwiseConv2D", {"kernel_size": [3, 3], "filters": None, "groups": 1}, {"kernel_size": [3, 3]}),
    ("UpSampling2D", {"interpolation": "nearest"}, {"interpolation": "nearest"}),
])
def test_keras2_settings(class_name, old, new):
    assert layer(class_name, old)[0]["config"] == {"name": "x", **new}


def test_time_major_is_a_layout_of_its_own():
    families.bring_all()
    found, _ = layer("LSTM", {"units": 3, "time_major": True})
    assert found["layout"] == "time_major"
    x = np.arange(12.0, dtype="float32").reshape(3, 2, 2)  # (steps, batch, in)
    assert layer_from(found).shape(x.shape) == (2, 3)


@pytest.mark.parametrize("version", ["1.2.2", "2.2.4", "2.15.0", None])
def test_hard_sigmoid_keeps_its_old_meaning(version):
    found, notes = layer("Activation", {"activation": "hard_sigmoid"}, version)
    assert any("0.2x + 0.5" in note for note in notes)
    # By hand: 0.2 · 1 + 0.5 = 0.7, where Keras 3's has 1/6 + 0.5 = 0.667.
    values = activation(found["config"]["activation"])(np.array([1.0, -5.0, 5.0]))
    np.testing.assert_allclose(values, [0.7, 0.0, 1.0])


def test_gru_without_reset_after_is_read_as_before_keras3():
    found, notes = layer("GRU", {"units": 2})
    assert found["config"]["reset_after"] is False
    assert notes
    found, notes = layer("GRU", {"units": 2, "reset_after": True})
    assert found["config"]["reset_after"] is True
    assert not notes


def test_theano_kernels_are_reversed_and_its_windows_begin_elsewhere():
    conv = {"filters": 1, "kernel_size": [2, 2], "padding": "same"}
    found, notes = layer("Conv2D", conv, "2.1.3", "theano")
    assert found["layout"] == "old"
    assert found["config"]["kernel_flipped"] is True
    assert found["config"]["padding"] == "half"
    assert len(notes) == 2
    assert layer("MaxPooling2D", {"padding": "same"}, "2.1.3", "theano")[0]["config"]["padding"] == "theano"
    assert layer("Conv2D", conv, "2.1.3", "tensorflow")[0]["config"] == {"name": "x", **conv}


def test_padding_that_a_file_does_not_tell_is_as_in_the_other_layers():
    config = {"class_name": "Sequential", "config": [
        {"class_name": "ZeroPadding2D", "config": {"name": "a", "padding": [1, 1]}},
        {"class_name": "MaxPooling2D", "config": {"name": "b", "dim_ordering": "th"}}]}
    found, _ = translate(config, "1.2.2", "tensorflow")
    assert found["config"]["layers"][0]["config"]["data_format"] == "channels_first"
    del config["config"][1]
    for backend, expected in (("tensorflow", "channels_last"), ("theano", "channels_first")):
        found, _ = translate(config, "1.2.2", backend)
        assert found["config"]["layers"][0]["config"]["data_format"] == expected


@pytest.mark.parametrize(("class_name", "config", "kept"), [
    ("LSTM", {"output_dim": 2, "consume_less": "cpu"}, "old"), ("LSTM", {"output_dim": 2, "consume_less": "gpu"}, None),
    ("GRU", {"output_dim": 2, "consume_less": "mem"}, "old"), ("SimpleRNN", {"output_dim": 2}, None),
    ("BatchNormalization", {"mode": 1}, "old"), ("BatchNormalization", {"mode": 0}, None)])
def test_what_keras1_kept_otherwise(class_name, config, kept):
    assert layer(class_name, config, "1.2.2")[0].get("layout") == kept


def test_keras1_is_known_by_its_words_where_no_version_is_told():
    assert layer("Dense", {"output_dim": 3, "W_regularizer": None}, None)[0]["config"] == {"name": "x", "units": 3}
    assert layer("Dense", {"units": 3}, None)[0]["config"] == {"name": "x", "units": 3}


def graph(nodes, **extra):
    layers = [{"class_name": "InputLayer", "name": name, "config": {"name": name, "batch_input_shape": [None, 2]},
               "inbound_nodes": []} for name in ("a", "b")]
    layers.append({"class_name": "Add", "name": "y", "config": {"name": "y"}, "inbound_nodes": nodes, **extra})
    config = {"name": "m", "layers": layers, "input_layers": [["a", 0, 0], ["b", 0, 0]],
              "output_layers": [["y", 0, 0]]}
    return {"class_name": "Model", "config": config}


def tensor(name, call=0, output=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}


@pytest.mark.parametrize(("node", "args", "kwargs"), [
    ([["a", 0, 0]], [tensor("a")], {}),
    ([["a", 0, 0, {}]], [tensor("a")], {}),
    ([["a", 0, 0, {}], ["b", 0, 1, {}]], [[tensor("a"), tensor("b", 0, 1)]], {}),
    ([["a", 0, 0, {"value": ["b", 0, 0], "axis": 3}]], [tensor("a")], {"value": tensor("b"), "axis": 3}),
    ([["a", 0, 0, {"y": ["_CONSTANT_VALUE", -1, 2.5]}]], [tensor("a")], {"y": 2.5}),
    ([["a", 0, 0, {"begin": [0, 1, 2]}]], [tensor("a")], {"begin": [0, 1, 2]}),
])
def test_nodes_of_keras_1_and_2(node, args, kwargs):
    found, _ = translate(graph([node]), "2.4.0")
    assert found["class_name"] == "Functional"
    assert found["config"]["layers"][2]["inbound_nodes"] == [{"args": args, "kwargs": kwargs}]
    assert found["config"]["output_layers"] == ["y", 0, 0]


def test_the_states_of_a_recurrent_layer_are_its_initial_state():
    found, _ = translate(graph([[["a", 0, 0, {}], ["b", 0, 0, {}]]], class_name="LSTM"), "2.2.4")
    assert found["config"]["layers"][2]["inbound_nodes"] == [
        {"args": [tensor("a")], "kwargs": {"initial_state": [tensor("b")]}}]


def test_the_given_config_is_left_as_it_is():
    config = sequential("Dense", {"output_dim": 3, "activation": "hard_sigmoid"})
    before = repr(config)
    translate(config, "1.0.0")
    assert repr(config) == before


def test_a_call_in_training_mode_is_refused():
    found, _ = translate(graph([[["a", 0, 0, {"training": True}]]], class_name="Dropout"), "2.4.0")
    assert "training=True" in found["config"]["layers"][2]["config"]["not_replayable"]


@pytest.mark.parametrize("version", ["3.15.1", "3.16.0.dev20260601", "4.0"])
def test_what_the_newest_keras_saved_is_left_alone(version):
    config = {"name": "x", "output_mode": "one_hot", "dtype": "float32"}
    found, notes = layer("Discretization", config, version)
    assert (found["config"], found.get("layout"), notes) == (config, None, [])


def behind_masks(class_name, config, version):
    """Translate one layer behind a Masking, and return it with the notes."""
    model = sequential("Masking", {})
    model["config"] += sequential(class_name, config)["config"]
    found, notes = translate(model, version)
    return found["config"]["layers"][1], notes


@pytest.mark.parametrize(("class_name", "settings", "changed_in"), [
    ("Softmax", {"trainable": True}, (3, 10)),
    ("MultiHeadAttention", {"num_heads": 1, "key_dim": 1, "dropout": 0.1}, (3, 10)),
    ("RandomCrop", {"height": 1, "width": 1}, (3, 8)), ("Discretization", {"bin_boundaries": [0.0]}, (3, 12)),
    ("Add", {"trainable": True}, (3, 4)), ("CategoryEncoding", {"num_tokens": 2, "output_mode": "one_hot"}, (3, 4))])
def test_a_meaning_ends_with_the_version_that_changed_it(class_name, settings, changed_in):
    before, since = f"3.{changed_in[1] - 1}.9", f"3.{changed_in[1]}.0"
    assert behind_masks(class_name, settings, before)[0].get("layout") == "keras3"
    assert behind_masks(class_name, settings, before)[1]
    assert behind_masks(class_name, settings, since)[0].get("layout") is None
    assert not behind_masks(class_name, settings, since)[1]


def test_a_class_of_somebody_else_has_its_own_meaning():
    config = sequential("Softmax", {})
    config["config"][0]["module"] = "package.layers"
    found, notes = translate(config, "3.5.0")
    assert "layout" not in found["config"]["layers"][0]
    assert not notes


def test_attention_without_scores_means_the_same_since_keras_3_7():
    settings = {"num_heads": 1, "key_dim": 1, "dropout": 0.0}
    assert "mean of the values" in str(behind_masks("MultiHeadAttention", settings, "3.6.0")[1])
    assert "mean of the values" not in str(behind_masks("MultiHeadAttention", settings, "3.7.0")[1])


def test_what_is_said_of_masks_is_said_where_there_are_some():
    settings = {"num_heads": 1, "key_dim": 1, "dropout": 0.5}
    assert not layer("MultiHeadAttention", settings, "3.6.0")[1]
    assert not layer("Add", {"trainable": True}, "3.3.3")[1]
    assert behind_masks("Add", {"trainable": True}, "3.3.3")[1]


def test_an_operation_is_not_the_layer_of_its_name():
    found, notes = behind_masks("Add", {}, "3.3.3")  # in an .h5, where no module tells, layers say if they train
    assert "layout" not in found
    assert not notes


@pytest.mark.parametrize(("call", "told"), [(0, True), (1, False)])
def test_the_later_calls_of_a_shared_layer(call, told):
    """Keras 3.2 wrote them as the first wherever a layer reads them, and as they are among the outputs."""
    def reads(*calls):
        return [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": call}}]} for call in calls]

    layers = [{"class_name": "InputLayer", "name": "x", "config": {"name": "x"}, "inbound_nodes": []},
              {"class_name": "Dense", "name": "d", "config": {"name": "d", "trainable": True},
               "inbound_nodes": reads(["x", 0, 0], ["x", 0, 0])}]
    config = {"class_name": "Functional", "config": {
        "name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["d", call, 0]]}}
    assert [line for line in translate(config, "3.2.1")[1] if "reads its first call" in line] == [
        "what reads layer 'd' reads its first call: so Keras loads it, whichever was meant"] * told
    assert not translate(config, "3.3.3")[1] and not translate(config, "3.1.1")[1]
