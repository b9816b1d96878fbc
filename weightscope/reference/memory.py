"""Memory of this process."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def keep_what_is_freed():
    """Have glibc use the memory of arrays and tensors again, not hand it back and ask for it anew, page by page.

    That costs ``verify`` of a large network a twentieth of its time. Other C libraries are left as they are.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
