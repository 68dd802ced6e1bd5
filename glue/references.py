"""Reference tables: small CSV or Parquet tables of a tenant that rows are enriched from.

They are at `reference/<tenant>/<name>/<version>/` of the lake. The last version by name is taken unless the feed names
one, so a version is best named by date, and a new one is put beside the old one, never over it.
"""

from lakeferry.errors import LakeferryError
from lakeferry.feeds import EnrichSpec, Feed
from lakefiles import Lake


class ReferenceUnusableError(LakeferryError):
    """A reference table is not there, or its keys are not distinct."""


def chosen_version(lake: Lake, prefix: str, wanted: str | None) -> tuple[str, list[str]]:
    """The version of a reference table that is taken, and the keys of its objects.

    Raises:
        ReferenceUnusableError: there is none.
    """
    versions: dict[str, list[str]] = {}
    for key in lake.sizes(prefix):
        version, _, name = key.removeprefix(prefix).partition("/")
        if name and not name.startswith((".", "_")):
            versions.setdefault(version, []).append(key)
    if not versions:
        raise ReferenceUnusableError(
            f"{lake.uri(prefix)} has no version: put CSV or Parquet files under {prefix}<version>/."
        )
    version = max(versions) if wanted is None else wanted
    if version not in versions:
        raise ReferenceUnusableError(
            f"{lake.uri(prefix)} has no version {version!r}, only {', '.join(sorted(versions))}."
        )
    return version, sorted(versions[version])


def reference_prefix(feed: Feed, enrich: EnrichSpec) -> str:
    """Where a tenant's reference table is."""
    return f"reference/{feed.tenant}/{enrich.reference}/"
