"""Validate's idea of a value and the Glue job's are the same: one table of odd values through both."""

import random
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from casts import cast_sql
from lakeferry.checks.casts import TextCast
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ColumnSpec, FormatSpec
from lakeferry.feeds.number_spellings import Spelling
from spellings import plain_number_sql
from tests.glue.texts import answers, frame_of

pytestmark = pytest.mark.spark

NUMBERS = [
    *[
        "7",
        "-7",
        "+7",
        "007",
        " 7",
        "7 ",
        "-0",
        "+",
        "-",
        "--1",
        "1-",
        "7 7",
        "0x1F",
        "1_000",
        "1,000",
        "1d",
        "1L",
        "1f",
    ],
    *[
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
    ],
    *[
        "00000000000000000000000007",
        "12.5",
        "7.",
        ".5",
        ".",
        "-.5",
        "+.5",
        "1.",
        "0.0",
        "1.005",
        "1.500",
        "1.50000000000",
    ],
    *["1e3", "1E3", "1e", "e5", "1e+3", "1e-3", "1e400", "-1e400", "1e-400", "1.5e3", "1D", "0x1p3", "1e5d", "1 e5"],
    *[
        "12345.00",
        "1234.56",
        "9999.99",
        "9999.995",
        "10000",
        "-9999.99",
        "0009999.99",
        "1.5.5",
        "1..5",
        "\t7",
        "7\t",
        "٣",
    ],
    *[
        "nan",
        "NaN",
        "NAN",
        "inf",
        "Inf",
        "-Inf",
        "+inf",
        "INF",
        "Infinity",
        "-Infinity",
        "infinity",
        "nan(1)",
        "-nan",
        "+7.5",
    ],
    *[
        "1.50000000000000000000000000000000000000000000000000",
        "123456789012345678901234567890123456789",
        "",
        " ",
        "x",
        "1;2",
    ],
    *[
        "−7",
        " −7 ",
        "−12.50",
        "−.5",
        "−7.",
        "−1e3",
        "−",
        "−−7",
        "− 7",
        "+−7",
        "7−",
        "1−2",
        "−0x1F",
        "−٣",
        "−Inf",
        "−nan",
    ],
    *[".0", "-.00", "+.000"],
    *["12.50-", "(12.50)", "12,34,567.89", "1’234"],
]
WORDS = [
    "true",
    "TRUE",
    "True",
    "t",
    "T",
    "f",
    "yes",
    "Y",
    "n",
    "No",
    "1",
    "0",
    "01",
    "2",
    "oui",
    " true ",
    "tru",
    "",
    "\ttrue",
]
DAYS = [
    *[
        "2026-01-05",
        " 2026-01-05",
        "2026-01-05 ",
        "2026-02-29",
        "2024-02-29",
        "2026-1-5",
        "20260105",
        "2026-01",
        "2026",
        "0000-01-01",
    ],
    *[
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "1582-10-10",
        "1900-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
    ],
    *[
        "2026-01-05T",
        "2026-01-05 00:00:00",
        "2026/01/05",
        "05.01.2026",
        "-2026-01-05",
        "+2026-01-05",
        "2026-01-0५",
        "now",
        "",
    ],
]
TIMES = [
    *[
        "2026-01-05 06:07:08",
        "2026-01-05T06:07:08",
        "2026-01-05  06:07:08",
        "2026-01-05 06:07",
        "2026-01-05 06",
        "2026-01-05 6:07:08",
    ],
    *[
        "2026-01-05 24:00:00",
        "2026-01-05 23:59:60",
        "2026-01-05 25:00:00",
        "2026-02-30 06:00:00",
        "2026-01-05 06:60:00",
    ],
    *[
        "2026-01-05 06:07:08.1",
        "2026-01-05 06:07:08.123456",
        "2026-01-05 06:07:08.123456789",
        "2026-01-05 06:07:08.123456000",
        "2026-01-05T06:07:08.1234567Z",
        "2026-01-05T06:07:08.1234560 -0200",
        "2026-01-05 06:07:08.",
        "2026-01-05T06:07:08Z",
    ],
    *[
        "2026-01-05T06:07:08.5Z",
        "2026-01-05T06:07:08+02:00",
        "2026-01-05T06:07:08+0200",
        "2026-01-05T06:07:08 +02:00",
        "2026-01-05 06:07Z",
    ],
    *[
        "2026-01-05T06:07:08+2",
        "2026-01-05T06:07:08-11:30",
        "2026-01-05T06:07:08+19:00",
        "2026-01-05T06:07:08+18:00",
        "2026-01-05T06:07:08z",
    ],
    *[
        "0001-01-01 00:00:00",
        "0000-12-31 23:00:00",
        "9999-12-31 23:59:59.999999",
        "2026-03-29 02:30:00",
        " 2026-01-05 06:07:08 ",
        "06:07:08",
    ],
    *[
        "2026-01-05T06:07:08 Z",
        "2026-01-05T06:07:08 UTC",
        "2026-01-05Z",
        "2026-01-05T06:07:08+02",
        "2026-01-05T06:07:08+02:60",
        "x",
        "2026",
    ],
]
EUROPEAN = [
    *[
        "05.01.2026",
        "5.1.2026",
        "5.01.2026",
        "31.02.2026",
        "29.02.2024",
        "05.01.26",
        "05.13.2026",
        "00.01.2026",
        "05.01.2026 ",
        " 5.1.2026",
    ],
    *[
        "05-01-2026",
        "05.01.2026 x",
        "005.01.2026",
        "05.01.02026",
        "5..1.2026",
        "05.01.0000",
        "5.1.026",
        "",
        "+5.01.2026",
        "-5.01.2026",
    ],
]
CLOCKS = [
    *[
        "01/05/2026 06:30:00",
        "1/5/2026 6:3:0",
        "01/05/2026 24:00:00",
        "13/01/2026 06:30:00",
        "02/29/2026 06:30:00",
        "01/05/2026  06:30:00",
    ],
    *[
        "01/05/2026 06:30",
        "01/05/2026T06:30:00",
        "01/05/2026 06:30:60",
        "01/05/2026 06:30:00.5",
        "01/05/26 06:30:00",
        "12/31/9999 23:59:59",
    ],
]
NAMED = [
    *[
        "05-Jan-26",
        "05-jan-26",
        "05-JAN-26",
        "5-Jan-26",
        "31-Feb-26",
        "29-Feb-24",
        "05-Jan-2026",
        "05-Foo-26",
        "05-January-26",
        "05-Jan-99",
    ],
    *["29-Feb-00", " 05-Jan-26 ", "05 Jan 26"],
]
ORACLE = ["05-JAN-26 06.07.08.123456000 AM", "05-JAN-26 06.07.08.123456789 AM", "05-JAN-26 06.07.08.5 PM"]
NOON = [
    "01/05/2026 06:30 PM",
    "01/05/2026 06:30 pm",
    "01/05/2026 6:30 AM",
    "01/05/2026 13:30 PM",
    "01/05/2026 00:30 AM",
    "01/05/2026 12:30 AM",
]
ZONED = [
    *[
        "2026-01-05T06:00:00.25+01:00",
        "2026-01-05T06:00:00.250000Z",
        "2026-01-05T06:00:00.25+0100",
        "2026-01-05T06:00:00+01:00",
    ],
    *[
        "2026-01-05T06:00:00.2500001+01:00",
        "2026-01-05T06:00:00.+01:00",
        "2026-01-05T06:00:00.25",
        "2026-01-05T06:00:00.25+01",
        "2026-01-05T06:00:00.250000000+01:00",
        "2026-01-05T06:00:00.250000001+01:00",
        "2026-01-05T06:00:00.2500000000+01:00",
    ],
]


