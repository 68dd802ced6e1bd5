"""Each shim over moto is needed, and does what it says. A test of the first kind that fails: take the shim out."""

import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import (
    cloudformation,
    moto_items,
    moto_objects,
    moto_requests,
    moto_services,
    moto_shims,
    moto_updates,
    shims,
)
from tests.local.warm_moto import WarmMoto

PROBE = Path(__file__).parent / "shim_probe.py"
ROOT = PROBE.parent.parent.parent
GOOD = {
    "jsonata_is_evaluated": f"SUCCEEDED {hashlib.sha256(b'a').hexdigest()}",
    "string_variables_keep_their_quotes": 'SUCCEEDED {"out": "say \\"hi\\"\\n"}',
    "service_names_are_those_of_aws": 'SUCCEEDED {"out": "caught"}',
    "executions_get_names": 'SUCCEEDED {"out": true}',
    "glue_jobs_run_synchronously": 'SUCCEEDED {"out": "SUCCEEDED"}',
}


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmMoto]:
    with WarmMoto() as warm:
        yield warm


@pytest.fixture(scope="module")
def outcomes(warm: WarmMoto) -> dict[tuple[str, bool], str]:
    """What each machine ends with, with its shim and without."""
    code = f"import runpy; runpy.run_path({str(PROBE)!r}, run_name='__main__')"
    asked = [(name, needed) for name in GOOD for needed in (False, True)]
    answers = [warm.run(code, name, name if needed else "") for name, needed in asked]
    said = [(done.stdout.strip().splitlines() or [f"crashed with {done.returncode}"])[-1] for done in answers]
    return dict(zip(asked, said, strict=True))


@pytest.mark.parametrize("name", GOOD)
def test_with_the_shim_moto_does_as_aws_does(outcomes: dict[tuple[str, bool], str], name: str) -> None:
    assert outcomes[name, False] == GOOD[name]


@pytest.mark.parametrize("name", GOOD)
def test_moto_still_needs_the_shim(outcomes: dict[tuple[str, bool], str], name: str) -> None:
    assert outcomes[name, True] != GOOD[name]


def test_moto_still_makes_a_client_for_each_task(warm: WarmMoto) -> None:
    code = (
        "from moto import mock_aws\n"
        "from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for\n"
        "with mock_aws(): print(boto_client_for('eu-west-1', 'sqs') is boto_client_for('eu-west-1', 'sqs'))"
    )
    assert warm.run(code).stdout.strip() == "False"


CONTEND = """
import boto3, sys, threading, time
from moto import mock_aws
from local import moto_shims

moto_shims.apply(leave_out=sys.argv[1])
sys.setswitchinterval(1e-5)
wrong = []

def wins(table, won):
    for _ in range(15):
        read = int(table.get_item(Key={"id": "a"}, ConsistentRead=True)["Item"]["n"])
        try:
            table.update_item(
                Key={"id": "a"}, UpdateExpression="SET n = :next", ConditionExpression="n = :read",
                ExpressionAttributeValues={":read": read, ":next": read + 1},
            )
            won.append(read)
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            pass
    if len(won) != len(set(won)):
        wrong.append("two wrote over the same state")

def reads(table, won):
    for number in range(15):
        names = [f"attribute{n}" for n in range(20)]
        table.update_item(
            Key={"id": "b"}, UpdateExpression="SET " + ", ".join(f"{name} = :v" for name in names),
            ExpressionAttributeValues={":v": number},
        )
        for read in (table.get_item(Key={"id": "b"}), table.query(**QUERY), table.scan()):
            for item in [read["Item"]] if "Item" in read else read["Items"]:
                if item["id"] == "b" and len({item[name] for name in names}) > 1:
                    wrong.append("half of a write was read")

with mock_aws():
    boto3.client("dynamodb", region_name="eu-west-1").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    QUERY = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": "b"}}
    act, won = {"wins": wins, "reads": reads}[sys.argv[3]], []
    tables = [boto3.resource("dynamodb", region_name="eu-west-1").Table("t") for _ in range(8)]
    tables[0].put_item(Item={"id": "a", "n": 0})
    deadline = time.monotonic() + float(sys.argv[2])
    while not wrong and time.monotonic() < deadline:
        threads = [threading.Thread(target=act, args=(table, won)) for table in tables]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    print(wrong[0] if wrong else "as it should be")
"""


