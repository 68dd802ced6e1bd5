"""`catalog` of the feed document: what people read about the feed's tables in the Data Catalog."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.columns import colliding


@dataclass(frozen=True, slots=True)
class CatalogSpec:
    """Comments and owner-given facts; they change no data.

    Attributes:
        description: Of the tables.
        contract_version: The version of the agreement with the partner, as people call it.
        columns: Column, by its name in the file → comment.
    """

    description: str | None = None
    contract_version: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def catalog_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `catalog`."""
    if together := colliding(list(document.get("columns", ()))):
        yield f"$.catalog.columns: {' and '.join(map(repr, together))} are one column of tables"


def build_catalog(document: Mapping[str, Any]) -> CatalogSpec:
    """The frozen form of a valid `catalog`."""
    return CatalogSpec(**document)
