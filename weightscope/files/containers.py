"""What is odd about a file as a container: members of a zip that lead elsewhere, and what is before or behind it all.

Nothing is judged here: an `Oddity` has the code under which ``checking.catalogue`` says what it could do.
"""

import re
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from io import RawIOBase
from typing import NamedTuple

from weightscope.files.untrusted import BROKEN, decoded

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ENCRYPTED = 0x1 | 0x40
LONGEST_DIRECTORY = 4 << 20
LOCAL_HEADER = struct.Struct("<4s22xHH")
END, LONGEST_END = b"PK\x05\x06", 22 + 65_535  # of a zip: its last record, with a comment
_FIRST = 1024  # bytes of a member that tell what it is

_LEADS_OUT = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)", re.DOTALL)
_BY_NAME = (
    ("WS427", re.compile(r".*\.(pkl|pickle|joblib|dill|pt|pth)", re.I | re.DOTALL), "a Python pickle"),
    ("WS428", re.compile(r".*\.(py|pyc|pyo|pyw|pyz|sh|bat|cmd|ps1|js)", re.I | re.DOTALL), "a program's text"),
    ("WS429", re.compile(r".*\.(so(\.\d+)*|dll|dylib|pyd|exe)", re.I | re.DOTALL), "a library or a program"),
    ("WS431", re.compile(r".*\.(zip|tar|tgz|gz|bz2|xz|7z|rar|whl|egg|jar)", re.I | re.DOTALL), "an archive"),
)
_STARTS = (
    ("WS427", re.compile(rb"\x80[\x02-\x05]|\x93NUMPY.{1,300}'\|?O'", re.DOTALL), "a Python pickle"),
    ("WS429", re.compile(rb"\x7fELF|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"), "a library or a program"),
    ("WS431", re.compile(rb"PK\x03\x04|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ|7z\xbc\xaf|Rar!"), "an archive"),
)
# Of these no reader knows which of two is meant.
AMBIGUOUS = ("WS424", "WS425", "WS430")
_OWN = re.compile(r"(config|metadata|model\.weights)\.json|[^/\\]*\.weights\.(h5|npz)")


class Oddity(NamedTuple):
    """Something that may be a hazard: its ``code``, the ``place`` in the file ("" for all of it), and a sentence."""

    code: str
    place: str
    said: str

    def inside(self, name: str) -> "Oddity":
        """The same, its place below ``name``."""
        return self._replace(place=" ".join(filter(None, (name, self.place))))


def of_zip(archive: zipfile.ZipFile, window: RawIOBase) -> Iterator[Oddity]:
    """Yield what is odd about the members of an archive, and about the bytes of ``window``, which it is read from."""
    infos = archive.infolist()
    for name, times in Counter(info.filename for info in infos).items():
        if times > 1:
            yield Oddity("WS424", name, f"holds {name!r} {times} times, so that readers may disagree")
    for info in infos:
        yield from _of_member(archive, info)
    yield from _overlaps(infos, window)
    if infos and min(info.header_offset for info in infos) > 0:
        yield Oddity("WS432", "", "other bytes stand before the archive")
    end = _end_of_zip(window)
    if end is not None:
        yield from _behind(window, end)


def around_hdf5(window: RawIOBase, base: int) -> Iterator[Oddity]:
    """Yield what is odd about the bytes of ``window`` around an HDF5 file that begins at ``base``."""
    window.seek(0)
    if base and _read(window, 0, base).strip(b"\0"):
        yield Oddity("WS432", "", f"{base:,} other bytes stand before the HDF5")
    end = _end_of_hdf5(_read(window, base, 64), base)
    if zip_behind(window):
        yield Oddity("WS433", "", "a zip archive stands behind the HDF5, which other readers take for the file")
    elif end is not None:
        yield from _behind(window, end)


def zip_behind(window: RawIOBase) -> bool:
    """Whether a file that begins as something else ends as a zip."""
    length = window.seek(0, 2)
    if END not in _read(window, max(length - LONGEST_END, 0), LONGEST_END):
        return False
    try:
        with zipfile.ZipFile(window) as archive:  # type: ignore[arg-type]
            return bool(archive.infolist())
    except BROKEN:
        return False