@pytest.mark.parametrize(
    ("act", "without", "seconds", "said"),
    [
        ("wins", "", 2, "as it should be"),
        ("wins", "items_change_one_at_a_time", 60, "two wrote over the same state"),
        ("reads", "", 2, "as it should be"),
        ("reads", "items_change_one_at_a_time", 60, "half of a write was read"),
    ],
)
def test_what_threads_do_to_an_item_happens_one_after_the_other(
    warm: WarmMoto, act: str, without: str, seconds: int, said: str
) -> None:
    done = warm.run(CONTEND, without, str(seconds), act)
    assert done.stdout.strip() == said, done.stderr


COUNTED = """
import boto3, copy, inspect, json, re, sys
from collections import Counter
from types import SimpleNamespace
from moto import mock_aws
from moto.core import base_backend, responses, serialize
from moto.core.parse import BaseJSONParser
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import Table, utilities
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import ExpressionTokenizer
from moto.moto_api._internal.moto_random import MotoRandom
from moto.sqs.models import Message, Queue
from local import moto_shims

done = Counter()

def counted(owner, name, what=""):
    original = getattr(owner, name)
    def count(*args, **named):
        done[what or name] += 1
        return original(*args, **named)
    setattr(owner, name, count)

counted(Item, "size")
counted(inspect, "getmembers")
counted(serialize.XFormedAttributePicker, "get_possible_keys")
counted(DynamoType, "is_number")
counted(copy, "deepcopy", "copies")
counted(DynamoType, "__lt__")
counted(Item, "to_regular_json")
counted(utilities, "dynamo_to_dict")
counted(ExpressionTokenizer, "make_list")
counted(ConditionExpressionParser, "_lex_one_node")
counted(DynamoType, "size", "weights")
counted(BaseJSONParser, "_parse_structure")
counted(MotoRandom, "choice")
counted(serialize.ResponseSerializer, "_serialize", "serialized")
counted(validators.UpdateExpressionValidator, "get_ast_processors", "validated")
counted(responses, "parse_qsl", "forms")
counted(responses, "camelcase_to_underscores", "spelt")
responses.re = SimpleNamespace(sub=lambda *args: done.update(searched=1) or re.sub(*args), compile=re.compile)
bases = base_backend.BaseBackend.url_bases.fget
base_backend.BaseBackend.url_bases = property(lambda self: done.update(addresses=1) or bases(self))
of_a_queue = Queue.attributes.fget
Queue.attributes = property(lambda self: done.update(attributes=1) or of_a_queue(self))
Message.__reduce_ex__ = lambda self, protocol: done.update(messages=1) or object.__reduce_ex__(self, protocol)
Table.__deepcopy__ = lambda self, memo: done.update(tables=1) or self
moto_shims.apply(leave_out=sys.argv[1])
item = {
    "id": "a", "bytes": b"1", "flag": True, "nothing": None, "numbers": [1, {"two": 2}], "few": {"x", "y"}, "none": {},
}
with mock_aws():
    table = boto3.resource("dynamodb", region_name="eu-west-1").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    query = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": "a"}}
    table.put_item(Item=item)
    sqs = boto3.client("sqs", region_name="eu-west-1")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    for _ in range(2):
        done.clear()
        assert table.query(**query)["Items"] == [item], table.query(**query)
        assert table.query(**query, ProjectionExpression="id")["Items"] == [{"id": "a"}]
        table.update_item(Key={"id": "b"}, UpdateExpression="SET n = :n, #m = :n", ConditionExpression="not #m = :m",
                          ExpressionAttributeNames={"#m": "m"}, ExpressionAttributeValues={":n": 1, ":m": 2})
        table.update_item(Key={"id": "d"}, UpdateExpression="SET #m = :n REMOVE #n", ExpressionAttributeNames={
                          "#m": "m", "#n": "n"}, ExpressionAttributeValues={":n": 1})
        put = {"Put": {"TableName": "t", "Item": {"id": "c"}}}
        table.meta.client.transact_write_items(TransactItems=[put])
        sqs.send_message(QueueUrl=queue, MessageBody="x")
        assert sqs.receive_message(QueueUrl=queue)["Messages"]
    print(json.dumps(done))
"""


