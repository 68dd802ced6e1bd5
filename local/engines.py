"""Which of the job's engines partitions get on this machine."""

import os

ENGINE = "LAKEFERRY_ENGINE"
"""`spark`: all partitions are Spark's, as in AWS; anything else: small ones are Arrow's."""
SMALL_BYTES = 256 * 1024 * 1024
"""Raw bytes of a small partition."""


def small_bytes() -> int:
    """The job's `--small_partition_bytes`."""
    return 0 if os.environ.get(ENGINE) == "spark" else SMALL_BYTES
