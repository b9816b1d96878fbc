import h5py
import numpy as np
import pytest

from weightscope.errors import Unreadable
from weightscope.files.read import read


@pytest.mark.keras
def test_what_keras_3_writes(trained):
    model = trained.model
    with read(trained.weights) as saved:
        assert (saved.format, saved.config, saved.order) == ("keras weights h5", None, None)
        expected = {
            "layers/dense/vars": model.get_layer("grosse").weights,
            "layers/dense_1/vars": model.get_layer("out").weights,
            "layers/sequential/layers/dense/vars": model.get_layer("inner").weights,
            "layers/batch_normalization/vars": model.get_layer("norm").weights,
            "optimizer/vars": model.optimizer.variables,
            "layers/sequential/optimizer/vars": model.get_layer("inner").optimizer.variables,
        }
        flat = {f"{group}/{i}": w.numpy() for group, weights in expected.items() for i, w in enumerate(weights)}
        assert set(saved.arrays) == set(flat)
        for path, value in flat.items():
            np.testing.assert_array_equal(saved.arrays[path].read(), value)
            assert saved.arrays[path].dtype == value.dtype.name
        assert saved.optimizer == {path for path in flat if "optimizer" in path}
        names = {path: name for path, name in saved.names.items() if path.count("/") == 1 and "layers" in path}
        assert set(names.values()) == {layer.name for layer in model.layers}
        assert saved.names["layers/sequential/layers/dense"] == "small"


def weights_file(path, arrays):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value


def test_paths_of_windows(tmp_path):
    path = tmp_path / "w.weights.h5"
    weights_file(path, {"layers\\dense/vars/0": np.ones(2), "layers\\dense_1/vars/0": np.zeros(2)})
    with read(path) as saved:
        assert list(saved.arrays) == ["layers/dense/vars/0", "layers/dense_1/vars/0"]
        assert [array.path for array in saved.arrays.values()] == list(saved.arrays)
        assert saved.arrays["layers/dense/vars/0"].read().tolist() == [1, 1]
    weights_file(path, {"layers\\dense/vars/0": np.ones(2), "layers/dense/vars/0": np.zeros(2)})
    with pytest.raises(Unreadable, match="two arrays are named 'layers/dense/vars/0'"):
        read(path)


@pytest.mark.parametrize("slash", ["/", "\\"])
def test_paths_of_keras_2_13(tmp_path, slash):
    """As measured: Keras 2.13.1 counts a layer with weights twice, so that the third Dense is dense_4."""
    old = slash.join(["_layer_checkpoint_dependencies", ""])
    groups = ["input_layer", "dense", "dense_2", "dense_4", "dense_20", "re_lu", "conv2d", "conv2d_2", "sequential"]
    inside = ["dense", "dense_2"]
    arrays = {f"{old}{group}/vars/0": np.full(2, i) for i, group in enumerate(groups)}
    arrays |= {f"{old}sequential/{old}{group}/vars/0": np.full(2, 20 + i) for i, group in enumerate(inside)}
    arrays["optimizer/vars/0"] = np.ones(())
    path = tmp_path / "w.weights.h5"
    weights_file(path, arrays)
    with read(path) as saved:
        first = {name: float(array.read().flat[0]) for name, array in saved.arrays.items()}
    assert first == {
        "layers/input_layer/vars/0": 0,
        "layers/dense/vars/0": 1,
        "layers/dense_1/vars/0": 2,
        "layers/dense_2/vars/0": 3,
        "layers/dense_3/vars/0": 4,
        "layers/re_lu/vars/0": 5,
        "layers/conv2d/vars/0": 6,
        "layers/conv2d_1/vars/0": 7,
        "layers/sequential/vars/0": 8,
        "layers/sequential/layers/dense/vars/0": 20,
        "layers/sequential/layers/dense_1/vars/0": 21,
        "optimizer/vars/0": 1,
    }


def test_a_layer_whose_class_is_named_optimizer(tmp_path):
    path = tmp_path / "w.weights.h5"
    names = ["layers/optimizer/vars/0", "optimizer/inner_optimizer/vars/0", "_optimizer/vars/0", "layers/a/vars/0"]
    weights_file(path, {name: np.ones(1) for name in names})
    with read(path) as saved:
        assert saved.optimizer == {"optimizer/inner_optimizer/vars/0", "_optimizer/vars/0"}


@pytest.mark.keras
def test_shards(trained):
    with read(trained.weights) as whole, read(trained.shards) as parts:
        assert len(list(trained.folder.glob("parts_*.weights.h5"))) > 2
        assert set(parts.arrays) == set(whole.arrays) and parts.optimizer == whole.optimizer
        for path, array in whole.arrays.items():
            np.testing.assert_array_equal(parts.arrays[path].read(), array.read())
        assert parts.names == whole.names


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("../other.weights.h5", "no shard beside it"),
        ("/etc/passwd", "no shard beside it"),
        (7, "no shard beside it"),
        ("gone.weights.h5", "cannot be opened"),
        ("text.weights.h5", "is not HDF5"),
    ],
)
def test_shards_that_are_none(tmp_path, shard, message):
    import json

    (tmp_path / "text.weights.h5").write_text("text")
    path = tmp_path / "m.weights.json"
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": {"/vars": [shard]}}))
    with pytest.raises(Unreadable, match=message):
        read(path)