@pytest.mark.parametrize(
    ("shim", "what", "most"),
    [
        ("values_have_one_kind", "serialized", 45),
        ("members_are_known_by_their_names", "get_possible_keys", 0),
        ("plain_updates_are_made_at_once", "validated", 0),
        ("calls_of_tables_are_no_forms", "forms", 2),
        ("actions_are_looked_up_once", "getmembers", 0),
        ("addresses_are_known", "addresses", 0),
        ("transactions_keep_what_they_change", "tables", 0),
        ("items_are_weighed_once", "size", 3),
        ("texts_are_not_cast", "is_number", 20),
        ("items_are_sorted_by_what_they_say", "__lt__", 0),
        ("items_are_copied_value_by_value", "copies", 40),
        ("attributes_are_taken_as_they_are", "to_regular_json", 0),
        ("answers_are_written_in_one_pass", "dynamo_to_dict", 30),
        ("updates_are_parsed_once", "make_list", 0),
        ("messages_are_kept_without_a_count", "attributes", 1),
        ("conditions_are_parsed_once", "_lex_one_node", 0),
        ("items_are_weighed_for_their_limit_only", "weights", 8),
        ("ids_are_drawn_at_once", "choice", 0),
        ("receipts_are_drawn_at_once", "choice", 0),
        ("messages_are_copied_without_their_past", "messages", 0),
        ("values_are_taken_as_they_came", "_parse_structure", 10),
        ("actions_are_spelt_once", "spelt", 0),
        ("answers_without_an_id_are_not_searched", "searched", 0),
    ],
)
def test_moto_does_again_and_again_what_the_shim_does_once(warm: WarmMoto, shim: str, what: str, most: int) -> None:
    done = [_told(warm, COUNTED, without) for without in ("", shim)]
    assert done[0].get(what, 0) <= most < done[1].get(what, 0), done


ANSWERS = Path(__file__).with_name("items_probe.py").read_text()
ITEMS = [shim.__name__ for shim in (*moto_items.SHIMS, *moto_updates.SHIMS, *moto_requests.SHIMS)]


@pytest.fixture(scope="module")
def answers(warm: WarmMoto) -> Any:
    return _told(warm, ANSWERS, "")


@pytest.mark.parametrize("shim", ITEMS)
def test_answers_about_items_are_motos_own(warm: WarmMoto, answers: Any, shim: str) -> None:
    assert len(answers) > 50
    assert _told(warm, ANSWERS, shim) == answers


OBJECTS = Path(__file__).with_name("objects_probe.py").read_text()


@pytest.fixture(scope="module")
def about_objects(warm: WarmMoto) -> dict[str, Any]:
    return {where: _told(warm, OBJECTS, "", where) for where in ("here", "http")}


@pytest.mark.parametrize(
    ("shim", "where", "what", "most"),
    [
        ("objects_are_asked_at_once", "http", "flask", 4),
        ("hosts_are_looked_at_once", "here", "hosts", 1),
        ("headers_have_the_names_they_came_with", "here", "headers", 200),
        ("metadata_is_known_by_its_prefix", "here", "searches", 0),
        *((shim, "here", "", 0) for shim in ("members_are_known_by_their_names", "ids_are_drawn_at_once")),
    ],
)
def test_answers_about_objects_are_motos_own_and_cost_less(
    warm: WarmMoto, about_objects: Any, shim: str, where: str, what: str, most: int
) -> None:
    done, answers = about_objects[where]
    without, motos = _told(warm, OBJECTS, shim, where)
    assert len(answers) >= 40
    assert answers == motos
    if what:
        assert done.get(what, 0) <= most < without[what], (done, without)


UPLOADS = """
import boto3, sys
from moto import mock_aws
from local import moto_shims

moto_shims.apply(leave_out=sys.argv[1])
with mock_aws():
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="uploads")
    s3.create_multipart_upload(Bucket="uploads", Key="k")
    print(s3.list_multipart_uploads(Bucket="uploads")["Uploads"][0]["Initiated"].year > 2020)
"""


@pytest.mark.parametrize(("without", "known"), [("", True), ("uploads_know_when_they_began", False)])
def test_an_upload_knows_when_it_began(warm: WarmMoto, without: str, known: bool) -> None:
    done = warm.run(UPLOADS, without)
    assert (done.stdout.strip() == "True") is known, done.stderr