RUN_ON = [
    "20260105060708123456000",
    "20260105060708123456789",
    "2026010506070812345600",
    "2026010506070812345600000",
    "20260105060708123",
    "20260105060708123456",
    "20260105060708",
    "202601050607081",
    "20260230060708123",
]
WEEKDAYS = [
    *["Mon 05 Jan 2026", "MON 5 jan 2026", "Monday, 05.01.2026", "monday, 5.1.2026", "Mon 31 Feb 2026"],
    *["Mon, 05 Jan 2026 06:07:08 +0000", "Mon, 05 Jan 2026 06:07:08 +02:00", "Mon, 5 Jan 2026 06:07:08 Z"],
    *["Tue 05 Jan 2026", "Tuesday, 05.01.2026", "Foo 05 Jan 2026", " 05 Jan 2026"],
]


STRICTER = {
    # a day of the week that it is not: the job does not look again
    *["Tue 05 Jan 2026", "Tuesday, 05.01.2026", "Foo 05 Jan 2026"],
}
"""What the job would take and validate does not: spellings that nobody means."""


def column(kind: str, **rest: Any) -> ColumnSpec:
    return ColumnSpec(name="v", type=kind, **rest)


TABLE = [
    (column("int64"), NUMBERS),
    (column("float64"), NUMBERS),
    (column("decimal(6,2)"), NUMBERS),
    (column("decimal(38,10)"), NUMBERS),
    (column("decimal(5,0)"), NUMBERS),
    (column("decimal(4,4)"), [*NUMBERS, "0.1234", ".1234", "0.12340", "0.12345"]),
    (column("bool"), WORDS),
    (column("date"), DAYS),
    (column("timestamp"), [*DAYS, *TIMES]),
    (column("timestamp", beyond_microseconds="cut"), [*DAYS, *TIMES]),
    (column("timestamp", timezone="America/New_York"), [*DAYS, *TIMES]),
    (column("date", format="%d.%m.%Y"), EUROPEAN),
    (column("date", format="%d.%m.%y"), EUROPEAN),
    (column("date", format="%Y%m%d"), ["20260105", "2026015", "20260230", "20260105 ", "202601055", "2026 105"]),
    (column("date", format="%d-%b-%y"), NAMED),
    (column("timestamp", format="%m/%d/%Y %H:%M:%S"), CLOCKS),
    (column("timestamp", format="%Y-%m-%d %H:%M:%S"), TIMES),
    (column("timestamp", format="%Y-%m-%dT%H:%M:%S.%f"), TIMES),
    (column("timestamp", format="%m/%d/%Y %I:%M %p"), NOON),
    (column("timestamp", format="%Y-%m-%dT%H:%M:%S.%f%z"), ZONED),
    (column("timestamp", format="%Y%m%d%H%M%S%f"), RUN_ON),
    (column("timestamp", format="%Y%m%d%H%M%S%f", beyond_microseconds="cut"), RUN_ON),
    (column("timestamp", format="%Y-%m-%dT%H:%M:%S.%f%z", beyond_microseconds="cut"), ZONED),
    (column("timestamp", format="%d-%b-%y %I.%M.%S.%f %p"), ORACLE),
    (column("timestamp", format="%d-%b-%y %I.%M.%S.%f %p", beyond_microseconds="cut"), ORACLE),
    (column("date", format="%Y%j"), ["2026005", "2024366", "2026366", "20265", "2026000", "2026365"]),
    (column("date", format="%a %d %b %Y"), WEEKDAYS),
    (column("date", format="%A, %d.%m.%Y"), WEEKDAYS),
    (column("timestamp", format="%a, %d %b %Y %H:%M:%S %z"), WEEKDAYS),
]


