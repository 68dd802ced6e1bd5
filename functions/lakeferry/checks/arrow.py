"""Arrow's kernels, for columns whose type is known only when a feed is read: no overload of their stubs fits those."""

from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute

kernels: Any = pyarrow.compute

Column: TypeAlias = Any
"""A `pyarrow.Array`."""
