"""The tables that every stack has: a deployment makes them or takes them over, and saved queries answer at once."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from job_files import handler
from lakeferry.catalog import putting, standing
from lakeferry.catalog.putting import put_standing_tables
from lakeferry.catalog.tables import same
from local.sql import query
from local.template import load
from tests.conftest import ROOT
from tests.contract.rendered import render

DATABASE, BUCKET = "lakeferry", "lake"
NAMES = {"ledger", "sla", "quality", "fallout", "ledger_latest"}
QUERIES = {
    str(found["Properties"]["Name"]): str(found["Properties"]["QueryString"])
    for found in load(ROOT / "queries.yaml")["Resources"].values()
}


class FirstDay:
    """A stack's catalog, before anything has run; answers CloudFormation's requests."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.glue = boto3.client("glue")
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        self.folder, self.answers = folder, list[tuple[str, str]]()
        monkeypatch.setattr(handler, "clients", lambda: SimpleNamespace(glue=self.glue))
        monkeypatch.setattr(
            handler, "answer", lambda event, name, data, problem="": self.answers.append((name, problem))
        )

    def ask(self, request: str) -> str:
        """Why it failed; nothing where it did not."""
        event = {
            "RequestType": request,
            "LogicalResourceId": "StandingTables",
            "ResourceProperties": {"Database": DATABASE, "Bucket": BUCKET},
        }
        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r"
        )  # fmt: skip
        handler.handler(event, context)
        return self.answers[-1][1]

    def tables(self) -> dict[str, dict[str, Any]]:
        return {found["Name"]: dict(found) for found in self.glue.get_tables(DatabaseName=DATABASE)["TableList"]}

    def partitions(self, table: str) -> dict[str, dict[str, Any]]:
        found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=table)["Partitions"]
        return {one["Values"][0]: dict(one) for one in found}

    # what local.sql needs of AWS on this machine

    def client(self, name: str) -> Any:
        return self.glue

    def bucket_folder(self, bucket: str) -> Path:
        return self.folder


