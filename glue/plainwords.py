"""What Spark and Java say, in words for somebody who knows neither: what is wrong with the file, not which setting of
Spark to change, which nobody who reads a mail at 06:45 can.
"""

import re
from collections.abc import Sequence

DAMAGED = "its object in the raw zone is damaged, or no Parquet. Reprocess the file"
_KNOWN: Sequence[tuple[str, str]] = (
    (
        r"INCONSISTENT_BEHAVIOR_CROSS_VERSION\.(?:READ|WRITE)_ANCIENT_DATETIME",
        "it has dates before 1582-10-15 or timestamps before 1900-01-01 that programs read as different days. Ask the "
        "partner to write them as text, or without them",
    ),
    (
        r"INCONSISTENT_BEHAVIOR_CROSS_VERSION|SparkUpgradeException",
        "it has a date or time that programs read in different ways. Declare its format in checks.columns",
    ),
    (
        r"is not a Parquet file|expected magic number|TProtocolException|ParquetDecodingException|could not read footer"
        r"|CorruptDeltaStrategy|ParquetCryptoRuntimeException|can not read|Could not read page|corrupt(?:ed)? (?:page|"
        r"stream|file)|incorrect (?:header|data) check"
        # Arrow's
        r"|Parquet magic bytes not found|deserialize thrift|could not verify page integrity|Unexpected end of stream"
        r"|Corrupt (?:snappy|lz4|zstd|gzip|brotli)|decompression failed",
        DAMAGED,
    ),
    (
        r"long overflow|integer overflow|Overflow occurred",
        "it has a number or a time that is beyond what tables can hold, such as a timestamp of the year 300000",
    ),
    (
        r"INCOMPATIBLE_COLUMN_TYPE",
        "a column has one type in some files of the day and another in others. Declare it in checks.columns, or ask "
        "the partner for one type",
    ),
    (r"FileNotFoundException|does not exist", "its object in the raw zone is gone. Reprocess the file"),
    (r"Illegal Parquet type|PARQUET_TYPE_ILLEGAL", "it has a Parquet type that Spark does not read"),
    (r"MalformedInputException|UnmappableCharacter", "its object in the raw zone is not UTF-8. Reprocess the file"),
)
_CLASS = re.compile(r"^(?:[\w$]+\.)+[\w$]*(?:Exception|Error): ")
_BRACKET = re.compile(r"^\[[A-Z0-9_.]+\] ")
_ADVICE = re.compile(r"\s*[^.]*(?:spark\.sql\.|try_|ANSI mode|SQLSTATE|set the SQL config)[^\n]*")


def plain(text: str, by: str = "Spark") -> str:
    """One line that tells what is wrong.

    Args:
        text: All that an exception says.
        by: Whose words they are.
    """
    lines = text.strip().splitlines() or [""]
    first = _BRACKET.sub("", _CLASS.sub("", lines[0][:_LONGEST]))
    said = next((words for pattern, words in _KNOWN if re.search(pattern, text, re.IGNORECASE)), None)
    if said is None:
        return _ADVICE.sub("", first).strip() or first
    return f"{said} ({by}: {first[:_SHOWN]})"


_SHOWN, _LONGEST = 200, 2_000
"""Characters; what Java says may have a value of a row in it, of any length."""
