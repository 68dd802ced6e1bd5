"""What counts as a value of a declared type, and what does not."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

import pytest
from pyspark.sql import SparkSession

from casts import cast_sql, spark_pattern
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ColumnSpec
from lakeferry.feeds.date_formats import tokens_of
from lakeferry.feeds.names import UNKNOWN_TO_JAVA, zone_problems
from tests.glue.texts import answers, frame_of

pytestmark = pytest.mark.spark


def column(kind: str, **rest: Any) -> ColumnSpec:
    return ColumnSpec(name="v", type=kind, **rest)


ACCEPTED: list[tuple[ColumnSpec, dict[str, Any]]] = [
    (column("int64"), {"7": 7, " -7 ": -7, "": None, "  ": None, "+7": 7, "007": 7, "9223372036854775807": 2**63 - 1}),
    (
        column("float64"),
        {
            "1": 1.0,
            "1.5": 1.5,
            ".5": 0.5,
            "-2e3": -2000.0,
            "1E-2": 0.01,
            "-Inf": float("-inf"),
            "Infinity": float("inf"),
        },
    ),
    (column("bool"), {"true": True, "N": False, "1": True, "False": False}),
    (
        column("decimal(6,2)"),
        {
            "1.5": Decimal("1.50"),
            "-1234.56": Decimal("-1234.56"),
            "1.500": Decimal("1.50"),
            "7": Decimal("7.00"),
            " 7.5 ": Decimal("7.50"),
            "7.": Decimal("7.00"),
            "": None,
        },
    ),
    (column("date"), {"2026-02-28": date(2026, 2, 28), " 2026-02-28": date(2026, 2, 28)}),
    (column("date", format="%d/%m/%Y"), {"28/02/2026": date(2026, 2, 28), "1/2/2026": date(2026, 2, 1)}),
    (column("date", format="%Y%m%d"), {"20260228": date(2026, 2, 28)}),
    (column("date", format="%d-%b-%y"), {"05-Jan-26": date(2026, 1, 5)}),
    (
        column("timestamp"),
        {
            "2026-01-05 06:07:08": "2026-01-05 06:07:08",
            "2026-01-05T06:07:08.123456": "2026-01-05 06:07:08.123456",
            "2026-01-05T06:07:08Z": "2026-01-05 06:07:08",
            "2026-01-05T06:07:08+0200": "2026-01-05 04:07:08",
            "2026-01-05T06:07:08+02:00": "2026-01-05 04:07:08",
            "2026-01-05": "2026-01-05 00:00:00",
            "2026-01-05T06:07:8Z": None,
            " 2026-01-05 06:07:08 ": "2026-01-05 06:07:08",
            "2026-01-05T06:07:08.5Z": "2026-01-05 06:07:08.5",
        },
    ),
    (
        column("timestamp", timezone="America/New_York"),
        {
            "2026-01-05 06:00:00": "2026-01-05 11:00:00",
            "2026-07-05 06:00:00": "2026-07-05 10:00:00",
            "2026-01-05T06:00:00Z": "2026-01-05 06:00:00",
        },
    ),
    (
        column("timestamp", format="%m/%d/%Y %I:%M %p", timezone="Europe/Berlin"),
        {"01/05/2026 06:30 PM": "2026-01-05 17:30:00"},
    ),
    (column("timestamp", format="%Y-%m-%dT%H:%M:%S.%f%z"), {"2026-01-05T06:00:00.25+01:00": "2026-01-05 05:00:00.25"}),
]

REFUSED: list[tuple[ColumnSpec, list[str]]] = [
    (column("int64"), ["12.5", "1e3", "x", "9223372036854775808", "1,000", "0x1F", "--1", "1d", "7 7"]),
    (column("float64"), ["1d", "1f", "1,5", "e5", ".", "0x1p3", "1D", "1 f"]),
    (column("bool"), ["2", "oui", "yess"]),
    (column("decimal(6,2)"), ["1.005", "12345.00", "1e2", ".", "1,5"]),
    (
        column("date"),
        ["2026-02-29", "28/02/2026", "2026-2-8", "20260228", "2026-02-28 00:00:00", "2026-1-2 x", "2026-01-2T", "2026"],
    ),
    (column("date", format="%d/%m/%Y"), ["2026-02-28", "31/02/2026", "28/02/2026 x"]),
    (column("date", format="%Y%m%d"), ["2026022", "20261301"]),
    (column("timestamp"), ["2026-01-05 25:00:00", "2026-13-05 06:00:00", "06:00:00", "now", "2026"]),
    (column("timestamp", format="%Y-%m-%d %H:%M:%S"), ["2026-01-05", "2026-01-05T06:00:00"]),
]


Cast = Callable[[ColumnSpec, Iterable[str]], list[Any]]


@pytest.fixture(scope="module")
def cast(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """What the job makes of these texts of a column."""
    asked = [(spec, list(values)) for spec, values in (*ACCEPTED, *REFUSED)]

    def sql(spec: ColumnSpec, name: str) -> str:
        # a timestamp is fetched as text: PySpark would show it in this machine's zone
        return f"CAST({cast_sql(name, spec)} AS string)" if spec.type == "timestamp" else cast_sql(name, spec)

    frame = frame_of(spark, tmp_path_factory.mktemp("texts"), [values for _, values in asked])
    found = answers(frame, [sql(spec, f"`v{at}`") for at, (spec, _) in enumerate(asked)])
    return lambda spec, values: found[asked.index((spec, [*values]))][: len([*values])]


@pytest.mark.parametrize(("spec", "values"), ACCEPTED)
def test_values_of_the_type_are_taken(cast: Cast, spec: ColumnSpec, values: dict[str, Any]) -> None:
    assert dict(zip(values, cast(spec, values), strict=True)) == values


@pytest.mark.parametrize(("spec", "values"), REFUSED)
def test_anything_else_is_no_value_rather_than_one_near_it(cast: Cast, spec: ColumnSpec, values: list[str]) -> None:
    assert dict(zip(values, cast(spec, values), strict=True)) == dict.fromkeys(values)


def test_a_directive_that_is_not_supported_is_named() -> None:
    with pytest.raises(FeedInvalidError, match=r"column v: format '%Y week %U' has %U"):
        cast_sql("d", column("date", format="%Y week %U"))


def test_plain_text_of_a_format_is_quoted() -> None:
    assert spark_pattern(tokens_of("%Y-%m-%dT%H:%M")) == "yyyy-M-d'T'H:m"


def test_the_table_of_accepted_values_agrees_with_python() -> None:
    for spec, values in ACCEPTED:
        if spec.format is None or "%z" in spec.format:
            continue
        for text, expected in values.items():
            parsed = datetime.strptime(text, spec.format)
            assert spec.type == "timestamp" or parsed.date() == expected


def test_functions_and_spark_know_the_same_time_zones(spark: SparkSession) -> None:
    """What `feeds check` takes Spark takes, and nothing else: names new to either side are found here."""
    zone_of = spark._jvm.org.apache.spark.sql.catalyst.util.DateTimeUtils.getZoneId
    of_java = set(spark._jvm.java.lang.String.join("\n", spark._jvm.java.time.ZoneId.getAvailableZoneIds()).split())

    def spark_knows(zone: str) -> bool:
        try:
            zone_of(zone)
        except Exception:
            return False
        return True

    of_python = available_timezones()
    taken = {zone for zone in of_python | of_java if not list(zone_problems("$", zone))}
    assert len(taken) > 590
    assert {zone for zone in of_python | of_java if zone in of_python and spark_knows(zone)} == taken
    assert set(UNKNOWN_TO_JAVA) == of_python - taken
    assert set(UNKNOWN_TO_JAVA.values()) <= taken
