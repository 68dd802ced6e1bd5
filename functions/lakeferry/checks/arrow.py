"""Arrow's kernels, for columns whose type is known only when a feed is read: no overload of their stubs fits those."""

import ctypes
from contextlib import suppress
from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute

kernels: Any = pyarrow.compute

Column: TypeAlias = Any
"""A `pyarrow.Array`."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 * 1024 * 1024


def _keep_memory() -> None:
    """Has freed blocks stay with the process: a pass allocates the same few megabytes over and over.

    Otherwise they go back to the system each time, and getting them again, page by page, takes a fifth of the pass
    (42,000 page faults for 62 MB, and 500 with this). Only glibc has the call (mallopt(3)).
    """
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES // 8)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


_keep_memory()
