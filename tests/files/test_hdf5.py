"""Hostile HDF5: each file here is built by the test that reads it."""

import zlib
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from files.hostile import little_memory, model
from h5py import h5z

from weightscope.errors import Unreadable, Unsafe
from weightscope.files import budget, chunks, datasets
from weightscope.files.datasets import boxes
from weightscope.files.hdf5 import Tree
from weightscope.files.read import read


def test_a_link_to_another_file_is_not_followed(path, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        other["a"] = np.ones(3)
    with model(path) as group:
        group["w"] = h5py.ExternalLink("secret.h5", "/a")
    with pytest.raises(Unsafe, match=r"'model_weights/w' is a link to another file"):
        read(path)


def test_a_soft_link_is_not_followed(path):
    with model(path) as group:
        group["w"] = h5py.SoftLink("/model_weights")
    with pytest.raises(Unsafe, match=r"'model_weights/w' is a soft link"):
        read(path)


def test_circles_of_hard_links_end(path):
    with model(path) as group:
        group["a"] = np.ones(3)
        group["b"] = group["a"]
        group["round"] = group.file["/"]
        group.create_group("deeper")["up"] = group
    with read(path) as saved:
        assert list(saved.arrays) == ["model_weights/a"]
        again = "another link to something that is listed already"
        assert saved.others == {f"model_weights/{name}": again for name in ("b", "round", "deeper/up")}


def test_virtual_and_external_datasets(path, tmp_path):
    (tmp_path / "raw").write_bytes(b"secret!!")
    with model(path) as group:
        group.create_dataset("w", (1,), "f8", external=[(str(tmp_path / "raw"), 0, 8)])
    with pytest.raises(Unsafe, match=r"'model_weights/w' keeps its values in other files"):
        read(path)
    with model(path, libver="latest") as group:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
        group.create_virtual_dataset("v", layout)
    with pytest.raises(Unsafe, match=r"'model_weights/v' is virtual"):
        read(path)


def test_a_contiguous_array_that_was_never_written(path):
    with model(path) as group:
        group.create_dataset("w", (10,), "f8")
    with pytest.raises(Unreadable, match="'model_weights/w' claims 80 bytes; the file holds 0"):
        read(path)


def test_a_contiguous_array_larger_than_the_file(path):
    with model(path) as group:
        group.create_dataset("w", (1 << 20,), "f8")
    with little_memory(), pytest.raises(Unsafe, match="claims 8,388,608 bytes; the file holds 0"):
        read(path)


def test_a_packed_array_larger_than_its_bytes_can_become(path):
    with model(path) as group:
        data = group.create_dataset("w", (1 << 23,), "f4", chunks=(1 << 12,), compression="gzip")
        data[: 1 << 12] = 1
    with little_memory(), pytest.raises(Unsafe, match=r"claims 33,554,432 bytes; the file holds [\d,]+ for it"):
        read(path)


def test_packed_arrays_are_read(path):
    values = np.arange(600.0).reshape(20, 30)
    with model(path) as group:
        group.create_dataset("gzip", data=values, chunks=(7, 30), compression="gzip", shuffle=True, fletcher32=True)
        group.create_dataset("sparse", data=values[:, :4].astype("f2"), chunks=(3, 3), compression="gzip", shuffle=True)
        group.create_dataset("plain", data=values, chunks=(6, 7), maxshape=(None, None))
        group.create_dataset("odd", data=values.astype("i1"), chunks=(3, 5), fletcher32=True)
        group.create_dataset("big", data=values.astype(">f4"))
        group.create_dataset("bool", data=values > 3)
        group.create_dataset("none", data=values[:0])
        group.create_dataset("complex", data=values * 1j)
        group["text"] = ["a", "b"]
        group["empty"] = h5py.Empty("f4")
        group["type"] = np.dtype("f8")
    with read(path) as saved:
        read_back = {name.removeprefix("model_weights/"): array.read() for name, array in saved.arrays.items()}
        assert saved.others == {
            "model_weights/text": "a dataset of texts",
            "model_weights/empty": "an empty dataset",
            "model_weights/type": "a named HDF5 type",
        }
    np.testing.assert_array_equal(read_back.pop("odd"), values.astype("i1"))
    np.testing.assert_array_equal(read_back.pop("sparse"), values[:, :4])
    for name in ("gzip", "plain", "big"):
        np.testing.assert_array_equal(read_back.pop(name), values)
    assert read_back["bool"].dtype == bool and read_back["bool"].sum() == 596
    assert read_back["none"].shape == (0, 30) and read_back["complex"][0, 2] == 2j
    assert saved.arrays["model_weights/big"].dtype == "float32"


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (5, 1, 4), (3, 40), (2, 3, 5, 7), (1, 100)])
@pytest.mark.parametrize("most", [1, 4, 30, 1000])
def test_boxes_cover_an_array_once(shape, most):
    seen = np.zeros(shape, int)
    for corner, extent in boxes(shape, most):
        box = seen[(*(slice(start, start + size) for start, size in zip(corner, extent)), ...)]
        assert box.shape == extent and box.size <= most
        box += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("how", [{}, {"chunks": (7, 9)}, {"chunks": (20, 30), "compression": "gzip", "shuffle": True}])
