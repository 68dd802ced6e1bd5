"""Tables of a lake, made by code: a curated one of both tenants, a raw one of each, the ledger's export."""

import json
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}\u202egpj.exe"
ACME, GLOBEX = "acme/daily_sales", "globex/returns"
SECRET_OF_GLOBEX = "globex-only"
_TENANTS = ("acme", "globex")


def make_catalog(folder: Path) -> None:
    """Writes the objects and the catalog."""
    curated = [_partition(folder, f"curated/sales/tenant={one}/feed=x/dt=d", [one, "x", "d"]) for one in _TENANTS]
    for one, tenant in zip(curated, _TENANTS, strict=True):
        rows = {"store": [HOSTILE, f"of {tenant}"], "amount": [1.5, 2.5]}
        parquet.write_table(pyarrow.table(rows), _place(folder, one) / "part.parquet")
    columns = [{"Name": "store", "Type": "string"}, {"Name": "amount", "Type": "double"}]
    tables = [_table("sales", "parquet", columns, ["tenant", "feed", "dt"], curated)]
    for tenant, feed in (ACME.split("/"), GLOBEX.split("/")):
        found = _partition(folder, f"raw/{tenant}_{feed}/dt=d", ["d"])
        (_place(folder, found) / "a.csv").write_text(f"order_id,note\n1,=1+1\n2,of {tenant}-raw\n")
        tables.append(_table(f"raw_{tenant}_{feed}", "csv", _texts("order_id", "note"), ["dt"], [found]))
    day = _partition(folder, "ledger/day=d", ["d"])
    lines = [{"feed_id": ACME, "path": HOSTILE}, {"feed_id": GLOBEX, "path": SECRET_OF_GLOBEX}]
    (_place(folder, day) / "one.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tables.append(_table("ledger", "json", _texts("feed_id", "path"), ["day"], [day]))
    (folder / ".lakeferry" / "catalog.json").write_text(json.dumps({"lakeferry": tables}))


def _texts(*names: str) -> list[dict[str, str]]:
    return [{"Name": name, "Type": "string"} for name in names]


def _partition(folder: Path, key: str, values: list[str]) -> dict[str, Any]:
    (folder / key).mkdir(parents=True)
    return {"Values": values, "StorageDescriptor": {"Location": f"s3://bucket/{key}/"}}


def _place(folder: Path, partition: dict[str, Any]) -> Path:
    return folder / str(partition["StorageDescriptor"]["Location"]).removeprefix("s3://bucket/")


def _table(
    name: str, kind: str, columns: list[dict[str, str]], keys: list[str], partitions: list[dict[str, Any]]
) -> dict[str, Any]:
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde", "Parameters": {}}
    table = {
        **{"Name": name, "PartitionKeys": _texts(*keys)},
        "StorageDescriptor": {"Columns": columns, "Location": "s3://bucket/x/", "SerdeInfo": serde},
        "Parameters": {"classification": kind, "skip.header.line.count": "1", "delimiter": ","},
    }
    return {"table": table, "partitions": partitions}
