"""docs/query.md: its SQL, Spark and Python answer over a small lake, its calls of AWS exist."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
import duckdb
import pytest
import yaml
from botocore import xform_name
from botocore.validate import ParamValidator
from pyarrow import fs
from pyspark.sql import SparkSession

from lakeferry.ledger.exports import LEDGER, SLA
from local import sql, state
from local.template import load
from tests.conftest import ROOT, RUN, feed_document
from tests.glue.conftest import DATABASE, SmallLake

PAGE = (ROOT / "docs/query.md").read_text("utf-8")
ONLY = "-- Athena only\n"
WRAPPED = (
    re.compile(r"UNLOAD \(\n(?P<query>.+)\n\)\nTO 's3://[^']+/'\nWITH \((?P<settings>.+)\)", re.DOTALL),
    re.compile(r"CREATE TABLE \w+\nWITH \((?P<settings>.+)\) AS\n(?P<query>SELECT .+)", re.DOTALL),
)
"""Athena's statements around a query. What they may be given, with what: the pages "UNLOAD" and "CREATE TABLE AS"."""
TAKES = {"UNLOAD": {"format", "compression", "partitioned_by"}, "CREATE": {"format", "write_compression"}}


def blocks(language: str) -> list[str]:
    return [text.strip() for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


@pytest.fixture
def asked(aws: None, tmp_path: Path) -> SmallLake:
    """The lake that the page talks of, built without Spark: two tenants, two days, broken rows, a late file."""
    no_spark: Any = None
    lake = SmallLake(no_spark, tmp_path / "lake", "arrow")
    lake.put_feed()
    server = feed_document()["server"] | {"secret": "lakeferry/globex/orders"}
    lake.put_feed(tenant="globex", feed="orders", dataset="globex_sales", server=server)
    lake.land("sales_0105.csv", "order_id,amount\n1,10.00\n2,20.50\nx,3.00\n4,much\n")
    lake.land("sales_0106.csv", "order_id,amount\n5,1.00\n", dt="2026-01-06")
    lake.land("orders.csv", "order_id,amount\n7,70.00\n", tenant="globex", feed="orders")
    report = lake.job().run()
    assert (report.failed, report.unregistered) == ({}, {})
    entries = [
        json.loads(json.dumps(item, default=int))
        | {"updated_at": "2026-01-05T07:00:00Z", "claimed_at": "2026-01-05T06:00:00Z", "size": 40, "sha256": "5f1d"}
        for item in lake.ledger.scan()["Items"]
        if "path" in item
    ]
    failed = {
        **{"feed_id": "acme/daily_sales", "file_id": "/c#1#1", "path": "/c", "dt": "2026-01-06", "run": RUN},
        **{"status": "FAILED", "attempts": 3, "size": 1},
        **{"stage": "Fetch", "error": "FileLostError", "cause": "gone"},
    }
    lake.put(LEDGER.key("2026-01-05", "run"), LEDGER.lines([*entries, failed | {"updated_at": "2026-01-06"}]).decode())
    late = {"feed_id": "acme/daily_sales", "business_date": "2026-01-05", "expected_at": "2026-01-05T06:00:00Z"}
    lake.put(SLA.key("2026-01-05", "due"), SLA.lines([late | {"status": "LATE", "late_seconds": 5400}]).decode())
    return lake


def within(statement: str) -> str | None:
    """The query within a statement of Athena's own; nothing where it has none."""
    found = next(filter(None, (pattern.fullmatch(statement) for pattern in WRAPPED)), None)
    if found is None:
        return None
    settings = set(re.findall(r"(\w+) = ", found["settings"]))
    assert settings <= TAKES[statement.split()[0]], statement
    return found["query"]


def answers(lake: SmallLake) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Each statement of the page that has rows, with them; in the page's order, so that its view is there after it."""
    with sql.connect(lake) as connection:
        for block in blocks("sql"):
            query = within(block.removeprefix(ONLY)) if block.startswith(ONLY) else block
            if query is None:
                assert re.fullmatch(r"SHOW PARTITIONS \w+", block.removeprefix(ONLY))
                continue
            # DuckDB and sqlglot take it, Athena does not
            assert not re.search(r",\s*(?:FROM|WHERE|GROUP|ORDER|HAVING|LIMIT|UNION|\)|$)", query), query
            rows = connection.execute(query).fetchall()
            if not query.startswith("CREATE"):
                yield query, rows


def test_every_statement_of_the_page_answers_with_rows(asked: SmallLake) -> None:
    found = dict(answers(asked))
    assert len(found) >= 17
    assert [query for query, rows in found.items() if not rows] == []

    def rows(part: str) -> list[tuple[Any, ...]]:
        (one,) = [rows for query, rows in found.items() if part in query]
        return one

    assert rows("LIMIT 10") == [(1, Decimal("10.00"), "2026-01-05"), (2, Decimal("20.50"), "2026-01-05")]
    assert rows("AND feed = 'daily_sales' AND dt BETWEEN") == [
        ("2026-01-05", 2, Decimal("30.50")),
        ("2026-01-06", 1, Decimal("1.00")),
    ]
    assert rows("INTERVAL '30' DAY") == [(3,)], "the bound is compared with dt as text of the same form"
    assert rows("AS tax") == [(2, Decimal("20.50"), Decimal("3.8950"), datetime(2026, 1, 5, tzinfo=UTC).date())]
    key = "raw/acme_daily_sales/dt=2026-01-05/sales_0105.csv"
    ((source, ingested_at, orders),) = rows("min(_ingested_at)")
    assert (source, ingested_at.isoformat(), orders) == (key, "2026-01-05T06:00:01", 2)
    assert rows("JOIN ledger_latest") == [(key, "/outgoing/sales_0105.csv", "5f1d", 4, "2026-01-05T06:00:01.000Z")]
    assert rows("FROM typed_acme") == [
        *((1, Decimal("10.00")), (2, Decimal("20.50")), (4, None)),
        (None, Decimal("3.00")),
    ]
    assert rows("FROM raw_acme") == [("4", "much")]
    assert rows("status = 'FAILED'") == [("/c", 3, "Fetch", "FileLostError", "gone")]
    assert rows("FROM sla")[0][3:5] == ("LATE", 90)
    assert {row[0] for row in rows("FROM fallout")} == {"type:order_id", "type:amount"}
    assert rows("FROM quality")[:3] == [
        ("2026-01-06", "curated", 1),
        ("2026-01-06", "dropped", 0),
        ("2026-01-06", "landed", 1),
    ]
    assert rows("FROM all_sales") == [("acme", 2, Decimal("30.50")), ("globex", 1, Decimal("70.00"))]


def test_what_only_athena_has_is_known_by_its_form() -> None:
    only = [block.removeprefix(ONLY) for block in blocks("sql") if block.startswith(ONLY)]
    assert [block.split()[0] for block in only] == ["SHOW", "UNLOAD", "CREATE"]
    assert [within(block) is None for block in only] == [True, False, False]
    assert within("UNLOAD (SELECT 1) INTO 's3://x/'") is None
    with pytest.raises(AssertionError):  # the workgroup overrides what clients set, so Athena refuses it
        within("CREATE TABLE x\nWITH (external_location = 's3://x/') AS\nSELECT 1")


def test_athenas_dialect_parses_each_statement() -> None:
    python = ROOT / ".cache/dlt/bin/python"
    if not python.exists():
        pytest.skip("sqlglot is not here: make bench installs it (requirements/bench-dlt.txt)")
    # DDL, UNLOAD and SHOW are commands to it, which it does not look into: their queries are parsed instead
    statements = [within(block.removeprefix(ONLY)) or block for block in blocks("sql") if "SHOW" not in block]
    code = (
        "import json, sys, sqlglot\n"
        "for text in json.load(sys.stdin):\n"
        "    tree = sqlglot.parse_one(text, dialect='athena', error_level=sqlglot.ErrorLevel.RAISE)\n"
        "    print(type(tree).__name__)\n"
    )
    run = [str(python), "-c", code]
    done = subprocess.run(run, input=json.dumps(statements), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"Select", "Create"}


def test_a_laptop_reads_the_lake_as_the_page_says(
    asked: SmallLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, over_s3, in_a_folder = blocks("python")
    wanted = [("2026-01-05", 2, Decimal("30.50")), ("2026-01-06", 1, Decimal("1.00"))]
    # one day is rebuilt: its former generation is there beside the new one
    asked.land("sales_0105_b.csv", "order_id,amount\n", rows=0)
    asked.job().run()
    everything = str(asked.folder / "curated/sales/**/*.parquet")
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [everything]).fetchall() != [(3,)]

    local = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(fs, "S3FileSystem", lambda: local)
    assert _run(over_s3.replace("lakeferry", DATABASE))["answer"] == wanted

    (asked.folder / ".lakeferry").mkdir()
    (asked.folder / ".lakeferry/catalog.json").write_text(json.dumps(state._catalog(), default=str), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert _run(in_a_folder)["answer"] == wanted


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "docs/query.md", "exec"), names)
    return names