@pytest.mark.parametrize("dtype", ["float32", ">f8", "int8", "bfloat16"])
def test_pieces_are_what_is_read_at_once(path, monkeypatch, how, dtype):
    values = np.arange(600).reshape(20, 30)
    halves = (values.astype("f4").view("<u4") >> 16).astype("<u2").view("V2")
    with model(path) as group:
        group.create_dataset("w", data=halves if dtype == "bfloat16" else values.astype(dtype), **how)
        group["number"] = 7.0
    monkeypatch.setattr(datasets, "PIECE", 50)
    with read(path) as saved:
        stored = saved.arrays["model_weights/w"]
        whole, found, pieces = stored.read(), np.zeros((20, 30)), list(stored.pieces())
        (corner, number), = saved.arrays["model_weights/number"].pieces()
    for start, piece in pieces:
        assert piece.dtype == whole.dtype
        found[tuple(slice(low, low + size) for low, size in zip(start, piece.shape))] += piece
    np.testing.assert_array_equal(found, whole)
    assert len(pieces) > 1 or how.get("chunks") == (20, 30)
    assert (corner, number) == ((), 7)


def test_a_chunk_that_takes_too_much_memory_is_not_unpacked_for_a_look(path, monkeypatch):
    monkeypatch.setattr(budget, "MEGABYTE", 1000)
    with model(path) as group:
        group.create_dataset("w", data=np.zeros((10, 100)), chunks=(10, 100), compression="gzip")
    token = budget._most.set(20_000)
    try:
        with read(path) as saved:
            stored = saved.arrays["model_weights/w"]
            with pytest.raises(Unsafe, match=r"WS446 a chunk of array 'model_weights/w' .* 24 MB .*--max-memory 24"):
                list(stored.pieces())
            assert stored.read().shape == (10, 100)  # all of it was asked for
    finally:
        budget._most.reset(token)


def test_filters_that_are_not_run(path):
    with model(path) as group:
        group.create_dataset("lzf", data=np.arange(100), compression="lzf")
        group.create_dataset("scaled", data=np.arange(100), scaleoffset=0)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1000,))
        for _ in range(2):
            properties.set_deflate(9)
        space = h5py.h5s.create_simple((1000,))
        twice = h5py.h5d.create(group.id, b"twice", h5py.h5t.IEEE_F64LE, space, properties)
        twice.write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros(1000))
    with read(path) as saved:
        for name in ("lzf", "scaled", "twice"):
            with pytest.raises(Unreadable, match=f"{name}' is packed by HDF5 filters"):
                saved.arrays[f"model_weights/{name}"].read()


def test_chunks_that_were_never_written(path):
    with model(path) as group:
        group.create_dataset("w", (40,), "f8", chunks=(10,))[:10] = 1
    with read(path) as saved, pytest.raises(Unreadable, match=r"'model_weights/w' has no values at \(10,\)"):
        saved.arrays["model_weights/w"].read()