def _of_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Oddity]:
    name, place = info.filename, info.filename
    if _LEADS_OUT.match(name):
        yield Oddity("WS421", place, f"member {name!r} would be unpacked outside the folder of the others")
    elif "\\" in name:
        yield Oddity("WS423", place, f"member {name!r} has a backslash, which is a folder's on some systems only")
    if "\0" in info.orig_filename:
        yield Oddity("WS430", place, f"member {info.orig_filename!r} has a name that readers cut off")
    if stat.S_ISLNK(info.external_attr >> 16):
        yield Oddity("WS422", place, f"member {name!r} is a symbolic link")
    if info.flag_bits & ENCRYPTED:
        yield Oddity("WS426", place, f"member {name!r} is encrypted")
    elif not _OWN.fullmatch(name):
        yield from _of_content(archive, info)


def _of_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Oddity]:
    """Yield that a member is code, or may hold some: by its name, or by its first bytes."""
    found = {code: what for code, names, what in _BY_NAME if names.fullmatch(info.filename)}
    try:
        with archive.open(info) as member:
            head = member.read(_FIRST)
    except BROKEN:
        head = b""
    found.update({code: what for code, starts, what in _STARTS if starts.match(head)})
    if head[:2] == b"MZ" and head[(at := int.from_bytes(head[60:64], "little")):at + 4] == b"PE\0\0":
        found["WS429"] = "a library or a program"
    for code, what in found.items():
        yield Oddity(code, info.filename, f"member {info.filename!r} is {what}")


def _overlaps(infos: Iterable[zipfile.ZipInfo], window: RawIOBase) -> Iterator[Oddity]:
    """Yield members that share bytes, and those that the file and its directory call by two names."""
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        header = _read(window, info.header_offset, LOCAL_HEADER.size).ljust(LOCAL_HEADER.size, b"\0")
        signature, name, extra = LOCAL_HEADER.unpack(header)
        start = info.header_offset + LOCAL_HEADER.size
        if info.header_offset < end:
            yield Oddity("WS425", info.filename, f"members {before!r} and {info.filename!r} overlap")
        elif signature == b"PK\x03\x04" and decoded(_read(window, start, name)) not in _names(info):
            yield Oddity("WS430", info.filename, f"member {info.filename!r} has another name in its own header")
        end, before = max(end, start + name + extra + info.compress_size), info.filename


def _names(info: zipfile.ZipInfo) -> tuple[str, str]:
    """The name of a member, also as it is in the file: before UTF-8, zip had the letters of MS-DOS."""
    return info.orig_filename, decoded(info.orig_filename.encode("cp437", "replace"))


def _end_of_zip(window: RawIOBase) -> int | None:
    length = window.seek(0, 2)
    start = max(length - LONGEST_END, 0)
    tail = _read(window, start, LONGEST_END)
    at = tail.rfind(END)
    return None if not 0 <= at <= len(tail) - 22 else start + at + 22 + int.from_bytes(tail[at + 20:at + 22], "little")


def _end_of_hdf5(header: bytes, base: int) -> int | None:
    """Where HDF5 says that it ends, its header telling; None where it is too short to tell."""
    at = {0: 24, 1: 28}.get(header[8], 12) if len(header) == 64 else None
    if at is None:
        return None
    stated, _, end = struct.unpack_from("<3Q", header, at)
    return base + end - stated


def _behind(window: RawIOBase, end: int) -> Iterator[Oddity]:
    """Yield that there is something behind the ``end`` of a container, an archive or other bytes."""
    more = window.seek(0, 2) - end
    head = _read(window, end, _FIRST) if more > 0 else b""
    if any(_read(window, at, len(HDF5_SIGNATURE)) == HDF5_SIGNATURE for at in _user_blocks(end, end + more)) or any(
            code == "WS431" and starts.match(head) for code, starts, _ in _STARTS):
        yield Oddity("WS433", "", f"another archive stands in {more:,} bytes behind the end of this one")
    elif more > 0:
        yield Oddity("WS434", "", f"{more:,} bytes stand behind its end")


def _user_blocks(start: int, end: int) -> Iterator[int]:
    """Yield the places in a range at which an HDF5 file may begin."""
    yield start
    at = 512
    while at < end:
        if at > start:
            yield at
        at *= 2


def _read(window: RawIOBase, start: int, size: int) -> bytes:
    """At most ``size`` bytes from ``start`` on; none behind the end."""
    length = window.seek(0, 2)
    if not 0 <= start < length:
        return b""
    window.seek(start)
    return window.read(min(size, length - start)) or b""