@pytest.fixture(scope="module")
def in_spark(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[list[bool]]:
    """Whether the job keeps each row of `TABLE`: it drops those where something was there and no value came out."""
    kept = [
        f"NOT (({cast_sql(f'`v{at}`', spec)}) IS NULL AND trim(`v{at}`) <> '')" for at, (spec, _) in enumerate(TABLE)
    ]
    frame = frame_of(spark, tmp_path_factory.mktemp("texts"), [values for _, values in TABLE])
    return answers(frame, kept)


def in_validate(spec: ColumnSpec, values: list[str]) -> list[bool]:
    converted = TextCast(spec, FormatSpec()).convert(pa.array([value or None for value in values], pa.string()))
    return [True] * len(values) if converted.bad is None else [not bad for bad in converted.bad.to_pylist()]


@pytest.mark.parametrize("at", range(len(TABLE)), ids=[f"{spec.type} {spec.format}" for spec, _ in TABLE])
def test_what_validate_takes_never_fails_the_jobs_cast(in_spark: list[list[bool]], at: int) -> None:
    spec, values = TABLE[at]
    here = in_validate(spec, values)
    alone = [in_validate(spec, [value])[0] for value in values]
    there = in_spark[at][: len(values)]

    assert alone == here
    assert [value for value, ok, job in zip(values, here, there, strict=True) if ok and not job] == []
    assert {value for value, ok, job in zip(values, here, there, strict=True) if job and not ok} <= STRICTER


OFFSETS = [0, 0, 60, 120, -300, 330, -690, 840]
"""Minutes east of Greenwich."""
BETWEEN = ["", "-", "/", ".", " ", "T", ", ", "'", "|"]


def drawn_format(draw: random.Random) -> str:
    """A whole date in any order, perhaps with a time and a day of the week."""
    day = draw.choice([["%m", "%d"], ["%b", "%d"], ["%B", "%d"], ["%j"]])
    parts = [draw.choice(["%Y", "%y"]) if "%j" not in day else "%Y", *day, *draw.choice([[], ["%a"], ["%A"]])]
    draw.shuffle(parts)
    clock = draw.choice([[], ["%H", "%M"], ["%H", "%M", "%S"], ["%H", "%M", "%S", "%f"]])
    noon = [["%I", "%M", "%p"], ["%I", "%M", "%S", "%p"], ["%p", "%I", "%M"]]
    time = draw.choice([clock, clock, draw.choice(noon)])
    zone = ["%z"] if time and draw.random() < 0.3 else []
    return "".join(part + draw.choice(BETWEEN) for part in [*parts, *time, *zone]).rstrip()


def drawn_value(draw: random.Random, form: str) -> str:
    """A moment in that format, often with something changed."""
    moment = datetime(2000, 1, 1) + timedelta(
        seconds=draw.randrange(99 * 365 * 86_400), microseconds=draw.randrange(10**6)
    )
    finer = draw.choice(["", "", "0", "000", "7", "789", "0000"])
    written = form.replace("%f", f"%f{finer}")
    text = moment.replace(tzinfo=timezone(timedelta(minutes=draw.choice(OFFSETS)))).strftime(written)
    if "%z" in form:
        text = text.replace("+0000", draw.choice(["+0000", "Z", "+00:00"]))
    if draw.random() < 0.6:
        at = draw.randrange(len(text) + 1)
        text = (
            text[:at] + draw.choice(["", "0", "3", "9", " ", "-", "x", "\t", "٣", text[at : at + 2]]) + text[at + 1 :]
        )
    return text.upper() if draw.random() < 0.1 else text


def test_what_validate_takes_of_any_format_is_the_same_moment_to_the_job(spark: SparkSession, tmp_path: Path) -> None:
    draw = random.Random(20261129)
    drawn: list[tuple[ColumnSpec, list[str], list[Any]]] = []
    for _ in range(40):
        form = drawn_format(draw)
        values = [drawn_value(draw, form) for _ in range(40)]
        spec = column("timestamp", format=form, beyond_microseconds=draw.choice(["reject", "cut"]))
        with suppress(FeedInvalidError):
            drawn.append((spec, values, TextCast(spec, FormatSpec()).convert(pa.array(values)).values.to_pylist()))
    frame = frame_of(spark, tmp_path, [values for _, values, _ in drawn])
    casts = [f"CAST({cast_sql(f'v{at}', spec)} AS timestamp_ntz)" for at, (spec, _, _) in enumerate(drawn)]
    wrong = []
    for (spec, values, here), there in zip(drawn, answers(frame, casts), strict=True):
        form = str(spec.format)
        # whether it is that day of the week, the checks have seen
        weekday = "%a" in form or "%A" in form
        wrong += [
            (form, *each)
            for each in zip(values, here, there, strict=True)
            if each[1] != each[2] and not (weekday and each[1] is None)
        ]
    assert wrong == []


SPELLINGS = [
    Spelling(decimal, thousands, negative)
    for decimal, thousands in [(".", None), (",", None), (".", ","), (",", "."), (".", "'"), (",", " "), (".", "_")]
    for negative in ("leading", "trailing", "parentheses")
]


def drawn_number(draw: random.Random, spelling: Spelling) -> str:
    """A number in some spelling, as a rule in that one, often with something changed."""
    whole, fraction = str(draw.randrange(10 ** draw.randrange(1, 8))), draw.choice(["", "5", "25", "250"])
    size = draw.choice([2, 3])
    groups, rest = [whole[-3:]], whole[:-3]
    while rest:
        groups, rest = [rest[-size:], *groups], rest[:-size]
    text = (draw.choice(spelling.marks) if spelling.marks else "").join(groups)
    text += f"{spelling.decimal}{fraction}" if fraction else ""
    before, behind = draw.choice(
        [("", ""), ("-", ""), ("−", ""), ("+", ""), ("", "-"), ("", "−"), ("(", ")"), ("", "+")]
    )
    text = f"{before}{text}{behind}"
    if draw.random() < 0.3:
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(["", " ", "-", "−", ".", ",", "'", "’", "(", ")", "e2", "\n"]) + text[at + 1 :]
    return text


def test_a_number_in_any_spelling_is_the_same_to_the_job(spark: SparkSession, tmp_path: Path) -> None:
    draw = random.Random(20261129)
    wrong, taken = [], 0
    drawn = [[*NUMBERS, *(drawn_number(draw, spelling) for _ in range(150))] for spelling in SPELLINGS]
    frame = frame_of(spark, tmp_path, drawn)
    kinds = [column(kind) for kind in ("int64", "decimal(9,2)", "float64")]
    for at, (spelling, values) in enumerate(zip(SPELLINGS, drawn, strict=True)):
        form = FormatSpec(decimal=spelling.decimal, thousands=spelling.thousands, negative=spelling.negative)
        plain = frame.select("i", F.expr(plain_number_sql(f"`v{at}`", spelling)).alias("v"))
        for spec, there in zip(kinds, answers(plain, [cast_sql("`v`", spec) for spec in kinds]), strict=True):
            here = TextCast(spec, form).convert(pa.array([value or None for value in values], pa.string())).values
            taken += len(there) - there.count(None)
            wrong += [
                (spelling, spec.type, *each)
                for each in zip(values, here.to_pylist(), there, strict=True)
                if each[1] != each[2] and (each[1] == each[1] or each[2] == each[2])
            ]
    assert wrong == []
    assert taken > 3000