class Chunk:
    """What h5py says of an array with one chunk, in the place of a file; its bytes must not be asked for."""

    def __init__(self, size, stored=10_000, byte_offset=1):
        self.info, self.stored = SimpleNamespace(byte_offset=byte_offset, size=size), stored

    def get_chunk_info_by_coord(self, corner):
        return self.info

    def get_storage_size(self):
        return self.stored

    def read_direct_chunk(self, corner):
        raise AssertionError("it was read")


@pytest.mark.parametrize(("chunk", "nbytes"), [
    (Chunk(88), 80), (Chunk(72), 80), (Chunk(80, byte_offset=None), 80), (Chunk(80, stored=79), None)])
def test_a_chunk_is_compared_before_it_is_read(chunk, nbytes):
    with pytest.raises(Unreadable, match=r"'w' has no values at \(10,\)"):
        chunks._stored(chunk, "w", (10,), nbytes)


def test_chunks_that_unpack_to_another_length(path):
    """One value too many, which other readers leave out."""
    with model(path) as group:
        data = group.create_dataset("w", (1000,), "f8", chunks=(1000,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(np.ones(1001).tobytes()))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["model_weights/w"], np.ones(1000))
    with read(path) as saved, pytest.raises(Unreadable, match=r"'model_weights/w' is damaged at \(0,\)"):
        saved.arrays["model_weights/w"].read()


def test_unpacking_ends_where_a_chunk_does():
    packed = zlib.compress(bytes(1 << 22))
    with little_memory():
        assert len(chunks._unpacked(packed, [h5z.FILTER_DEFLATE], 800, 8)) == 800 + chunks.CHECKSUM_BYTES


def test_damaged_values_are_found_when_they_are_read(path):
    with model(path) as group:
        group.create_dataset("w", data=np.arange(100.0), chunks=(100,), fletcher32=True)
        group["v"] = np.ones(3)
        at = group["w"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as file:
        file.seek(at + 8)
        file.write(b"x")
    with read(path) as saved:
        with pytest.raises(Unreadable, match="its checksum is another"):
            saved.arrays["model_weights/w"].read()
        values = saved.arrays["model_weights/v"]
        assert values.read().tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="is closed"):
        values.read()


def test_each_read_is_a_fresh_array(path):
    with model(path) as group:
        group["v"] = np.ones(3)
    with read(path) as saved:
        saved.arrays["model_weights/v"].read()[:] = 7
        assert saved.arrays["model_weights/v"].read().tolist() == [1, 1, 1]


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_file_that_was_cut_short(path, keep):
    with model(path) as group:
        group["v"] = np.ones(3000)
    with open(path, "r+b") as file:
        file.truncate(int(file.seek(0, 2) * keep))
    with pytest.raises(Unreadable, match=rf"^{path}: is damaged or incomplete .*truncated"):
        read(path)


def test_groups_nested_without_end(path):
    with model(path) as group:
        for _ in range(2100):
            group = group.create_group("a" * 2)
    with pytest.raises(Unreadable, match="nested too deeply"):
        read(path)


def test_a_text_that_many_point_to(path):
    with model(path) as group:
        group.attrs["layer_names"] = ["short"] * 4000
        group.file.attrs["long"] = "y" * 500_000
    with little_memory(), pytest.raises(Unsafe, match=r"'layer_names' may claim 2,000,000,000 bytes"):
        read(path)


def test_an_attribute_larger_than_the_file(path):
    """The file is good; the guard is told of less."""
    with model(path) as group:
        group.attrs.create("layer_names", np.array([b"aaaa"] * 100, "S37"))
    with open(path, "rb", buffering=0) as file:
        tree = Tree(file, path)
        assert tree.texts("model_weights", "layer_names") == ["aaaa"] * 100
        tree.length = 3699
        with pytest.raises(Unsafe, match="'layer_names' claims 3,700 bytes; the file has 3,699"):
            tree.texts("model_weights", "layer_names")
        tree.close()


def test_hdf5_without_a_model(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(3)
    with pytest.raises(Unreadable, match="neither a Keras model nor its weights"):
        read(path)