QUEUE = """
import boto3, json, sys
from moto import mock_aws
from local import shims

shims.apply(leave_out=sys.argv[1])
template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}}}
with mock_aws():
    formation = boto3.client("cloudformation", region_name="eu-west-1")
    formation.create_stack(StackName="s", TemplateBody=json.dumps(template))
    print(boto3.client("sqs", region_name="eu-west-1").list_queues()["QueueUrls"][0].endswith(".fifo"))
"""


@pytest.mark.parametrize(("without", "made"), [("", True), ("first_in_first_out_queues_get_names", False)])
def test_a_fifo_queue_without_a_name_is_made(warm: WarmMoto, without: str, made: bool) -> None:
    done = warm.run(QUEUE, without)
    assert (done.stdout.strip() == "True") is made, done.stderr


SCHEDULED = """
import boto3, sys
from moto import mock_aws
from local import shims

shims.apply(leave_out=sys.argv[1])
with mock_aws():
    events = boto3.client("events", region_name="eu-west-1")
    events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    target = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    events.put_targets(Rule="hourly", Targets=[{"Id": "f", "Arn": target}])
    try:
        events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}])
        print("told")
    except NotImplementedError:
        print("failed")
"""


@pytest.mark.parametrize(("without", "found"), [("", "told"), ("schedules_match_no_event", "failed")])
def test_an_event_goes_past_rules_with_a_schedule(warm: WarmMoto, without: str, found: str) -> None:
    done = warm.run(SCHEDULED, without)
    assert done.stdout.strip() == found, done.stderr


SERVICES = """
import json, sys
from local import moto_services, shims

shims.apply(leave_out=sys.argv[1])
import moto.cloudformation.parsing as parsing
from local.template import load
from pathlib import Path

loaded = {name.split(".")[1] for name in sys.modules if name.startswith("moto.")}
types = {resource["Type"] for path in sys.argv[2:] for resource in load(Path(path))["Resources"].values()}
made = {parsing.get_model_map()[name].__module__.split(".")[1] for name in types & parsing.get_model_map().keys()}
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
print(json.dumps([sorted(loaded & moto_services.UNUSED), sorted(made), len(RegionsAndZonesBackend.regions)]))
"""
DESCRIBED = """
import json, os, sys
from botocore import loaders
from local import moto_shims

listed, original = [], os.listdir
os.listdir = lambda *path: listed.append(path) or original(*path)
moto_shims.apply(leave_out=sys.argv[1])
found = [loaders.create_loader().load_service_model(name, "service-2") for name in ("sqs", "sns")]
kinds, operations = [type(model).__name__ for model in found], [len(model["operations"]) for model in found]
print(json.dumps([len(listed), kinds, operations]))
"""
PARSED = """
import boto3, json, sys, time
from pathlib import Path
from moto import mock_aws
from local import compiled, shims

compiled.FOLDER = Path(sys.argv[2])
shims.apply(leave_out=sys.argv[1])
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser

parsed, original = [], ASLParser.state_machine
ASLParser.state_machine = lambda self: parsed.append(1) or original(self)
definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    states = boto3.client("stepfunctions", region_name="eu-west-1")
    machine = states.create_state_machine(
        name="m", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]
    outputs = []
    for _ in range(2):
        run = states.start_execution(stateMachineArn=machine)["executionArn"]
        while (found := states.describe_execution(executionArn=run))["status"] == "RUNNING":
            time.sleep(0.01)  # or it would have no turn
        outputs.append(found.get("output"))
    print(json.dumps([len(parsed), outputs]))
"""
LISTED = """
import json, os, sys
from local import shims

shims.apply(leave_out=sys.argv[1])
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

asked, original = [], os.listdir
os.listdir = lambda *path: asked.append(path) or original(*path)
app = DomainDispatcherApplication(None)
found = [app.get_backend_for_host(host) for host in ("dynamodb", "127.0.0.1:1")]
print(json.dumps([len(asked), found]))
"""
NAMES = """
import boto3, json, sys
from moto import mock_aws
from local import shims

shims.apply(leave_out=sys.argv[1])
import yaml

read, original = [], yaml.load
yaml.load = lambda *args, **named: read.append(1) or original(*args, **named)
template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::S3::Bucket"}}}
with mock_aws():
    formation = boto3.client("cloudformation", region_name="eu-west-1")
    formation.create_stack(StackName="s", TemplateBody=json.dumps(template))
    found = formation.list_stack_resources(StackName="s")["StackResourceSummaries"]
    print(json.dumps([len(read), sorted(resource["PhysicalResourceId"] for resource in found)]))
"""


