"""A file on disk, opened once, and windows onto parts of it."""

import io
import os
import stat
from contextlib import ExitStack
from functools import cached_property

from weightscope.errors import Unreadable
from weightscope.files.containers import Oddity
from weightscope.files.hdf5 import Tree, superblock


class Window(io.RawIOBase):
    """The bytes ``[offset, offset + length)`` of an open file, as a file of its own, read only and never copied.

    ``longest_read`` bounds one read; asking for more raises OSError before anything is allocated.
    """

    longest_read: int | None = None

    def __init__(self, file: io.RawIOBase | io.BytesIO, offset: int, length: int):
        self.file, self.offset, self.length, self.position = file, offset, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.length}[whence]
        if self.position < 0:
            raise OSError("a seek to before the start of the file")
        return self.position

    def readinto(self, buffer) -> int:
        """Fill ``buffer``, or as much of it as the window still has; return how many bytes that is."""
        view = memoryview(buffer).cast("B")[: max(self.length - self.position, 0)]
        self.file.seek(self.offset + self.position)
        done = 0
        while done < len(view):
            got = self.file.readinto(view[done:])
            if not got:
                raise OSError("the file became shorter while it was read")
            done += got
        self.position += done
        return done

    def read(self, size: int | None = -1) -> bytes:
        """The next ``size`` bytes, or all to the end of the window."""
        left = max(self.length - self.position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if self.longest_read is not None and wanted > self.longest_read:
            raise OSError(f"{wanted:,} bytes asked for where at most {self.longest_read:,} are plausible")
        data = bytearray(wanted)
        self.readinto(data)
        return bytes(data)


class Source:
    """One regular file: its ``path``, its ``length`` in bytes, and the ``head`` to recognise it by.

    ``oddities``: what is odd about what was read of it.

    Raises: ``Unreadable`` for what is not there, may not be read, or is a directory, a pipe or a device.
    """

    def __init__(self, path: str):
        self.path = path
        self.oddities: list[Oddity] = []
        self.opened = ExitStack()
        try:
            # A pipe or a device would block or never end: look at what it is before opening it.
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise Unreadable("is not a file")
            self.file = self.opened.enter_context(open(path, "rb", buffering=0))
        except OSError as error:
            raise Unreadable(f"cannot be opened ({error.strerror}); check the path") from error
        self.length = os.fstat(self.file.fileno()).st_size
        self.head = self.window().read(512)

    def window(self, offset: int = 0, length: int | None = None) -> Window:
        """The bytes from ``offset`` on. Raises: ``Unreadable`` if the file does not have that many."""
        length = self.length - offset if length is None else length
        if offset < 0 or length < 0 or offset + length > self.length:
            raise Unreadable(f"is incomplete: it would need {offset + length:,} bytes and has {self.length:,}")
        return Window(self.file, offset, length)

    def hdf5(self, window: Window, name: str = "") -> Tree:
        """The HDF5 file inside ``window``, open until this source is closed; ``name``: of the member that it is."""
        tree = Tree(window, self.path)
        self.opened.callback(tree.close)
        self.oddities += [oddity.inside(name) for oddity in tree.oddities]
        return tree

    @cached_property
    def tree(self) -> Tree | None:
        """The HDF5 file that this file is, or None if it is something else."""
        window = self.window()
        return None if superblock(window) is None else self.hdf5(window)

    def close(self) -> None:
        self.opened.close()
