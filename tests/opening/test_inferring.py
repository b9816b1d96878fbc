"""Weights without an architecture: the inferred classes and axes are those of the model that was saved."""

import h5py
import numpy as np
import pytest

import weightscope
from weightscope.opening.inferring import VARIANTS
from weightscope.replaying import inputs
from weightscope.show.wording import axes_text

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras
# Not classes of Keras 3, or (Normalization) not a layer whose weights training sets.
OLD = {"Highway", "MaxoutDense"}
SHAPES = {"Embedding": (3,), "Normalization": (4,), "LSTM": (5, 3), "GRU": (5, 3), "SimpleRNN": (5, 3)}
OPTIONS = {"Embedding": {"input_dim": 9, "output_dim": 4}, "Normalization": {}, "GroupNormalization": {"groups": 2},
           "Dense": {"units": 7}}


def layer_of(class_name, variant):
    """Return a layer of live Keras with sizes that no two axes share, and the shape of its input."""
    settings = {name: value for name, value in variant.items() if name != "kernel_size"}
    rank = len(variant.get("kernel_size", ()))
    if rank:
        settings.update({"kernel_size": 2} | ({} if "Depthwise" in class_name else {"filters": 5}))
        shape = (*(3,) * ("LSTM" in class_name), *(6,) * rank, 4)
    else:
        shape = SHAPES.get(class_name, (3, 4))
        settings.update(OPTIONS.get(class_name, {"units": 7} if class_name in ("LSTM", "GRU", "SimpleRNN") else {}))
    if class_name == "PReLU":
        settings, shape = {}, (4,)
    return getattr(keras.layers, class_name)(**settings), shape


CASES = [(class_name, variant) for class_name, variants in VARIANTS.items() if class_name not in OLD
         for variant in variants]


@pytest.mark.parametrize(("class_name", "variant"), CASES, ids=str)
@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_what_keras_saves_is_recognised(class_name, variant, ending, tmp_path):
    layer, shape = layer_of(class_name, variant)
    model = keras.Sequential([keras.Input(shape), layer])
    if not model.weights:
        pytest.skip("nothing to save")
    model.save(tmp_path / "model.keras")
    known = weightscope.load(tmp_path / "model.keras")
    if ending == ".h5":
        weights_only_h5(tmp_path / f"it{ending}", layer)
    else:
        model.save_weights(tmp_path / f"it{ending}")
    (found,) = weightscope.load(tmp_path / f"it{ending}").layers
    assert found.inferred.startswith(f"{class_name}, by its name")
    expected = {weight.name: (axes_text(weight), weight.trainable) for weight in known.layers[-1].all_weights()}
    assert [(axes_text(weight), weight.trainable) for weight in found.all_weights()] == list(expected.values())
    for name, own in zip(found.weights, expected):  # without names, a lone gamma and a lone beta look the same
        assert name == own or (name == "0" and own in ("gamma", "beta") and ending == ".weights.h5")