def _told(warm: WarmMoto, code: str, *arguments: str) -> Any:
    done = warm.run(code, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _told_by_a_new_process(code: str, *arguments: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_services_that_no_template_has_a_resource_of_are_not_loaded_but_can_be() -> None:
    nested = ("lakeformation.yaml", "monitoring.yaml", "queries.yaml")
    names = ("template.yaml", *nested, "tests/local/stack/template.yaml")
    templates = [str(ROOT / name) for name in names]
    loaded, _, regions = _told_by_a_new_process(SERVICES, "", *templates)
    assert loaded == []
    as_moto, made, the_same = _told_by_a_new_process(SERVICES, "services_no_template_has_are_not_loaded", *templates)
    assert set(as_moto) == moto_services.UNUSED
    assert regions == the_same > 10
    assert {"dynamodb", "s3", "sqs"} <= set(made)
    assert not set(made) & moto_services.UNUSED


def test_descriptions_of_services_are_listed_once_and_decoded_quickly(warm: WarmMoto) -> None:
    listed, kinds, operations = _told(warm, DESCRIBED, "")
    assert kinds == ["dict", "dict"]
    assert min(operations) > 10
    more, _, _ = _told(warm, DESCRIBED, "descriptions_are_listed_once")
    assert 300 < listed < 0.6 * more
    assert _told(warm, DESCRIBED, "descriptions_are_decoded_quickly") == [listed, ["OrderedDict"] * 2, operations]


def test_a_machine_is_parsed_at_the_first_start_only(warm: WarmMoto, tmp_path: Path) -> None:
    outputs = ['{"a": 1}', '{"a": 1}']
    assert _told(warm, PARSED, "machines_are_parsed_once", str(tmp_path)) == [3, outputs]
    assert _told(warm, PARSED, "", str(tmp_path)) == [1, outputs]
    assert _told(warm, PARSED, "", str(tmp_path)) == [0, outputs]


def test_folders_of_moto_are_listed_once(warm: WarmMoto) -> None:
    assert _told(warm, LISTED, "folders_of_moto_are_listed_once") == [2, ["dynamodb", None]]
    assert _told(warm, LISTED, "") == [1, ["dynamodb", None]]


OVER_HTTP = """
import boto3, json, os, sys
from collections import Counter
from botocore.config import Config
from flask import Flask
from local import shims

done, full_dispatch = Counter(), Flask.full_dispatch_request
def counted(self):
    done["flask"] += 1
    return full_dispatch(self)
Flask.full_dispatch_request = counted
shims.apply(leave_out=sys.argv[1])
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
named = {"endpoint_url": f"http://{host}:{port}", "region_name": "eu-west-1", "aws_access_key_id": "a",
         "aws_secret_access_key": "b", "config": Config(retries={"total_max_attempts": 1})}
table = boto3.resource("dynamodb", **named).create_table(
    TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
)
said = [table.put_item(Item={"id": "\\u00e4", "n": 1}), table.get_item(Key={"id": "\\u00e4"})]
for wrong in (lambda: table.put_item(Item={"no": "key"}),
              lambda: table.put_item(Item={"id": "\\u00e4"}, ConditionExpression="attribute_not_exists(id)"),
              lambda: table.meta.client.query(TableName="none", KeyConditionExpression="id = :i",
                                              ExpressionAttributeValues={":i": "a"})):
    try:
        wrong()
    except Exception as error:
        said.append({"error": str(error)} | error.response)
for one in said:
    for name in ("date", "x-amzn-requestid", "access-control-allow-origin"):
        one["ResponseMetadata"]["HTTPHeaders"].pop(name, None)
    one["ResponseMetadata"].pop("RequestId", None)
streams = boto3.client("dynamodbstreams", **named).list_streams()["Streams"]
boto3.client("s3", **named).list_buckets()
server.stop()
print(json.dumps([done["flask"], said, streams], default=str))
"""


def test_calls_of_dynamodb_are_answered_without_flask_and_no_others() -> None:
    ours, said, streams = _told_by_a_new_process(OVER_HTTP, "")
    motos, as_moto, no_streams = _told_by_a_new_process(OVER_HTTP, "tables_are_asked_at_once")
    assert (ours, motos) == (2, 8)
    assert (said, streams) == (as_moto, no_streams)
    assert [one["ResponseMetadata"]["HTTPStatusCode"] for one in said] == [200, 200, 400, 400, 400]


def test_templates_in_json_are_not_read_as_yaml(warm: WarmMoto) -> None:
    assert _told(warm, NAMES, "templates_are_read_as_json")[0] > 0
    assert _told(warm, NAMES, "")[0] == 0


def test_resources_have_the_same_names_at_each_start(warm: WarmMoto) -> None:
    first, second = (_told(warm, NAMES, "")[1] for _ in range(2))
    assert first == second
    assert first[0].startswith("https://sqs.eu-west-1.amazonaws.com/123456789012/s-Q-")
    assert re.fullmatch(r"s-b-[a-z0-9]{12}", first[1])
    drawn = [_told(warm, NAMES, "names_of_resources_stay")[1] for _ in range(2)]
    assert drawn[0] != drawn[1]


def test_every_shim_has_a_test() -> None:
    assert {shim.__name__ for shim in [*shims.SHIMS, *moto_shims.SHIMS]} == {
        *GOOD,
        "services_no_template_has_are_not_loaded",
        "machines_are_parsed_once",
        "folders_of_moto_are_listed_once",
        "tables_are_asked_at_once",
        *(shim.__name__ for shim in moto_objects.SHIMS),
        "objects_are_asked_at_once",
        "templates_are_read_as_json",
        "names_of_resources_stay",
        "schedules_match_no_event",
        "clients_are_reused",
        "items_change_one_at_a_time",
        "values_have_one_kind",
        "actions_are_looked_up_once",
        "addresses_are_known",
        "transactions_keep_what_they_change",
        "items_are_weighed_once",
        "texts_are_not_cast",
        "descriptions_are_decoded_quickly",
        "descriptions_are_listed_once",
        *ITEMS,
        "first_in_first_out_queues_get_names",
        "uploads_know_when_they_began",
        "messages_are_kept_without_a_count",
        "receipts_are_drawn_at_once",
        "messages_are_copied_without_their_past",
    }


def test_moto_still_refuses_whole_percentages(warm: WarmMoto) -> None:
    code = (
        "import boto3, json\nfrom moto import mock_aws\n"
        "item = {'ProcessorConfig': {'Mode': 'DISTRIBUTED', 'ExecutionType': 'STANDARD'}, 'StartAt': 'B',"
        " 'States': {'B': {'Type': 'Pass', 'End': True}}}\n"
        "definition = {'StartAt': 'A', 'States': {'A': {'Type': 'Map', 'ToleratedFailurePercentage': 100,"
        " 'ItemProcessor': item, 'End': True}}}\n"
        "with mock_aws(config={'stepfunctions': {'execute_state_machine': True}}):\n"
        "    boto3.client('stepfunctions', region_name='eu-west-1').create_state_machine("
        "name='m', definition=json.dumps(definition), roleArn='arn:aws:iam::123456789012:role/r')\n"
    )
    done = warm.run(code)
    assert "ToleratedFailurePercentage" in done.stderr


def test_moto_still_passes_over_the_resource_types_made_here(warm: WarmMoto) -> None:
    code = (
        "import json\nfrom moto import mock_aws\nimport moto.server\n"
        "from importlib import import_module\n"
        "from moto.core.common_models import CloudFormationModel\n"
        "for name in ['glue', 's3', 'sqs', 'sns', 'cloudwatch', 'awslambda', 'athena']:\n"
        "    import_module(f'moto.{name}.models')\n"
        "print(json.dumps([found.cloudformation_type() for found in CloudFormationModel.__subclasses__()]))"
    )
    made_by_moto = set(_told(warm, code))
    assert "AWS::SQS::Queue" in made_by_moto
    # moto makes state machines, but in a backend that does not execute them
    assert not made_by_moto & (set(cloudformation.TYPES) - {"AWS::StepFunctions::StateMachine"})


def test_moto_still_calls_functions_of_a_topic_without_the_messages_attributes() -> None:
    """local/topic.py calls them instead."""
    from moto.awslambda.models import LambdaBackend

    assert "message_attributes" not in inspect.signature(LambdaBackend.send_sns_message).parameters
