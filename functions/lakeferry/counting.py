"""Numbers of things, as people write them."""


def count_of(count: int, what: str) -> str:
    """Such as `1 file` and `1,234 files`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def bytes_of(count: float) -> str:
    """Such as `541 B`, `34.5 kB`, `311 MB`: people compare sizes, so three digits, or the one after the point."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(count, 1 if unit != "B" and count < 99.95 else 0) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
