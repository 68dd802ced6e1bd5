"""What a file's columns are called in tables: one rule for the checks, which refuse names that collide, and the job.

Letters and digits of any script stay: Parquet, Spark, the Data Catalog and Athena take them in lower case and quoted.
No name comes from a column's position, which is another one in the next file.
"""

import hashlib
import re
import unicodedata
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

MISTYPED = "_mistyped:"
"""The declared column whose value a raw Parquet file has in a type that cannot hold it."""

RESERVED = {*PARTITION_KEYS, *LINEAGE, FILE_NUMBER, DROPPED_BY, MALFORMED, MISTYPED, ROW}
UNNAMED = "unnamed"
"""The column without a name; a file has one at most."""
MAX_NAME_BYTES = 240
"""The Data Catalog takes 255 characters (AWS Glue Web API Reference, Column); some are left for prefixes of the job."""
_KEPT = frozenset("LMN")
"""Unicode's categories of letters, their marks and digits."""
_PLAIN = re.compile("[a-z0-9_]+")


def table_name(title: str) -> str:
    """A column's name in tables: lower case, letters, digits and `_`, none of the job's own.

    `dt`, `tenant`, `feed` and the lineage columns are taken: such a column of a file is called `source_<name>`.
    """
    title = title.strip()
    name = title.lower()
    if not _PLAIN.fullmatch(name):
        name = unicodedata.normalize("NFC", name)
        kept = "".join(each if each == "_" or unicodedata.category(each)[0] in _KEPT else " " for each in name)
        name = re.sub(" +", "_", kept)
    name = name.rstrip("_")
    if not name:
        return f"column_{_digest(title)}" if title else UNNAMED
    if len(name.encode()) > MAX_NAME_BYTES:
        name = f"{name.encode()[: MAX_NAME_BYTES - 9].decode(errors='ignore')}_{_digest(title)}"
    return "source_" + name.lstrip("_") if name in RESERVED else name


def _digest(title: str) -> str:
    return hashlib.sha256(title.encode(errors="surrogatepass")).hexdigest()[:8]


def folded_name(title: str) -> str:
    """Equal for titles that are one column of tables; Spark compares letter by letter: `ı` and `i`, `ς` and `σ`."""
    name = table_name(title)
    return (
        name if name.isascii() else "".join(each.upper().lower() if len(each.upper()) == 1 else each for each in name)
    )


def colliding(titles: Sequence[str]) -> list[str]:
    """The first titles, two at least, that would be one column of tables; empty if there are none."""
    together: dict[str, list[str]] = {}
    for title in titles:
        together.setdefault(folded_name(title), []).append(title)
    return next((found for found in together.values() if len(found) > 1), [])


def column_names(header: Sequence[str]) -> list[str]:
    """A header's names as the curated table has them.

    Raises:
        FeedInvalidError: two columns end up with one name, which the checks refuse; a file is older than that check.
    """
    if repeated := colliding(header):
        raise FeedInvalidError(
            f"more than one column is called {table_name(repeated[0])!r} in the curated table: "
            f"{', '.join(map(repr, repeated))}. Ask the partner for distinct column names."
        )
    return [table_name(title) for title in header]
