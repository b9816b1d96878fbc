"""One dataset of an HDF5 file: what it claims, whether that can be true, and its values."""

from collections.abc import Iterator
from math import prod

import numpy as np
from h5py import h5d, h5s, h5t, h5z

from weightscope.errors import Unreadable, Unsafe
from weightscope.files import chunks
from weightscope.files.untrusted import MOST_EXPANSION

PIECE = 1 << 20  # values that are read at a time where not all are wanted at once
TYPE_WORDS = {
    h5t.STRING: "texts",
    h5t.OPAQUE: "opaque bytes",
    h5t.COMPOUND: "records",
    h5t.REFERENCE: "references",
    h5t.VLEN: "lists",
    h5t.ARRAY: "arrays",
    h5t.TIME: "times",
    h5t.BITFIELD: "bits",
    h5t.ENUM: "choices",
}
# Any other filter is a library that libhdf5 looks for on disk, and loads.
BUNDLED = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_SZIP, h5z.FILTER_NBIT,
           h5z.FILTER_SCALEOFFSET, h5z.FILTER_LZF)


def examine(dataset: h5d.DatasetID, path: str, length: int) -> tuple[str | None, tuple[int, ...], int]:
    """The type of ``dataset``, as `_dtype_name` says it, its shape, and its size in bytes, of which none is read.

    Raises: ``Unsafe`` if the values are elsewhere, or claim more bytes than a file of ``length`` can hold;
    ``Unreadable`` if some were never written, or are numbers in a format that NumPy does not have.
    """
    # Before anything else is asked: libhdf5 may open the other files to answer.
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.VIRTUAL:
        raise Unsafe(f"array {path!r} is virtual: its values are in other files, which weightscope never opens",
                     "WS444")
    if properties.get_external_count():
        raise Unsafe(f"array {path!r} keeps its values in other files, which weightscope never opens", "WS443")
    kind = dataset.get_type()
    name = _dtype_name(dataset, kind, path)
    if name is None:
        return None, (), 0
    shape = tuple(dataset.shape)
    nbytes = prod(shape) * kind.get_size()
    _check_claim(dataset, path, nbytes, length, layout == h5d.CHUNKED)
    return name, shape, nbytes


def unknown_filters(dataset: h5d.DatasetID) -> list[int]:
    """The numbers of the filters that ``dataset`` is packed by and that no HDF5 library brings along."""
    properties = dataset.get_create_plist()
    if properties.get_layout() != h5d.CHUNKED:
        return []
    numbers = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    return [number for number in numbers if number not in BUNDLED]


def words(dataset: h5d.DatasetID) -> str:
    """What a dataset that holds no numbers does hold."""
    if dataset.get_space().get_simple_extent_type() == h5s.NULL:
        return "an empty dataset"
    return f"a dataset of {TYPE_WORDS.get(dataset.get_type().get_class(), 'an unknown type')}"


def _dtype_name(dataset: h5d.DatasetID, kind: h5t.TypeID, path: str) -> str | None:
    """NumPy's name for the type of ``dataset``, "bfloat16", or None if it does not hold numbers.

    Keras writes bfloat16 as two opaque bytes; it marks them in .keras files and not in .h5 files, and writes nothing
    else so.
    """
    family = kind.get_class()
    if not dataset.rank and dataset.get_space().get_simple_extent_type() == h5s.NULL:
        return None
    if family == h5t.OPAQUE:
        return "bfloat16" if kind.get_size() == 2 else None
    if family not in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.COMPOUND):
        return None
    try:
        dtype = kind.dtype
    except (TypeError, ValueError) as error:
        if family == h5t.COMPOUND:
            return None
        raise Unreadable(f"array {path!r} has a number format that NumPy does not know ({error})") from error
    return dtype.name if dtype.kind in "biufc" else None


def _check_claim(dataset: h5d.DatasetID, path: str, nbytes: int, length: int, chunked: bool) -> None:
    """Compare the bytes that ``dataset`` claims with those that the file holds for it."""
    stored = dataset.get_storage_size()
    if nbytes > (MOST_EXPANSION * min(stored, length) if chunked else length):
        raise Unsafe(f"array {path!r} claims {nbytes:,} bytes; the file holds {min(stored, length):,} for it",
                     "WS446")
    if chunked:
        return
    offset = dataset.get_offset() or 0  # None for what is stored beside its header, or nowhere
    if stored != nbytes or offset + nbytes > length:
        held = min(stored, max(length - offset, 0))
        raise Unreadable(f"array {path!r} claims {nbytes:,} bytes; the file holds {held:,}: get or save it again")


def values(dataset: h5d.DatasetID, path: str) -> np.ndarray:
    """The values of ``dataset``, bfloat16 as float32. Raises: ``Unreadable``, and what h5py raises for damage."""
    dtype = _dtype(dataset, path)
    if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
        return _native(chunks.values(dataset, path, dtype))
    array = np.empty(dataset.shape, dtype)
    dataset.read(h5s.ALL, h5s.ALL, array, dataset.get_type())
    return _native(array)


def pieces(dataset: h5d.DatasetID, path: str) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """The values of ``dataset``, as `values` gives them, a box at a time, with where it begins."""
    dtype, kind = _dtype(dataset, path), dataset.get_type()
    if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
        for corner, array in chunks.pieces(dataset, path, dtype, is_bounded=True):
            yield corner, _native(array)
        return
    for corner, extent in boxes(tuple(dataset.shape), PIECE):
        array, there = np.empty(extent, dtype), dataset.get_space()
        if extent:
            there.select_hyperslab(corner, extent)
        dataset.read(h5s.create_simple(extent) if extent else h5s.ALL, there, array, kind)
        yield corner, _native(array)


def boxes(shape: tuple[int, ...], most: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut an array into boxes of at most ``most`` values: where each begins, and its shape."""
    cut = next((axis for axis in range(len(shape)) if prod(shape[axis + 1:]) <= most), None)
    if cut is None:
        yield (), ()
        return
    rest = shape[cut + 1:]
    step = max(most // max(prod(rest), 1), 1)
    for before in np.ndindex(shape[:cut]):
        for start in range(0, shape[cut], step):
            yield (*before, start, *(0 for _ in rest)), (
                *(1 for _ in before), min(step, shape[cut] - start), *rest)


def _dtype(dataset: h5d.DatasetID, path: str) -> np.dtype:
    """The type of the bytes in the file; two of no meaning for a bfloat16."""
    kind = dataset.get_type()
    return np.dtype("V2") if _dtype_name(dataset, kind, path) == "bfloat16" else kind.dtype


def _native(array: np.ndarray) -> np.ndarray:
    if array.dtype == "V2":
        return (array.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