@pytest.mark.spark(seconds=15)
def test_spark_reads_the_lake_as_the_page_says(
    asked: SmallLake, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _, _ = blocks("python")
    keys = ("tenant", "feed", "dt")
    columns = ", ".join(f"`{name}` {kind}" for name, kind in asked.table_columns().items())
    spark.sql(f"CREATE DATABASE query_page LOCATION '{tmp_path}/none'")
    try:
        spark.sql(
            f"CREATE TABLE query_page.sales ({columns}, {', '.join(f'{key} string' for key in keys)}) USING parquet "
            f"PARTITIONED BY ({', '.join(keys)}) LOCATION '{asked.folder}/curated/sales'"
        )
        for values, place in asked.locations().items():
            named = ", ".join(f"{key} = '{value}'" for key, value in zip(keys, values, strict=True))
            folder = place.replace("s3://lake", str(asked.folder))
            spark.sql(f"ALTER TABLE query_page.sales ADD PARTITION ({named}) LOCATION '{folder}'")
        monkeypatch.setattr(sys, "argv", ["job", "query_page", str(asked.folder)])
        names = _run(job.replace("s3://{bucket}", "file://{bucket}"))
        assert [tuple(row) for row in names["by_day"].collect()] == [
            ("2026-01-05", Decimal("30.50")),
            ("2026-01-06", Decimal("1.00")),
        ]
        assert {tuple(row) for row in names["statuses"].collect()} == {
            ("acme/daily_sales", "CURATED", 2),
            ("acme/daily_sales", "FAILED", 1),
            ("globex/orders", "CURATED", 1),
        }
    finally:
        spark.sql("DROP DATABASE query_page CASCADE")


# -- what AWS is asked for


def commands() -> list[list[str]]:
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    found: list[list[str]] = []
    for word in shlex.split(text):
        if word == "aws":
            found.append([])
        else:
            found[-1].append(word)
    return found


def test_calls_of_the_aws_cli_are_calls_of_aws() -> None:
    session = botocore.session.get_session()
    calls = commands()
    assert len(calls) == 8
    for service, operation, *options in calls:
        model = session.get_service_model(service)
        (name,) = [one for one in model.operation_names if xform_name(one, "-") == operation]
        shape = model.operation_model(name).input_shape
        assert shape is not None
        members = {xform_name(one, "-"): one for one in shape.members}
        given: dict[str, Any] = {}
        for option, value in zip(options[::2], options[1::2], strict=True):
            if option in {"--query", "--output"}:
                continue
            member = members[option.removeprefix("--")]
            given[member] = _value(shape.members[member].type_name, value)
        assert set(shape.required_members) - {"clientToken"} <= set(given), operation
        given |= {"clientToken": "t"} if "clientToken" in shape.required_members else {}
        report = ParamValidator().validate(given, shape)
        assert not report.has_errors(), report.generate_report()


def _value(kind: str, text: str) -> Any:
    if kind != "structure":
        return text
    return json.loads(text) if text.startswith("{") else dict([text.split("=")])


def test_the_policy_names_actions_that_exist_and_nothing_at_large() -> None:
    (block,) = blocks("json")
    session = botocore.session.get_session()
    statements = json.loads(block)["Statement"]
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for service, _, action in (one.partition(":") for one in actions):
            # S3's actions are not called like its operations
            assert service == "s3" or action in session.get_service_model(service).operation_names, action
        assert statement["Resource"] != "*"
        assert all("*" not in action for action in actions)
    named = set(re.findall(r"statements? ((?:`\w+`(?:, | and )?)+)", PAGE))
    assert named
    sids = {statement["Sid"] for statement in statements}
    assert {one for text in named for one in re.findall(r"`(\w+)`", text)} <= sids


def test_names_are_the_stacks() -> None:
    template = load(ROOT / "template.yaml")
    outputs = set(re.findall(r"OutputKey=='(\w+)'", PAGE))
    assert outputs
    assert outputs <= set(template["Outputs"])
    assert all(one in template["Resources"] for one in re.findall(r"--logical-resource-id (\w+)", PAGE))
    limit = template["Parameters"]["AthenaBytesLimit"]["Default"]
    assert f"({limit // 2**30} GiB" in PAGE
    saved = [one for one in load(ROOT / "queries.yaml")["Resources"].values() if one["Type"].endswith("NamedQuery")]
    assert len(saved) == 6
    assert "\nSix are in the workgroup" in PAGE
    (expired,) = [
        rule["ExpirationInDays"]
        for rule in template["Resources"]["WorkBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        if rule["Id"] == "QueryResults"
    ]
    assert f"Results are deleted after {expired} days" in PAGE


def test_icebergs_settings_are_the_jobs() -> None:
    source = (ROOT / "glue/iceberg.py").read_text("utf-8")
    given = dict(re.findall(r"^--conf spark\.sql\.catalog\.lake(\S*)=(\S+)$", PAGE, re.MULTILINE))
    assert set(given) == {"", ".catalog-impl", ".io-impl", ".warehouse"}
    assert given[".warehouse"] == "s3://LAKE_BUCKET/iceberg"
    assert all(f'"{value}"' in source for name, value in given.items() if name != ".warehouse")


def test_the_pages_for_operators_are_in_the_menu() -> None:
    menu = yaml.dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])
    assert all(f"docs/{page}.md" in menu for page in ("events", "quotas", "runbook", "query"))
