"""Which of the job's engines partitions get on this machine."""

import os

ENGINE = "LAKEFERRY_ENGINE"
"""`spark`: all partitions are Spark's, as in AWS by default; `small`: what is small and on the lists is Arrow's.

For runs on this machine and for tests; in AWS it is `SmallRuns`, and a feed's `curate.engine`.
"""
FORCED = ("spark", "small")
SMALL_BYTES = 256 * 1024 * 1024
"""Raw bytes of a small partition."""
LARGE_RUN_BYTES = 64 * 1024 * 1024
"""Raw bytes beyond which Java's second compiler is worth what it costs; at 30 MB it costs what it saves."""


def forced() -> str:
    """The engine that is asked for, or nothing.

    Raises:
        ValueError: there is none of that name.
    """
    found = os.environ.get(ENGINE, "")
    if found and found not in FORCED:
        raise ValueError(f"{ENGINE}={found}: it is {' or '.join(FORCED)}, or not set.")
    return found


def small_bytes() -> int:
    """The job's `--small_partition_bytes`: without a word, small partitions are Arrow's here."""
    return 0 if forced() == "spark" else SMALL_BYTES
