"""A Glue crawler on this machine: the tables, partitions and parameters AWS Glue documents for what the raw zone has.

It reads its configuration from the Glue API, so what is tested here is the crawler of the template. What it
follows (AWS Glue Developer Guide): "Setting crawler configuration options" for table level, schema changes and
inheritance; "Built-in classifiers" for delimiters, header and column names; "How crawlers work" for names.
Deleted objects are not looked for (`DeleteBehavior` `LOG`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.classifiers import SAMPLE_BYTES, Shape, classify, classify_json, classify_parquet

SAMPLED_OBJECTS = 2
"""Objects looked into for each folder; the crawler of AWS samples too."""

_BATCH = 100
_CSV_FORMAT = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
_SERDES = {
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
_PARQUET_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
}
_WIDER = {("bigint", "double"), ("int", "bigint"), ("int", "double"), ("float", "double")}


class Clients(Protocol):
    """What this module needs of AWS on this machine."""

    def client(self, name: str) -> Any:
        """A boto3 client."""


class CrawlerFailedError(Exception):
    """The crawl ended without a result; the message says why."""


@dataclass
class Crawl:
    """What a crawl changed in the catalog."""

    tables_created: int = 0
    tables_updated: int = 0
    partitions_created: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Folder:
    """Objects of one partition."""

    objects: int = 0
    size: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Options:
    """A crawler's settings that say what may be changed."""

    name: str
    database: str
    prefix: str
    level: int | None
    update_tables: bool
    merge_new_columns: bool
    inherit: bool

    @classmethod
    def of(cls, crawler: Mapping[str, Any]) -> "_Options":
        settings = json.loads(crawler.get("Configuration") or "{}")
        output = settings.get("CrawlerOutput", {})
        policy = crawler.get("SchemaChangePolicy", {})
        return cls(
            name=crawler["Name"],
            database=crawler["DatabaseName"],
            prefix=crawler.get("TablePrefix") or "",
            level=settings.get("Grouping", {}).get("TableLevelConfiguration"),
            update_tables=policy.get("UpdateBehavior", "UPDATE_IN_DATABASE") != "LOG",
            merge_new_columns=output.get("Tables", {}).get("AddOrUpdateBehavior") == "MergeNewColumns",
            inherit=output.get("Partitions", {}).get("AddOrUpdateBehavior") == "InheritFromTable",
        )


def crawl(aws: Clients, crawler: str) -> Crawl:
    """Runs a crawler once.

    Raises:
        CrawlerFailedError: a bucket or the database is not there.
    """
    glue, s3 = aws.client("glue"), aws.client("s3")
    definition = glue.get_crawler(Name=crawler)["Crawler"]
    options, result = _Options.of(definition), Crawl()
    try:
        glue.get_database(Name=options.database)
        for target in definition["Targets"].get("S3Targets", []):
            bucket, _, prefix = target["Path"].removeprefix("s3://").partition("/")
            for root, folders in _tables(s3, bucket, prefix, options.level).items():
                _crawl_table(glue, s3, options, bucket, root, folders, result)
    except (s3.exceptions.ClientError, glue.exceptions.ClientError) as error:
        raise CrawlerFailedError(f"crawler {crawler}: {error}") from error
    return result


