"""Why a partition failed, in one line, and whose fault it is."""

import re
from typing import Any

from balance import RuleViolatedError
from catalog import SchemaConflictError
from lakeferry.errors import (
    DatasetEmptyError,
    DatasetTakenError,
    FeedInvalidError,
    FileNotCuratedError,
    PartitionTooHeavyError,
)
from partition import RawFileMissingError
from plainwords import DAMAGED, plain
from references import ReferenceUnusableError
from tableformats import TableFormatError, TooManyPartitionsError

_OF_FEEDS = (
    *(FeedInvalidError, PartitionTooHeavyError, RuleViolatedError, ReferenceUnusableError),
    *(SchemaConflictError, TableFormatError, TooManyPartitionsError),
    *(DatasetTakenError, DatasetEmptyError, FileNotCuratedError),
)
_OF_SPARK = frozenset({"AnalysisException", "ParseException"})
"""Classes of `pyspark.errors`, by name: where there is no Spark, there are none of its errors."""
_OF_ROWS = frozenset(
    {
        *("SparkArithmeticException", "SparkDateTimeException", "SparkNumberFormatException", "SparkRuntimeException"),
        *("SparkArrayIndexOutOfBoundsException", "SparkUnsupportedOperationException", "SparkUpgradeException"),
        *("SparkIllegalArgumentException", "SparkNoSuchElementException"),
        *("ArithmeticException", "DateTimeException", "NumberFormatException", "PatternSyntaxException"),
    }
)
"""Java's and Spark's exceptions from computing a value of a row, of any package."""
_OUT_OF_MEMORY = ("java.lang.OutOfMemoryError", "SparkOutOfMemoryError", "ExecutorLostFailure")
"""In Spark's words for a stage that failed; each task has been tried four times by then."""

_UNREADABLE = re.compile(
    r"CANNOT_READ_FILE_FOOTER|is not a Parquet file|expected magic number|can not read FileMetaData|TProtocolException|"
    r"ParquetDecodingException|Could not read page|CorruptDeltaStrategy|ParquetCryptoRuntimeException",
    re.IGNORECASE,
)
"""In what Spark and Java say of an object that is damaged, or no Parquet."""
_OF_THE_MOMENT = (
    *("cancelled", "stopped SparkContext", "AmazonS3Exception", "SdkClientException", "SocketTimeout"),
    *("ConnectException", "UnknownHostException", "NoHttpResponse"),
)
"""In messages of Java: Spark was told to give up, or the network is away."""


def reason(error: BaseException) -> str:
    """The first line that tells what is wrong; of Spark's and Java's exceptions the innermost one's, in plain words."""
    java = _innermost(getattr(error, "java_exception", None))
    if java is not None:
        return plain(str(java))
    text = str(error).strip()
    if _is_sparks(error):
        return plain(text)
    return _in_arrows_words(error) or f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


def _in_arrows_words(error: BaseException) -> str | None:
    # by name: where its engine is not switched on, Arrow is not there
    if not isinstance(error, OSError) and not any(kind.__module__ == "pyarrow.lib" for kind in type(error).__mro__):
        return None
    told = plain(str(error), "Arrow")
    return told if told.startswith(DAMAGED) and getattr(error, "errno", None) is None else None


def is_of_bytes(error: BaseException) -> bool:
    """Whether an error may be of what a file has in it: the system's own, such as of a full disk, are not.

    Arrow, too, raises `OSError` for pages that do not unpack or whose checksums differ; it has no number then.
    """
    return not isinstance(error, OSError) or _in_arrows_words(error) is not None


def feeds_own(error: BaseException) -> str | None:
    """The error's name if what the feed asks for cannot be done with its files; None if no feed is to blame.

    Nothing but a new document, or new files, would end it otherwise. Whatever is not known to be of that kind (AWS, a
    full disk, a count that does not add up, a bug) is nobody's: it stays on the work list, and the run fails.
    """
    if isinstance(error, _OF_FEEDS):
        return type(error).__name__
    if is_unreadable(error):
        return FileNotCuratedError.__name__
    # Py4J keeps the Java exception, and Spark's own wrappers where they had it from
    java = _innermost(getattr(error, "java_exception", None) or getattr(error, "_origin", None))
    if _is_sparks(error) or (java is not None and java.getClass().getSimpleName() in _OF_ROWS):
        # to people the feed's expression is what is wrong, whatever Spark calls it
        return FeedInvalidError.__name__
    return None


def is_unreadable(error: BaseException) -> bool:
    """Whether an object of the raw zone is gone or damaged: no other run reads it, until the file is taken again."""
    if isinstance(error, RawFileMissingError) or _in_arrows_words(error) is not None:
        return True
    is_javas = getattr(error, "java_exception", None) is not None
    return is_javas and not is_of_the_moment(error) and _UNREADABLE.search(str(error)) is not None


def is_of_the_moment(error: BaseException) -> bool:
    """Whether the same would work a moment later."""
    return any(sign in str(error) for sign in _OF_THE_MOMENT)


def ends_spark(error: BaseException) -> bool:
    """Whether memory was short, or executors ended, over what was computed: it may end all of Spark next time."""
    return any(sign in str(error) for sign in _OUT_OF_MEMORY)


def _is_sparks(error: BaseException) -> bool:
    return any(
        each.__name__ in _OF_SPARK and each.__module__.startswith("pyspark.errors") for each in type(error).__mro__
    )


def _innermost(java: Any) -> Any:  # noqa: ANN401  (an object of the JVM)
    while java is not None and java.getCause() is not None:
        java = java.getCause()
    return java
