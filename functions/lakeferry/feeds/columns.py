"""Names that columns have in the curated table, and those the job has of its own."""

import re
from collections.abc import Sequence

from lakeferry.errors import FeedInvalidError

PARTITION_KEYS = ("tenant", "feed", "dt")
LINEAGE = ("_source_file", "_ingested_at", "_run_id")
FILE_NUMBER = "_file_number"
"""Which of the partition's files a row is of; counts are kept by it."""

DROPPED_BY = "_dropped_by"
MALFORMED = "_malformed"
"""Column the reader fills where a row has too few or too many values."""

ROW = "_row"
"""The row as it was delivered, for those that are kept under `fallout/`."""

RESERVED = {*PARTITION_KEYS, *LINEAGE, FILE_NUMBER, DROPPED_BY, MALFORMED, ROW}


def column_names(header: Sequence[str]) -> list[str]:
    """A header's names as the curated table has them: lower case, `[a-z0-9_]`, none of the job's own.

    `dt`, `tenant`, `feed` and the lineage columns are taken: such a column of a file is called `source_<name>`.

    Raises:
        FeedInvalidError: two columns end up with one name.
    """
    names = []
    for position, title in enumerate(header):
        name = re.sub(r"[^a-z0-9_]+", "_", title.strip().lower()).rstrip("_") or f"column_{position + 1}"
        names.append("source_" + name.lstrip("_") if name in RESERVED else name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FeedInvalidError(
            f"more than one column is called {repeated[0]!r} in the curated table (header: {', '.join(header)}). "
            "Ask the partner for distinct column names."
        )
    return names