def _look(s3: Any, bucket: str, key: str) -> Shape | None:
    """The first built-in classifier that knows the object, in the order of the guide."""
    sample = _sample(s3, bucket, key)
    if sample.startswith(b"PAR1"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return classify_parquet(body)
    if sample.lstrip().startswith(b"{"):
        return classify_json(sample)
    return classify(sample)


def _tables(
    s3: Any, bucket: str, prefix: str, level: int | None
) -> dict[tuple[str, ...], dict[tuple[str, ...], _Folder]]:
    """Folders by table and partition; a table is a folder at `level`, counting the bucket as 1."""
    depth = level - 1 if level else len([part for part in prefix.split("/") if part])
    found: dict[tuple[str, ...], dict[tuple[str, ...], _Folder]] = {}
    for item in _objects(s3, bucket, prefix):
        parts = item["Key"].split("/")
        if item["Size"] == 0 or any(part[:1] in ("_", ".") for part in parts) or len(parts) <= depth:
            continue
        folders = found.setdefault(tuple(parts[:depth]), {})
        folder = folders.setdefault(tuple(parts[depth:-1]), _Folder())
        folder.objects += 1
        folder.size += item["Size"]
        if len(folder.samples) < SAMPLED_OBJECTS:
            folder.samples.append(item["Key"])
    return found


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[Any]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _crawl_table(
    glue: Any,
    s3: Any,
    options: _Options,
    bucket: str,
    root: tuple[str, ...],
    folders: dict[tuple[str, ...], _Folder],
    result: Crawl,
) -> None:
    name = options.prefix + re.sub(r"[^a-z0-9_]", "_", (root[-1] if root else bucket).lower())
    table = _get_table(glue, options.database, name)
    known = _partition_values(glue, options.database, name) if table else set()
    shapes = [
        shape
        for path, folder in folders.items()
        # what is known was looked into when it was new; its newest objects are looked at again for new columns
        for key in (folder.samples if _values(path) not in known else folder.samples[-1:])
        if (shape := _look(s3, bucket, key)) is not None
    ]
    if not shapes:
        result.warnings.append(f"{name}: no object is Parquet, JSON or CSV to the built-in classifiers")
        return
    location = f"s3://{bucket}/{'/'.join(root)}/"
    columns = _columns(table, shapes, options)
    parameters = _parameters(options, shapes[0], folders.values())
    descriptor = _descriptor(columns, location, shapes[0], parameters)
    table_input = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in _keys(next(iter(folders)))],
        "StorageDescriptor": descriptor,
        "Parameters": parameters,
        "Owner": "owner",
        "Retention": 0,
    }
    if table is not None and options.merge_new_columns:
        # what is there is kept, format and parameters too ("How to prevent the crawler from changing a schema")
        descriptor = {**table["StorageDescriptor"], "Columns": columns}
        parameters = {**parameters, **table.get("Parameters", {})}
        table_input |= {"StorageDescriptor": descriptor, "Parameters": parameters}
        table_input |= {key: table[key] for key in ("Description", "Owner", "PartitionKeys") if table.get(key)}
    changed = table is not None and columns != table["StorageDescriptor"]["Columns"]
    if table is None:
        glue.create_table(DatabaseName=options.database, TableInput=table_input)
        result.tables_created += 1
    elif changed:
        glue.update_table(DatabaseName=options.database, TableInput=table_input)
        result.tables_updated += 1
    inputs = {
        _values(path): {
            "Values": list(_values(path)),
            "StorageDescriptor": {**descriptor, "Location": f"{location}{'/'.join(path)}/"},
            "Parameters": parameters,
        }
        for path in folders
        if path
    }
    new = [item for values, item in inputs.items() if values not in known]
    for start in range(0, len(new), _BATCH):
        glue.batch_create_partition(
            DatabaseName=options.database, TableName=name, PartitionInputList=new[start : start + _BATCH]
        )
    result.partitions_created += len(new)
    old = [item for values, item in inputs.items() if values in known] if changed and options.inherit else []
    for start in range(0, len(old), _BATCH):
        glue.batch_update_partition(
            DatabaseName=options.database,
            TableName=name,
            Entries=[
                {"PartitionValueList": item["Values"], "PartitionInput": item} for item in old[start : start + _BATCH]
            ],
        )


def _columns(table: Any, shapes: Sequence[Shape], options: _Options) -> list[dict[str, str]]:
    merged: dict[str, str] = {}
    for shape in shapes:
        for name, kind in shape.columns:
            seen = merged.setdefault(name, kind)
            if seen != kind:
                pair = (seen, kind)
                merged[name] = kind if pair in _WIDER else seen if pair[::-1] in _WIDER else "string"
    if table is not None:
        before: list[dict[str, str]] = table["StorageDescriptor"]["Columns"]
        if not options.update_tables and not options.merge_new_columns:
            return before
        if options.merge_new_columns:
            names = {column["Name"] for column in before}
            return before + [{"Name": name, "Type": kind} for name, kind in merged.items() if name not in names]
    return [{"Name": name, "Type": kind} for name, kind in merged.items()]


def _parameters(options: _Options, shape: Shape, folders: Any) -> dict[str, str]:
    every = list(folders)
    of_csv = {
        "areColumnsQuoted": str(shape.quoted).lower(),
        "columnsOrdered": "true",
        "delimiter": shape.delimiter,
    }
    return {
        "classification": shape.classification,
        "compressionType": "none",
        "typeOfData": "file",
        "UPDATED_BY_CRAWLER": options.name,
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        **(of_csv if shape.classification == "csv" else {}),
        "objectCount": str(sum(folder.objects for folder in every)),
        "sizeKey": str(sum(folder.size for folder in every)),
        **({"skip.header.line.count": "1"} if shape.header else {}),
    }


def _descriptor(
    columns: list[dict[str, str]], location: str, shape: Shape, parameters: Mapping[str, str]
) -> dict[str, Any]:
    if shape.classification != "csv":
        paths = {"paths": ",".join(column["Name"] for column in columns)} if shape.classification == "json" else {}
        serde = {
            "SerializationLibrary": _SERDES[shape.classification],
            "Parameters": {"serialization.format": "1", **paths},
        }
    else:
        # quoted or not: a table whose values are quoted has to be given OpenCSVSerDe by somebody (Athena User Guide,
        # "Best practices when using Athena with AWS Glue"); here the Glue job does
        serde = {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": shape.delimiter},
        }
    return {
        "Columns": columns,
        "Location": location,
        **(_PARQUET_FORMAT if shape.classification == "parquet" else _CSV_FORMAT),
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": serde,
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": dict(parameters),
        "StoredAsSubDirectories": False,
    }


def _keys(path: Sequence[str]) -> list[str]:
    """Partition keys of a folder path: the name before `=`, or `partition_<n>`."""
    return [part.split("=", 1)[0].lower() if "=" in part else f"partition_{at}" for at, part in enumerate(path)]


def _values(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.split("=", 1)[-1] for part in path)


def _sample(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{SAMPLE_BYTES - 1}")["Body"].read()
    return body if len(body) < SAMPLE_BYTES else body[: body.rfind(b"\n") + 1]


def _get_table(glue: Any, database: str, name: str) -> Any:
    try:
        return glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None


def _partition_values(glue: Any, database: str, table: str) -> set[tuple[str, ...]]:
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    return {tuple(item["Values"]) for page in pages for item in page["Partitions"]}
