"""Reference tables for Arrow: one CSV with distinct keys, compared as text or as plainly written whole numbers."""

from collections.abc import Mapping

import pyarrow as pa

from arrowworker.equal import NotEqualError
from arrowworker.reading import RawCsv
from columns import check_columns
from lakeferry.checks.arrow import Column, kernels
from lakeferry.expressions import Type
from lakeferry.feeds import EnrichSpec
from lakeferry.feeds.columns import column_names
from lakefiles import Lake
from plan import Enrich
from references import chosen_version, reference_prefix
from work import Work

_PLAIN = "^(0|-?[1-9][0-9]{0,17})$"
"""Whole numbers that are the same in whatever way they are read."""


class ReferenceTables:
    """The tables one partition's plan names, read when their step is reached."""

    def __init__(self, lake: Lake, work: Work) -> None:
        self._lake, self._work = lake, work
        self._tables: dict[str, Mapping[str, Column]] = {}
        self._versions: dict[str, str] = {}

    @property
    def versions(self) -> dict[str, str]:
        """Parameters that tell which version of each table was read."""
        return {f"lakeferry.reference.{name}": version for name, version in self._versions.items()}

    def joined(self, step: Enrich, keys: Column, key_type: Type) -> tuple[dict[str, Column], Column]:
        """The columns that are taken over, and where there is such a key.

        Raises:
            NotEqualError: Spark might compare the keys in another way.
        """
        spec = step.spec
        table, key = self._table(spec), spec.key or spec.on
        check_columns(f"transform.enrich of {spec.reference}", [key, *spec.columns], list(table))
        known = table[key]
        if len(known.unique()) != len(known):
            raise NotEqualError(f"reference table {spec.reference}: a key is there twice")
        if key_type.kind == "int64":
            plain = kernels.fill_null(kernels.match_substring_regex(known, _PLAIN), fill_value=True)
            if not kernels.all(plain, min_count=0).as_py():
                raise NotEqualError(f"reference table {spec.reference}: a key is not written as a plain whole number")
            known = known.cast(pa.int64())
        found = kernels.index_in(keys, value_set=known, skip_nulls=True)
        return {name: table[name].take(found) for name in spec.columns}, kernels.is_valid(found)

    def _table(self, spec: EnrichSpec) -> Mapping[str, Column]:
        if spec.reference not in self._tables:
            self._tables[spec.reference] = self._read(spec)
        return self._tables[spec.reference]

    def _read(self, spec: EnrichSpec) -> Mapping[str, Column]:
        version, keys = chosen_version(self._lake, reference_prefix(self._work.feed, spec), spec.version)
        if len(keys) != 1 or keys[0].endswith(".parquet"):
            raise NotEqualError(f"reference table {spec.reference}: it is not one CSV file")
        header, _, rest = self._lake.read(keys[0]).partition(b"\n")
        titles = header.decode().split(",")
        if '"' in header.decode() or not all(titles) or not rest:
            raise NotEqualError(f"reference table {spec.reference}: its header is not plain, or it is empty")
        with RawCsv(self._lake, keys[0], None, titles) as raw:
            batches = list(raw.texts())
        self._versions[spec.reference] = version
        return {
            name: pa.concat_arrays([batch[name] for batch in batches]) if batches else pa.array([], pa.string())
            for name in column_names(titles)
        }
