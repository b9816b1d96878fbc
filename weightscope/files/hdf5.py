"""A walk over an HDF5 file that follows nothing, runs nothing, and believes no size it has not compared.

Everything the readers of Keras' HDF5 layouts need: groups, arrays, and attributes that are texts.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import RawIOBase
from math import prod

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5g, h5l, h5o, h5s, h5t

from weightscope.errors import Unreadable, Unsafe
from weightscope.files import containers, datasets
from weightscope.files.containers import Oddity
from weightscope.files.heap import Heaps
from weightscope.files.saved import Stored
from weightscope.files.untrusted import MOST_EXPANSION, decoded, reading

SIGNATURE = containers.HDF5_SIGNATURE
LONGEST_PATH = 4096
MOST_TEXT = 1 << 30
LEAST_CACHE, MOST_CACHE = 1 << 20, 16 << 20
# What a link may be besides plain, and the code of the hazard.
LINKS = {h5l.TYPE_SOFT: ("a soft link", "WS442"), h5l.TYPE_EXTERNAL: ("a link to another file", "WS441")}


def superblock(window: RawIOBase) -> int | None:
    """Where the HDF5 file in ``window`` begins: at 0, or behind a user's block of 512, 1024, 2048 … bytes."""
    length = window.seek(0, 2)
    start = 0
    while start + len(SIGNATURE) < length:
        window.seek(start)
        if window.read(len(SIGNATURE)) == SIGNATURE:
            return start
        start = start * 2 or 512
    return None


class Tree:
    """An open HDF5 file, each object in it visited once.

    ``groups``  paths of all groups but the root
    ``arrays``  path → `Stored`, for every array of numbers, in the order of a walk by name
    ``others``  path → what it is, for everything else
    ``oddities``  what is around it, and arrays that take a library to unpack

    Raises: ``Unsafe`` for links that lead elsewhere, for virtual datasets and those kept in other files, and for
    arrays that claim far more bytes than are stored; ``Unreadable``, and what h5py raises, for damage.
    """

    def __init__(self, window: RawIOBase, file_name: str):
        self.file_name = file_name
        self.base = _checked_superblock(window)
        self.length = window.seek(0, 2)
        self.groups: dict[str, None] = {}
        self.arrays: dict[str, Stored] = {}
        self.others: dict[str, str] = {}
        self.oddities = list(containers.around_hdf5(window, self.base))
        self._raw: dict[str, bytes] = {}
        self._largest_text = Heaps(window, self.base).largest_text
        self.file = h5py.File(window, "r")
        _keep_little(self.file, self.length)
        try:
            self._walk()
        except BaseException:
            self.file.close()
            raise

    def close(self) -> None:
        self.file.close()

    def has(self, group: str, name: str) -> bool:
        """Whether ``group`` ("" is the root) has an attribute ``name``."""
        return h5a.exists(self._group(group), name.encode())

    def text(self, group: str, name: str) -> str | None:
        """The first text in attribute ``name`` of ``group`` ("" is the root), or None if there is no such attribute."""
        texts = self._attribute(self._group(group), name)
        return None if not texts else texts[0]

    def texts(self, group: str, name: str) -> list[str] | None:
        """All texts in attribute ``name``, or in ``name``0, ``name``1 … into which Keras splits long lists; or None."""
        opened = self._group(group)
        whole = self._attribute(opened, name)
        if whole is not None:
            return whole
        parts: list[str] = []
        number = 0
        while (part := self._attribute(opened, f"{name}{number}")) is not None:
            parts += part
            number += 1
        return parts if number else None

    def _attribute(self, group: h5g.GroupID, name: str) -> list[str] | None:
        if not h5a.exists(group, name.encode()):
            return None
        attribute = h5a.open(group, name.encode())
        if attribute.get_space().get_simple_extent_type() == h5s.NULL or 0 in attribute.shape:
            return []
        kind, count = attribute.get_type(), prod(attribute.shape)
        if kind.get_class() != h5t.STRING:
            raise Unreadable(f"attribute {name!r} is no text, as Keras writes it")
        if kind.is_variable_str():
            self._check_texts(name, count)
        elif count * kind.get_size() > self.length:
            raise Unsafe(f"attribute {name!r} claims {count * kind.get_size():,} bytes; the file has {self.length:,}",
                         "WS446")
        values = np.empty(attribute.shape, attribute.dtype)
        attribute.read(values)
        return [decoded(bytes(value or b"")) for value in values.reshape(-1).tolist()]

    def _check_texts(self, name: str, count: int) -> None:
        """Texts of variable length: many may point to one long text, so the worst of them must fit in memory."""
        claimed = count * self._largest_text
        if count > 1 and claimed > min(MOST_EXPANSION * self.length, MOST_TEXT):
            raise Unsafe(f"attribute {name!r} may claim {claimed:,} bytes; the file has {self.length:,}", "WS446")

    def _walk(self) -> None:
        root = h5g.open(self.file.id, b"/")
        self._seen = {h5o.get_info(root).addr}
        # The smallest link takes more than eight bytes, so a file that lists more of them goes round in circles.
        self._links_left = self.length // 8
        pending = self._children(root, "", b"")[::-1]
        while pending:
            parent, name, path, raw = pending.pop()
            if path in self._raw:
                raise Unreadable(f"two objects are named {path!r}; the file is damaged")
            self._raw[path] = raw
            opened = h5o.open(parent, name)
            if isinstance(opened, h5g.GroupID):
                self.groups[path] = None
                pending += self._children(opened, path, raw)[::-1]
            elif isinstance(opened, h5d.DatasetID):
                self._add(opened, path)
            else:
                self.others[path] = "a named HDF5 type"

    def _children(self, group: h5g.GroupID, path: str, raw: bytes) -> list[tuple[h5g.GroupID, bytes, str, bytes]]:
        """The links of one group that lead to objects not seen yet: group, name, path for us, path for HDF5."""
        links: list[tuple[bytes, int, int]] = []

        def visit(name: bytes, info: h5l.LinkInfo) -> bool:
            links.append((name, info.type, info.u))
            return len(links) > self._links_left

        # In the order of the file, and sorted here: libhdf5's own sorting does not survive a damaged group.
        group.links.iterate(visit, info=True, order=h5.ITER_NATIVE)
        self._links_left -= len(links)
        if self._links_left < 0:
            raise Unreadable(f"group {path!r} lists more objects than the file has room for")
        children = []
        for name, kind, address in sorted(links):
            child = _child(path, name, kind)
            if address in self._seen:
                self.others[child] = "another link to something that is listed already"
            else:
                self._seen.add(address)
                children.append((group, name, child, raw + b"/" + name))
        return children

    def _add(self, dataset: h5d.DatasetID, path: str) -> None:
        kind, shape, nbytes = datasets.examine(dataset, path, self.length)
        if kind is None:
            self.others[path] = datasets.words(dataset)
            return
        for number in datasets.unknown_filters(dataset):
            self.oddities.append(Oddity("WS445", path, f"array {path!r} is packed by the HDF5 filter {number}"))
        self.arrays[path] = Stored(path, shape, kind, prod(shape), nbytes, partial(self._values, path),
                                   partial(self._pieces, path), dataset.get_storage_size() < nbytes)

    def _values(self, path: str) -> np.ndarray:
        with self._reading():
            return datasets.values(h5d.open(self.file.id, self._raw[path]), path)

    def _pieces(self, path: str) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        with self._reading():
            yield from datasets.pieces(h5d.open(self.file.id, self._raw[path]), path)

    def _reading(self) -> AbstractContextManager[None]:
        if not self.file:
            raise ValueError(f"{self.file_name} is closed; read its arrays before that")
        return reading(self.file_name)

    def _group(self, path: str) -> h5g.GroupID:
        if path and path not in self.groups:
            raise Unreadable(f"lists a group {path!r} that is not in it; get or save the file again")
        return h5g.open(self.file.id, self._raw.get(path, b"/"))


