"""Numbers of things, as people write them."""


def count_of(count: int, what: str) -> str:
    """Such as `1 file` and `1,234 files`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
