"""What `lakeferry feeds test` knows without a server: names and a ledger, secrets, the address AWS connects from."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml

from cli.__main__ import main
from cli.problems import WrongUseError
from cli.testing.address import address_of
from cli.testing.names import DONE_WITH, MOST_NAMES, OTHER, TAKEN, look, sort_names
from cli.testing.secret import read_secrets, secret_problems
from lakeferry.feeds import parse_feed
from lakeferry.models import RemoteFile
from lakeferry.servers.listed import Listed
from local.partners import SftpPartner
from tests.conftest import feed_document

NOW = 1_800_000_000


def _server(*files: RemoteFile, unread: tuple[str, ...] = ()) -> Any:
    def list_files(directory: str, *, recursive: bool, wanted: Callable[[str], bool]) -> list[RemoteFile]:
        return [file for file in files if wanted(file.name)]

    return SimpleNamespace(list_files=list_files, listed=Listed(others=2), unread=list(unread))


def test_what_the_ledger_is_done_with_is_said_with_its_reason() -> None:
    feed = parse_feed(feed_document())
    states = ["CURATED", "UPLOADED", "FAILED", "SUPERSEDED", "DUPLICATE", "RELEASED"]
    files = [RemoteFile(f"/outgoing/sales_2026112{at}.csv", 5, NOW - 90_000) for at in range(len(states))]
    known: dict[str, Any] = {
        file.file_id: {"status": state, "error": "FileRejectedError"} for file, state in zip(files, states, strict=True)
    }
    server = _server(*files, unread=("?????",))
    names = sort_names(feed, server, look(server, feed), known, NOW)
    assert [one.what for one in names.names] == [DONE_WITH] * 5 + [TAKEN]
    whys = [one.why for one in names.names]
    assert whys[0] == "this version is in the lake already (CURATED)"
    assert whys[2] == "this version failed (FileRejectedError); `lakeferry reprocess` takes it again"
    assert "newer version" in whys[3]
    assert "bytes are in the lake" in whys[4]
    assert (names.others, names.unread) == (2, ("?????",))


def test_of_many_names_of_others_the_first_are_told_and_the_rest_is_counted() -> None:
    feed = parse_feed(feed_document())
    server = _server(*(RemoteFile(f"/outgoing/x{at}", 5, NOW) for at in range(MOST_NAMES + 7)))
    names = sort_names(feed, server, look(server, feed), {}, NOW)
    assert (len(names.of(OTHER)), names.uncounted) == (MOST_NAMES, 7)


@pytest.mark.parametrize(
    ("changes", "fields", "said"),
    [
        ({}, {"password": "x"}, []),
        ({}, {"private_key": "x", "passphrase": "y"}, []),
        ({}, {"user": "x"}, ["no password or private_key", "nobody reads the secret's field user"]),
        ({}, {"privat_key": "x"}, ["no password or private_key", "did you mean private_key?"]),
        ({"decode": ["pgp", "gzip"]}, {"password": "x"}, ["no pgp_private_key"]),
        ({"notify": {"channels": [{"type": "slack", "url_secret": "hook"}]}}, {"password": "x"}, ["no hook"]),
    ],
)
def test_a_secrets_fields_are_compared_with_what_is_read(
    changes: dict[str, Any], fields: dict[str, str], said: list[str]
) -> None:
    found = secret_problems(parse_feed(feed_document(**changes)), fields)
    assert len(found) == len(said)
    assert all(part in one for part, one in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not YAML (line 1)"),
        ("hunter2", "has no secrets"),
        ("a: hunter2", "the fields of a have to be texts"),
        ("a: {password: 12345}", "the fields of a have to be texts"),
    ],
)
def test_a_file_of_secrets_that_is_none_is_not_quoted(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.yaml").write_text(text, "utf-8")
    with pytest.raises(WrongUseError) as raised:
        read_secrets(tmp_path / "s.yaml")
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "12345" not in str(raised.value)


def _stack(subnets: str) -> Any:
    template = {
        "Parameters": {"VpcSubnetIds": {"Type": "String", "Default": ""}},
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
    }
    boto3.client("cloudformation").create_stack(
        StackName="s",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "VpcSubnetIds", "ParameterValue": subnets}],
    )
    return SimpleNamespace(name="s", client=boto3.client)


def test_the_address_is_that_of_the_nat_gateway_of_the_stacks_subnets(aws: None) -> None:
    ec2: Any = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    inside, outside = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{at}.0/24")["Subnet"]["SubnetId"] for at in range(2)
    )
    elastic = ec2.allocate_address(Domain="vpc")
    gateway = ec2.create_nat_gateway(SubnetId=outside, AllocationId=elastic["AllocationId"])["NatGateway"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=inside)
    assert "no NAT gateway" in address_of(_stack(inside))
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway["NatGatewayId"])
    stack: Any = SimpleNamespace(name="s", client=boto3.client)
    assert address_of(stack) == elastic["PublicIp"]


def test_without_a_vpc_or_a_stack_it_is_said_that_the_address_is_not_known(aws: None) -> None:
    assert "AWS connects from public addresses that change" in address_of(_stack(""))
    missing: Any = SimpleNamespace(name="none", client=boto3.client)
    assert address_of(missing).startswith("not known: ")


def test_with_a_stack_secret_ledger_and_address_are_those_of_aws(
    aws: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [("feed_id", "HASH"), ("file_id", "RANGE")]
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    }
    template = {"Resources": {"LedgerTable": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}
    boto3.client("cloudformation").create_stack(StackName="lakeferry", TemplateBody=json.dumps(template))
    (tmp_path / "outgoing").mkdir()
    path = tmp_path / "outgoing" / "sales_20261128.csv"
    path.write_text("order_id,amount\n1,2.50\n", "utf-8")
    with SftpPartner(tmp_path, username="lake", password="correct horse") as running:
        server = {**feed_document()["server"], "host": "127.0.0.1", "port": running.port}
        feed = tmp_path / "feed.yaml"
        feed.write_text(yaml.safe_dump(feed_document(server=server | {"host_keys": [running.host_key]})), "utf-8")
        arguments = ["feeds", "test", str(feed), "--stack", "lakeferry", "--json"]
        # without the secret it is said by name what to make
        assert main(arguments) == 1
        assert "lakeferry/acme/daily_sales" in capsys.readouterr().err
        boto3.client("secretsmanager").create_secret(
            Name="lakeferry/acme/daily_sales", SecretString=json.dumps({"password": "correct horse"})
        )
        assert main(arguments) == 0
        answer = json.loads(capsys.readouterr().out)
        assert "is in no VPC" in answer["address"]
        assert (answer["good"], answer["secret"], answer["names"][0]["what"]) == (True, [], TAKEN)
        [resource] = boto3.client("cloudformation").list_stack_resources(StackName="lakeferry")[
            "StackResourceSummaries"
        ]
        mtime = int(path.stat().st_mtime)
        file_id = RemoteFile("/outgoing/sales_20261128.csv", path.stat().st_size, mtime).file_id
        ledger: Any = boto3.resource("dynamodb").Table(resource["PhysicalResourceId"])
        ledger.put_item(Item={"feed_id": "acme/daily_sales", "file_id": file_id, "status": "CURATED"})
        assert main(arguments) == 0
        [named] = json.loads(capsys.readouterr().out)["names"]
        assert (named["what"], named["why"]) == (DONE_WITH, "this version is in the lake already (CURATED)")
        # it asked, and wrote nothing
        assert ledger.scan()["Count"] == 1