def _keep_little(file: h5py.File, length: int) -> None:
    """Bound what libhdf5 remembers of a file: unpacked, that takes several times as many bytes as it counts.

    The names of one group are one piece, which has to stay: in the largest groups they are a hundredth of the file.
    """
    config = file.id.get_mdc_config()
    config.set_initial_size, config.incr_mode, config.flash_incr_mode, config.decr_mode = True, 0, 0, 0
    config.initial_size = config.min_size = config.max_size = min(max(LEAST_CACHE, length // 32), MOST_CACHE)
    file.id.set_mdc_config(config)


def _child(path: str, name: bytes, link: int) -> str:
    """The path of a child; raises unless it is a plain link with a plain name."""
    child = f"{path}/{decoded(name)}" if path else decoded(name)
    if link != h5l.TYPE_HARD:
        kind, code = LINKS.get(link, ("a link of an unknown kind", "WS441"))
        raise Unsafe(f"{child!r} is {kind}, which Keras never writes and weightscope never follows", code)
    if b"/" in name or name in (b"", b".", b".."):
        raise Unreadable(f"{child!r} is not a name that HDF5 allows; the file is damaged")
    if len(child) > LONGEST_PATH:
        raise Unreadable(f"groups are nested too deeply below {child[:40]!r}…; no model of Keras is")
    return child


def _checked_superblock(window: RawIOBase) -> int:
    """Where the file begins. Addresses and sizes of 8 bytes are all that Keras' files have, and all `heap` checks."""
    base = superblock(window)
    if base is None:
        raise Unreadable("holds no HDF5 where Keras writes one; get or save the file again")
    window.seek(base + len(SIGNATURE))
    header = window.read(7).ljust(7, b"\0")
    sizes = header[5:7] if header[0] < 2 else header[1:3]
    if header[0] > 3 or sizes != b"\x08\x08":
        raise Unreadable("starts with an HDF5 header that Keras does not write; get or save the file again")
    return base