@pytest.fixture
def stack(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FirstDay:
    return FirstDay(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_answers_on_the_first_day_and_is_empty(stack: FirstDay, name: str) -> None:
    assert stack.ask("Create") == ""
    answer = query(stack, QUERIES[name])
    assert (answer.rows, len(answer.columns) > 3) == ([], True)


def test_they_are_there_once_the_stack_is(stack: FirstDay) -> None:
    assert stack.ask("Create") == ""
    assert stack.tables().keys() == NAMES
    before = stack.tables()
    assert stack.ask("Update") == ""
    assert stack.tables() == before, "nothing was to be done, so nothing is written"
    assert len({name for name, _ in stack.answers}) == 1, "CloudFormation deletes what gets another id"
    assert stack.ask("Delete") == ""
    assert stack.tables() == before, "they are the database's, which stays, as the data does"


def test_athenas_dialect_knows_each_table_and_column_of_the_saved_queries(stack: FirstDay) -> None:
    python = ROOT / ".cache/dlt/bin/python"
    if not python.exists():
        pytest.skip("sqlglot is not here: make bench installs it (requirements/bench-dlt.txt)")
    stack.ask("Create")
    schema = {
        name: {
            column["Name"]: column["Type"]
            for column in [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
        }
        for name, table in stack.tables().items()
    }
    code = (
        "import json, sys\n"
        "from sqlglot import exp, parse_one\n"
        "from sqlglot.optimizer.qualify import qualify\n"
        "texts, schema = json.load(sys.stdin)\n"
        "for text in texts:\n"
        "    tree = qualify(parse_one(text, dialect='athena'), schema=schema, dialect='athena')\n"
        "    print(*sorted({found.name for found in tree.find_all(exp.Table)}))\n"
    )

    def asked(texts: list[str]) -> subprocess.CompletedProcess[str]:
        run, given = [str(python), "-c", code], json.dumps([texts, schema])
        return subprocess.run(run, input=given, capture_output=True, text=True, timeout=120, check=False)

    done = asked(list(QUERIES.values()))
    assert done.returncode == 0, done.stderr
    assert {"sla", "ledger_latest", "quality"} <= set(done.stdout.split())
    assert asked(["SELECT least, path FROM quality"]).returncode != 0, "what is not there is seen"


# -- what is there already


def older(table: standing.StandingTable) -> standing.StandingTable:
    """As a release before had it: without its last column, and a number as text."""
    name, _ = table.columns[0]
    return replace(table, columns=((name, "int"), *table.columns[1:-1]), description="Older")


@pytest.mark.parametrize("table", [standing.QUALITY, standing.FALLOUT], ids=lambda table: table.name)
def test_new_columns_reach_the_partitions_which_stay(stack: FirstDay, table: standing.StandingTable) -> None:
    stack.glue.create_table(DatabaseName=DATABASE, TableInput=older(table).input(BUCKET))
    place = older(table).input(BUCKET)["StorageDescriptor"]
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 6) for day in range(1, 25)]
    for start in range(0, len(days), 100):
        stack.glue.batch_create_partition(
            DatabaseName=DATABASE,
            TableName=table.name,
            PartitionInputList=[
                {
                    "Values": [day, *["x"] * (len(table.keys) - 1)],
                    "StorageDescriptor": {**place, "Location": f"s3://{BUCKET}/generation/{day}/"},
                    "Parameters": {"noted": day},
                }
                for day in days[start : start + 100]
            ],
        )
    before = stack.partitions(table.name)
    assert stack.ask("Update") == ""
    after = stack.partitions(table.name)
    assert list(after) == days
    columns = stack.tables()[table.name]["StorageDescriptor"]["Columns"]
    assert columns == [{"Name": name, "Type": kind} for name, kind in table.columns]
    for day, found in after.items():
        assert found["StorageDescriptor"]["Columns"] == columns
        assert found["StorageDescriptor"]["Location"] == before[day]["StorageDescriptor"]["Location"]
        assert found["Parameters"] == {"noted": day}


def test_partitions_that_the_catalog_refuses_are_told(stack: FirstDay, monkeypatch: pytest.MonkeyPatch) -> None:
    table = standing.QUALITY
    stack.glue.create_table(DatabaseName=DATABASE, TableInput=older(table).input(BUCKET))
    place: Any = older(table).input(BUCKET)["StorageDescriptor"]
    given: list[Any] = [{"Values": ["2026-01-05"], "StorageDescriptor": place}]
    stack.glue.batch_create_partition(DatabaseName=DATABASE, TableName=table.name, PartitionInputList=given)

    def refuse(**given: Any) -> Any:
        errors = [{"PartitionValueList": ["2026-01-05"], "ErrorDetail": {"ErrorMessage": "busy"}}]
        return {"Errors": errors}

    monkeypatch.setattr(stack.glue, "batch_update_partition", refuse)
    problem = stack.ask("Update")
    assert problem.startswith("TablesRefusedError: The Data Catalog refused quality in database lakeferry")
    assert "['2026-01-05']: busy" in problem
    assert stack.tables().keys() == NAMES


def test_what_others_noted_of_a_table_stays(stack: FirstDay) -> None:
    stack.ask("Create")
    wanted = standing.FALLOUT.input(BUCKET)
    noted = {**wanted["Parameters"], "lakeferry.feeds": "acme/daily_sales"}
    stack.glue.update_table(
        DatabaseName=DATABASE, TableInput={**older(standing.FALLOUT).input(BUCKET), "Parameters": noted}
    )
    assert stack.ask("Update") == ""
    assert stack.tables()["fallout"]["Parameters"] == noted


def somebodys() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables that are there, and that no version of ours made."""
    place = {"Columns": [{"Name": "a", "Type": "int"}], "Location": "s3://theirs/x/", "SerdeInfo": {}}
    yield "of another place", {"TableType": "EXTERNAL_TABLE", "StorageDescriptor": place}
    yield (
        "of Iceberg's",
        {
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": place,
            "Parameters": {"table_type": "ICEBERG", "metadata_location": "s3://theirs/x/metadata.json"},
        },
    )
    yield (
        "a view",
        {
            "TableType": "VIRTUAL_VIEW",
            "ViewOriginalText": "/* Presto View: e30= */",
            "ViewExpandedText": "/* Presto View */",
            "Parameters": {"presto_view": "true"},
        },
    )
    yield (
        "with other partitions",
        {
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": place,
            "PartitionKeys": [{"Name": "country", "Type": "string"}],
        },
    )


@pytest.mark.parametrize("theirs", [pytest.param(found, id=what) for what, found in somebodys()])
def test_what_somebody_made_is_taken_over(stack: FirstDay, theirs: Any) -> None:
    for name in NAMES:
        made: Any = {"Name": name, **theirs}
        stack.glue.create_table(DatabaseName=DATABASE, TableInput=made)
    assert stack.ask("Create") == ""
    for wanted in standing.inputs(DATABASE, BUCKET):
        found = stack.tables()[wanted["Name"]]
        assert same({**found, "Parameters": {}}, {**wanted, "Parameters": {}})
        assert "table_type" not in found["Parameters"], "engines would go on reading Iceberg's metadata"
        assert ("presto_view" in found["Parameters"]) == (wanted["Name"] == "ledger_latest")
        versions = stack.glue.get_table_versions(DatabaseName=DATABASE, TableName=wanted["Name"])["TableVersions"]
        assert len(versions) == 2, "what was there before can be looked up"
    assert query(stack, QUERIES["Daily counts"]).rows == []


def test_a_table_that_another_made_meanwhile_is_taken_over(stack: FirstDay, monkeypatch: pytest.MonkeyPatch) -> None:
    make, made = stack.glue.create_table, older(standing.QUALITY).input(BUCKET)

    def late(**given: Any) -> Any:
        if given["TableInput"]["Name"] == "quality":
            make(DatabaseName=DATABASE, TableInput=made)
        return make(**given)

    monkeypatch.setattr(stack.glue, "create_table", late)
    assert stack.ask("Create") == ""
    assert same(stack.tables()["quality"], standing.QUALITY.input(BUCKET))


def test_a_table_that_is_refused_fails_the_deployment_by_name_and_no_other_waits(
    stack: FirstDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = stack.glue.create_table

    def refuse(**given: Any) -> Any:
        if given["TableInput"]["Name"] == "ledger":
            error = {"Code": "AccessDeniedException", "Message": "Insufficient Lake Formation permission(s)"}
            raise ClientError({"Error": error}, "CreateTable")  # type: ignore[typeddict-item]
        return make(**given)

    monkeypatch.setattr(stack.glue, "create_table", refuse)
    problem = stack.ask("Create")
    assert "refused ledger in database lakeferry" in problem
    assert "Insufficient Lake Formation permission(s)" in problem
    assert stack.tables().keys() == NAMES - {"ledger"}


def test_what_cannot_be_read_is_told(stack: FirstDay, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.glue.delete_database(Name=DATABASE)
    assert "Database lakeferry not found" in stack.ask("Create")


# -- the template's side


def test_the_deployment_may_write_exactly_these_tables_and_is_granted_them_first() -> None:
    found = render(LakeFormation="yes")
    (statement,) = [one for one in found.policies("JobFilesFunctionRole") if "glue:CreateTable" in str(one["Action"])]
    assert {arn.rpartition("/")[2] for arn in statement["Resource"] if ":table/" in arn} == NAMES
    assert {one["Name"] for one in standing.inputs(DATABASE, BUCKET)} == NAMES
    resource = found.resources["StandingTables"]
    assert handler.RESOURCES.keys() == found.of_type("AWS::CloudFormation::CustomResource").keys()
    assert resource["Properties"] | {"ServiceTimeout": 300} == {
        "ServiceToken": found.arns["JobFilesFunction"],
        "ServiceTimeout": 300,
        # another bundle, another list
        "Version": found.resources["JobFiles"]["Properties"]["Version"],
        "Database": found.names["GlueDatabase"],
        "Bucket": found.names["LakeBucket"],
        "Grants": found.names["LakeFormationGrants"],
    }
    assert render().resources["StandingTables"]["Properties"]["Grants"] == "none"
    assert {found["Type"] for found in render().resources.values()} & {"AWS::Glue::Table"} == set()


def test_the_list_is_put_whole(stack: FirstDay) -> None:
    assert set(put_standing_tables(stack.glue, DATABASE, BUCKET)) == NAMES
    assert put_standing_tables(stack.glue, DATABASE, BUCKET) == []
    assert putting.find_table(stack.glue, DATABASE, "none") is None
