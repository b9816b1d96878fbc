import json

import h5py
import numpy as np
import pytest

from weightscope.errors import Unreadable
from weightscope.files.read import read


def ordered(saved):
    return [saved.arrays[path].read() for paths in saved.order.values() for path in paths]


def legacy_weights(model):
    """Keras' own order in legacy files: per layer, what trains first."""
    return [w for layer in model.layers for w in layer.trainable_weights + layer.non_trainable_weights]


@pytest.mark.keras
def test_whole_model(keras, trained):
    with read(trained.h5) as saved:
        assert saved.format == "legacy h5 model"
        assert (saved.keras_version, saved.backend) == (keras.__version__, keras.backend.backend())
        assert saved.config["class_name"] == "Functional"
        assert saved.training_config["loss"] == "mse"
        assert list(saved.order) == [layer.name for layer in trained.model.layers]
        for mine, theirs in zip(ordered(saved), legacy_weights(trained.model), strict=True):
            np.testing.assert_array_equal(mine, theirs.numpy())
        assert len(saved.optimizer) == len(trained.model.optimizer.variables)
        assert saved.optimizer.isdisjoint(path for paths in saved.order.values() for path in paths)
        kernel = saved.arrays["model_weights/grosse/grosse/kernel"]
        assert (kernel.shape, kernel.dtype, kernel.size, kernel.nbytes) == ((5, 3), "float32", 15, 60)
        assert saved.others == {}


@pytest.mark.keras
def test_weights_alone(keras, trained):
    with read(trained.legacy_weights) as saved:
        assert (saved.format, saved.config) == ("legacy h5 weights", None)
        assert saved.keras_version == keras.__version__
        assert saved.order["out"] == ["out/out/kernel", "out/out/bias"]
        for mine, theirs in zip(ordered(saved), legacy_weights(trained.model), strict=True):
            np.testing.assert_array_equal(mine, theirs.numpy())


@pytest.mark.keras
def test_weights_of_the_model_itself(keras, tmp_path):
    class Scaled(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.scale = self.add_weight(shape=(1,), name="scale", initializer="ones")

        def call(self, x):
            return self.dense(x) * self.scale

    model = Scaled()
    model(np.ones((1, 3)))
    path = tmp_path / "own.h5"
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    with read(path) as saved:
        (own,) = saved.order["top_level_model_weights"]
        np.testing.assert_array_equal(saved.arrays[own].read(), model.scale.numpy())


@pytest.mark.keras
def test_bfloat16_and_float16(keras, tmp_path):
    path = tmp_path / "half.h5"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16", name="b")])
    model.add(keras.layers.Dense(2, dtype="float16", name="f"))
    model.save(path)
    with read(path) as saved:
        kinds = {layer: [saved.arrays[path].dtype for path in paths] for layer, paths in saved.order.items()}
        assert kinds == {"b": ["bfloat16", "bfloat16"], "f": ["float16", "float16"]}
        kernel = saved.arrays[saved.order["b"][0]]
        assert kernel.nbytes == 12 and kernel.read().dtype == np.float32
        np.testing.assert_array_equal(kernel.read(), model.layers[0].kernel.numpy().astype(np.float32))


def keras_1_file(path, text=str, split=False):
    """A file as Keras 1.2 wrote it: names ``dense_1_W:0`` flat in the group, no backend, names as bytes or text."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "1.2.2"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": []}).encode()
        group = file.create_group("model_weights")
        names = [text(name) for name in ("dense_2", "dense_1", "flatten_1")]
        if split:
            group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:2], names[2:]
        else:
            group.attrs["layer_names"] = names
        for layer in ("dense_1", "dense_2"):
            below = group.create_group(layer)
            below.attrs["weight_names"] = [text(f"{layer}_W:0"), text(f"{layer}_b:0")]
            below[f"{layer}_W:0"] = np.full((2, 2), 1.5, "float32")
            below[f"{layer}_b:0"] = np.zeros(2, "float32")
        group.create_group("flatten_1").attrs["weight_names"] = []


@pytest.mark.parametrize("text", [str, str.encode, np.bytes_])
@pytest.mark.parametrize("split", [False, True])
def test_names_as_text_as_bytes_and_split(tmp_path, text, split):
    path = tmp_path / "no_ending"
    keras_1_file(path, text, split)
    with read(path) as saved:
        assert (saved.keras_version, saved.backend, saved.format) == ("1.2.2", None, "legacy h5 model")
        assert saved.order == {
            "dense_2": ["model_weights/dense_2/dense_2_W:0", "model_weights/dense_2/dense_2_b:0"],
            "dense_1": ["model_weights/dense_1/dense_1_W:0", "model_weights/dense_1/dense_1_b:0"],
            "flatten_1": [],
        }
        np.testing.assert_array_equal(saved.arrays["model_weights/dense_1/dense_1_W:0"].read(), [[1.5, 1.5]] * 2)


def test_hdf5_named_keras_and_behind_a_user_block(tmp_path):
    path = tmp_path / "old.keras"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file.attrs["model_config"] = "{}"
        file.create_group("model_weights").attrs["layer_names"] = []
        file["model_weights"]["again"] = file["/"]
    with read(path) as saved:
        assert (saved.config, saved.order) == ({}, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.attrs.update(layer_names=["dense_1", "dense_1"]), "'dense_1' twice"),
        (lambda g: g.attrs.update(layer_names=["gone"]), "'model_weights/gone' that is not in it"),
        (lambda g: g["dense_1"].attrs.update(weight_names=["dense_1_b:0"] * 2), "lists an array twice"),
        (lambda g: g.attrs.update(layer_names=[1, 2]), "'layer_names' is no text"),
        (lambda g: g.file.attrs.update(model_config="{"), "model_config is not valid JSON"),
        (lambda g: g.file.attrs.update(model_config="[]"), "JSON list where Keras writes an object"),
        (lambda g: g.file.attrs.update(model_config='{"a":' * 5000 + "1" + "}" * 5000), "nested"),
        (lambda g: g.file.attrs.update(model_config='{"a":' * 400 + "1" + "}" * 400), "nested deeper than 200"),
        (lambda g: g.file.attrs.update(training_config="nonsense"), "training_config is not valid JSON"),
    ],
)
def test_lists_and_configurations_that_cannot_be(tmp_path, change, message):
    path = tmp_path / "m.h5"
    keras_1_file(path)
    with h5py.File(path, "a") as file:
        change(file["model_weights"])
    with pytest.raises(Unreadable) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_names_what_is_not_there(tmp_path):
    path = tmp_path / "m.h5"
    keras_1_file(path)
    with h5py.File(path, "a") as file:
        file["model_weights/dense_1"].attrs.update(weight_names=["W", "dense_1_b:0"])
    with read(path) as saved:
        assert saved.order["dense_1"] == ["model_weights/dense_1/dense_1_b:0"]
        assert saved.missing == {"dense_1": ["model_weights/dense_1/W"]}


def test_names_that_are_not_utf_8(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"a\xff"]
        below = group.create_group(b"a\xff")
        below.attrs["weight_names"] = [b"\x1b[2J"]
        below[b"\x1b[2J"] = np.ones(2)
    with read(path) as saved:
        assert saved.order == {"a\\xff": ["model_weights/a\\xff/\x1b[2J"]}
        assert saved.arrays["model_weights/a\\xff/\x1b[2J"].read().tolist() == [1, 1]
