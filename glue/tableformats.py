"""Whether rows of a feed may go to the table that is there: one of the job's own, in the feed's format."""

from typing import Any

from lakeferry.errors import LakeferryError
from partition import Generation


class TableFormatError(LakeferryError):
    """The dataset's table is in the other format than the feed's, or is not one of the job's."""


class TooManyPartitionsError(LakeferryError):
    """`partition_by` would make more partitions of a day than anybody can read well."""


def refused(
    table: dict[str, Any] | None, generation: Generation, database: str, place: str, *, iceberg: bool
) -> TableFormatError | None:
    """Why rows cannot go there; None where they can.

    Args:
        table: As the Data Catalog has it; None where there is none.
        place: Where a table that the job made is: the address of a folder, with `/` at its end.
        iceberg: The feed's format.
    """
    if table is None:
        return None
    name = f"{database}.{generation.table}"
    found = str(table.get("StorageDescriptor", {}).get("Location", "")).rstrip("/") + "/"
    is_iceberg = table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
    if is_iceberg == iceberg and found.startswith(place):
        return None
    if is_iceberg == iceberg or table.get("TableType") == "VIRTUAL_VIEW":
        # a person made it, and writing to it would put something else in its place
        why, what = f"{name} is there, and Lakeferry did not make it", "Use another dataset."
    else:
        # partitions would be registered beside an Iceberg table's own metadata, and Iceberg makes no second table
        there, other = ("an Iceberg", "iceberg") if is_iceberg else ("a Parquet", "parquet")
        why, what = f"{name} is {there} table", f"Set transform.table_format to {other}, or use another dataset."
    return TableFormatError(f"{generation.partition}: {why}. Nothing was published. {what}")
