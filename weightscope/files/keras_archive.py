"""A .keras file: a zip of config.json, metadata.json, model.weights.h5 and assets. Nothing is ever unpacked to disk."""

import io
import zipfile
from contextlib import suppress
from functools import partial

from weightscope.errors import Unreadable, Unsafe, Unsupported, WeightscopeError
from weightscope.files import budget, containers, shards, unknown, weights_h5
from weightscope.files.containers import ENCRYPTED, LOCAL_HEADER, LONGEST_DIRECTORY, Oddity
from weightscope.files.hdf5 import Tree
from weightscope.files.saved import Saved
from weightscope.files.source import Source, Window
from weightscope.files.untrusted import BROKEN, MOST_EXPANSION, decoded, parsed_json, reading

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
SHARD_MAP = "model.weights.json"
ASSETS = "assets/"

MOST_MEMBERS = 10_000
LONGEST_JSON = 256 << 20
UNPACKED_JSON, PIECE = 8, 1 << 20  # what a byte of a config becomes where it is not packed; bytes looked at at a time
# Trained weights hardly pack; what packs better than this may still be a small model of zeros.
FREE_EXPANSION, FREE_BYTES = 100, 256 << 20


def recognises(source: Source) -> bool:
    """Whether it is a zip."""
    return source.head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read(source: Source) -> Saved:
    """What the archive holds; its HDF5 is read in place unless it is deflated.

    Raises: ``Unreadable`` for a zip that is damaged or is no Keras model, ``Unsafe`` for one that would take far more
    memory than it has bytes, ``Unsupported`` for weights in a format other than HDF5.
    """
    archive = _opened(source)
    members = _checked_members(archive, source.length)
    source.oddities += containers.of_zip(archive, source.window())
    _check_unambiguous(source.oddities)
    if CONFIG not in members:
        found = unknown.kind_of_zip(list(members))
        raise Unreadable(f"{found.seems}; {found.remedy}")
    saved = weights_h5.saved_of(source, _trees(source, archive, members), "keras archive")
    saved.config = _json(archive, members[CONFIG])
    saved.metadata = _json(archive, members[METADATA]) if METADATA in members else {}
    version = saved.metadata.get("keras_version")
    saved.keras_version = version if isinstance(version, str) else None
    for name, member in members.items():
        if name.startswith(ASSETS):
            saved.assets[name.removeprefix(ASSETS)] = partial(_asset, source.path, archive, member)
        elif name not in (CONFIG, METADATA, WEIGHTS, SHARD_MAP) and not name.endswith(".weights.h5"):
            saved.others[name] = "a member of the archive"
    return saved


def oddities(source: Source) -> tuple[list[str], list[Oddity], dict | None]:
    """The names in a zip, what is odd about it, and its configuration, if it has one that can be read.

    Raises: what zipfile raises at damage.
    """
    archive = _opened(source)
    names = archive.namelist()[:MOST_MEMBERS]
    found = list(containers.of_zip(archive, source.window()))
    with suppress(WeightscopeError, *BROKEN):
        return names, found, _json(archive, archive.getinfo(CONFIG))
    return names, found, None


def _opened(source: Source) -> zipfile.ZipFile:
    window = source.window()
    # The one long read of zipfile is the directory, whose length the archive states itself.
    window.longest_read = LONGEST_DIRECTORY
    archive = source.opened.enter_context(zipfile.ZipFile(window))
    window.longest_read = None
    return archive


def _checked_members(archive: zipfile.ZipFile, length: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, folders left out, once all of them make sense together."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise Unreadable(f"is a zip of {len(infos):,} members; no Keras model has so many")
    if any(info.compress_size > length for info in infos):
        raise Unreadable("is a zip whose members are cut off; get or save it again")
    for info in infos:
        _check_member(info)
    return {info.filename: info for info in infos if not info.filename.endswith("/")}


def _check_unambiguous(oddities: list[Oddity]) -> None:
    """Raise Unsafe for an archive in which another reader may find something else."""
    for code, _, said in oddities:
        if code in containers.AMBIGUOUS:
            raise Unsafe(f"{said}; save the model again", code)


def _check_member(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED:
        raise Unreadable(f"member {info.filename!r} is encrypted; decrypt the archive first")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable(f"member {info.filename!r} is packed by zip method {info.compress_type}; zip it with deflate")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise Unreadable(f"member {info.filename!r} has two sizes; the archive is damaged, get or save it again")
    packed, size = info.compress_size, info.file_size
    if size > MOST_EXPANSION * packed or size > max(FREE_BYTES, FREE_EXPANSION * packed):
        raise Unsafe(f"member {info.filename!r} claims to inflate from {packed:,} to {size:,} bytes", "WS446")


def _trees(source: Source, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> list[Tree]:
    names = [WEIGHTS]
    if WEIGHTS not in members and SHARD_MAP in members:
        names = shards.names(_bytes(archive, members[SHARD_MAP]), SHARD_MAP)
    elif WEIGHTS not in members and "model.weights.npz" in members:
        raise Unsupported("keeps its weights as npz; load it with Keras and save it again with weights_format='h5'")
    missing = [name for name in names if name not in members]
    if missing:
        raise Unreadable(f"is a .keras archive without {missing[0]!r}; get or save it again")
    return [source.hdf5(_window(source, archive, members[name]), name) for name in names]


def _window(source: Source, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Window:
    """The bytes of one member: in place if they are stored as they are, else inflated into memory."""
    if member.compress_type == zipfile.ZIP_DEFLATED:
        return Window(io.BytesIO(_bytes(archive, member)), 0, member.file_size)
    start = member.header_offset
    signature, name, extra = LOCAL_HEADER.unpack(source.window(start, LOCAL_HEADER.size).read())
    start += LOCAL_HEADER.size
    # zipfile compares the two names as well: a reader that trusts the other one would see another file.
    if signature != b"PK\x03\x04" or decoded(source.window(start, name).read()) != member.filename:
        raise Unreadable(f"member {member.filename!r} is not where the directory says; get or save the file again")
    return source.window(start + name + extra, member.file_size)


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The whole of one member, its checksum compared by zipfile."""
    return archive.read(member)


def _json(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> dict:
    if member.file_size > LONGEST_JSON:
        raise Unreadable(f"{member.filename} has {member.file_size:,} bytes; no Keras model has so long a one")
    if member.compress_type == zipfile.ZIP_DEFLATED:
        _check_json(archive, member)
    return parsed_json(_bytes(archive, member), member.filename)


def _check_json(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raise Unsafe for packed JSON that would take too much memory, before more of it is kept than a piece."""
    cost = -UNPACKED_JSON * member.compress_size
    with archive.open(member) as file:
        while piece := file.read(PIECE):
            cost += budget.of_json(piece)
            budget.check(cost, f"member {member.filename!r}")


def _asset(file_name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with reading(file_name):
        return archive.read(member)
