"""What has to be Spark's because it was not shown to come out the same."""

from lakeferry.errors import LakeferryError


class NotEqualError(LakeferryError):
    """Spark might make something else of it."""