def weights_only_h5(path, layer):
    """Write the weights of a layer as Keras' ``legacy_h5_format.save_weights_to_hdf5_group`` does."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    model = keras.Sequential([layer])
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


@pytest.mark.parametrize(("name", "words"), [
    ("conv2d_7", "Conv2D"), ("conv2d_transpose_3", "Conv2DTranspose"), ("stem", "Conv2D or Conv2DTranspose"),
])
def test_one_shape_of_two_classes_is_told_by_the_name(name, words, tmp_path):
    (layer,) = written(tmp_path, {name: {"kernel:0": (3, 3, 8, 8), "bias:0": (8,)}}).layers
    assert layer.inferred.startswith(words + ", by")
    assert axes_text(layer.weights["kernel"]).startswith("(3 height × 3 width × 8 ")


def test_a_transposed_kernel_is_told_by_its_bias(tmp_path):
    (layer,) = written(tmp_path, {"up": {"kernel:0": (3, 3, 6, 8), "bias:0": (6,)}}).layers
    assert layer.inferred == "Conv2DTranspose, by its weights' names and shapes"
    assert axes_text(layer.weights["kernel"]) == "(3 height × 3 width × 6 filters × 8 in)"


def test_keras_1_names_are_read(tmp_path):
    lstm = {f"lstm_1_{kind}_{gate}": shape for gate in "icfo"
            for kind, shape in (("W", (3, 5)), ("U", (5, 5)), ("b", (5,)))}
    norm = {f"batchnormalization_1_{name}": (4,) for name in ("gamma", "beta", "running_mean", "running_std")}
    model = written(tmp_path, {"dense_1": {"dense_1_W": (3, 4), "dense_1_b": (4,)}, "lstm_1": lstm, "part": norm})
    dense, lstm, norm = model.layers
    assert dense.inferred.startswith("Dense")
    assert axes_text(dense.weights["dense_1_W"]) == "(3 in × 4 units)"
    assert lstm.inferred.startswith("LSTM")
    assert axes_text(lstm.weights["lstm_1_U_o"]) == "(5 units × 5 units)"
    assert norm.inferred.startswith("BatchNormalization")


def test_a_group_of_several_layers_is_told_apart(tmp_path):
    model = written(tmp_path, {"model_1": {"dense_1/kernel:0": (3, 4), "dense_2/kernel:0": (4, 2)}})
    assert [layer.name for layer in model.layers] == ["model_1/dense_1", "model_1/dense_2"]
    assert model.ledger.closes
    assert not model.ledger.unclaimed


@pytest.mark.parametrize("arrays", [
    {"variable": (5,)},  # any vector
    {"kernel:0": (3, 4), "bias:0": (3,)},  # a bias of no side of the kernel's
    {"kernel:0": (3, 4), "alpha:0": (4,)},  # a weight of another's
    {"a": (2, 3, 4, 5, 6, 7)},
])
def test_nothing_is_said_where_nothing_fits(arrays, tmp_path):
    (layer,) = written(tmp_path, {"thing": arrays}).layers
    assert not layer.inferred
    assert [weight.axes for weight in layer.weights.values()] == [""] * len(arrays)


def written(folder, groups):
    """Return the model that is opened from a legacy weights file of zeros in these shapes."""
    with h5py.File(folder / "written.h5", "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for name, arrays in groups.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in arrays]
            for weight, shape in arrays.items():
                group.create_dataset(weight, data=np.zeros(shape, "float32"))
    return weightscope.load(folder / "written.h5")


class Own(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.inner = keras.layers.Dense(2)

    def build(self, shape):
        self.scale = self.add_weight(shape=(3,), name="scale", initializer="glorot_uniform")
        self.shift = self.add_weight(shape=(4,), name="shift", trainable=False)
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x * self.scale)


def test_a_models_own_variables_are_shown(tmp_path):
    """What a subclassed model makes with add_weight lies above all of its layers."""
    model = Own(name="own")
    model(np.zeros((1, 3), "float32"))
    model.save(tmp_path / "own.keras")
    model.save_weights(tmp_path / "own.weights.h5")
    for name, class_name in (("own.keras", "Own"), ("own.weights.h5", "?")):
        opened = weightscope.load(tmp_path / name)
        own = opened["own"]
        assert own.class_name == class_name and "own variables" in own.inferred
        np.testing.assert_array_equal(own.weights["0"].array, model.scale)
        assert own.weights["1"].shape == (4,)
        assert opened.count_params() == model.count_params() and not opened.ledger.unclaimed and opened.ledger.closes
    with pytest.raises(weightscope.Unsupported, match="no model to give an input to: the file holds weights only"):
        inputs.for_model(opened)
    with pytest.raises(weightscope.Unsupported, match=r"class Own .*is not known"):
        inputs.for_model(weightscope.load(tmp_path / "own.keras"))
