"""Curated partitions as Iceberg tables: the generation that was written aside and balanced becomes one snapshot.

A commit replaces the partition's rows in one step, so readers see the old rows or the new ones here too, whatever
columns `partition_by` adds to the table's partitions. In AWS the tables are in the Glue Data Catalog; where the lake
is a folder, they are a Hadoop catalog's in `iceberg/` of it.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from casts import quoted
from catalog import Outcome, SchemaConflictError
from columns import PARTITION_KEYS, wider
from lakeferry.errors import LakeferryError
from lakefiles import Lake
from partition import Generation
from tableformats import TooManyPartitionsError

_KEPT_SECONDS = 24 * 3600
"""A snapshot is kept so long for queries that are at work on it and for people who look back."""


MAX_PARTITIONS = 500
"""Values, or combinations of them, of `partition_by` one `(tenant, feed, dt)` may have: each is a file at least."""


class IcebergRefusedError(LakeferryError):
    """A partition could not be committed to its Iceberg table."""


class IcebergTables:
    """Iceberg tables of one database; used by one thread."""

    def __init__(self, spark: SparkSession, database: str, lake: Lake) -> None:
        self._spark, self._database, self._lake = spark, database, lake
        # Spark keeps a catalog it has loaded, whatever its settings are later
        self.catalog = (
            "lake" if lake.folder is None else f"lake_{hashlib.sha256(str(lake.folder).encode()).hexdigest()[:8]}"
        )
        for name, value in self._settings().items():
            spark.conf.set(f"spark.sql.catalog.{self.catalog}{name}", value)

    def name(self, table: str) -> str:
        """The table as Spark SQL takes it."""
        return f"{self.catalog}.{quoted(self._database)}.{quoted(table)}"

    def publish(self, generations: Sequence[Generation]) -> Outcome:
        """Commits partitions; each succeeds or fails alone.

        Returns:
            What went wrong for each; None for one that readers see from now on.
        """
        outcome: Outcome = {}
        for generation in generations:
            try:
                self._commit(generation)
                outcome[generation] = None
            except LakeferryError as error:
                outcome[generation] = error
            except Exception as error:  # Java's, of many kinds
                outcome[generation] = IcebergRefusedError(
                    f"{generation.partition}: table {self._database}.{generation.table} did not take the partition: "
                    f"{str(error).strip().splitlines()[0]}. What was there is there still; the next run tries again."
                )
        return outcome

    def _settings(self) -> dict[str, str]:
        settings = {"": "org.apache.iceberg.spark.SparkCatalog"}
        if self._lake.folder is not None:
            return {**settings, ".type": "hadoop", ".warehouse": f"file://{self._lake.folder}/iceberg"}
        return {
            **settings,
            ".catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
            ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            ".warehouse": self._lake.uri("iceberg"),
        }

    def _commit(self, generation: Generation) -> None:
        frame, name = self._read(generation), self.name(generation.table)
        is_new = not self._spark.catalog.tableExists(name)
        fields = [] if is_new else self._partition_fields(name)
        added = [column for column in generation.partition_by if column not in fields]
        self._check_number(generation, frame, [*(field for field in fields if field in frame.columns), *added])
        if is_new:
            (
                frame.limit(0)
                .writeTo(name)
                .using("iceberg")
                .tableProperty("format-version", "2")
                .tableProperty("write.metadata.delete-after-commit.enabled", "true")
                .partitionedBy(*[F.col(key) for key in PARTITION_KEYS])
                .create()
            )
        self._merge(generation, name)
        self._partition_by(name, added)
        columns = self._spark.table(name).schema
        have = set(frame.columns)
        selected = [
            (F.col(quoted(field.name)) if field.name in have else F.lit(None)).cast(field.dataType).alias(field.name)
            for field in columns
        ]
        here = F.lit(True)
        for key, value in zip(PARTITION_KEYS, generation.partition.values, strict=True):
            here &= F.col(key) == value
        (
            frame.select(*selected)
            .writeTo(name)
            .option("compression-codec", generation.compression)
            .option("target-file-size-bytes", str(generation.target_file_mb * 1024 * 1024))
            .overwrite(here)
        )
        self._expire(name)

    def _partition_fields(self, name: str) -> list[str]:
        """Columns the table's next rows are partitioned by, besides the partition's keys."""
        fields = self._loaded(name).spec().fields()
        return [field.name() for field in fields if field.name() not in PARTITION_KEYS]

    def _partition_by(self, name: str, columns: Sequence[str]) -> None:
        """Adds columns to what the table is partitioned by from now on; rows that are there stay where they are.

        None is ever taken away: another feed of the dataset may have named it.
        """
        if columns:
            update = self._loaded(name).updateSpec()
            for column in columns:
                update = update.addField(column)
            update.commit()
            self._spark.catalog.refreshTable(name)

    def _check_number(self, generation: Generation, frame: DataFrame, columns: Sequence[str]) -> None:
        if not columns:
            return
        found = frame.select(*map(quoted, columns)).distinct().limit(MAX_PARTITIONS + 1).count()
        if found > MAX_PARTITIONS:
            raise TooManyPartitionsError(
                f"{generation.partition}: partition_by {', '.join(columns)} would make more than {MAX_PARTITIONS} "
                f"partitions of table {self._database}.{generation.table}, each with a file of its own. Nothing was "
                "published. Name columns with fewer values, or derive one, such as a prefix or a bucket."
            )

    def _read(self, generation: Generation) -> DataFrame:
        """The generation's rows with the partition's keys."""
        schema = ", ".join(f"{quoted(column)} {kind}" for column, kind in generation.columns)
        written = [self._lake.spark_path(key) for key in self._lake.sizes(generation.prefix)]
        rows = self._spark.read.schema(schema).parquet(*written)
        keys = zip(PARTITION_KEYS, generation.partition.values, strict=True)
        return rows.withColumns({key: F.lit(value) for key, value in keys})

    def _merge(self, generation: Generation, name: str) -> None:
        """Adds the columns the table has not got yet and widens those that grew."""
        before = {field.name: field.dataType.simpleString() for field in self._spark.table(name).schema}
        merged = {column: wider(before.get(column, kind), kind) for column, kind in generation.columns}
        for column, kind in generation.columns:
            if merged[column] is None:
                raise SchemaConflictError(
                    f"{generation.partition}: column {column} is {kind} in {generation.sources}, but {before[column]} "
                    f"in table {self._database}.{generation.table}. Nothing was published. Declare the type the table "
                    "has, or rename the column, or use another dataset."
                )
        for column, merged_kind in merged.items():
            if column not in before:
                self._spark.sql(f"ALTER TABLE {name} ADD COLUMNS ({quoted(column)} {merged_kind})")
            elif merged_kind != before[column]:
                self._spark.sql(f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} TYPE {merged_kind}")

    def _expire(self, name: str) -> None:
        """Removes what no snapshot of the last day needs."""
        before = int((time.time() - _KEPT_SECONDS) * 1000)
        self._loaded(name).expireSnapshots().expireOlderThan(before).retainLast(2).commit()

    def _loaded(self, name: str) -> Any:  # noqa: ANN401  (a Java object)
        """Iceberg's own view of a table."""
        loader = self._spark._jvm.org.apache.iceberg.spark.Spark3Util
        return loader.loadIcebergTable(self._spark._jsparkSession, name)
