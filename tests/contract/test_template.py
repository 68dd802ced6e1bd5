"""The template holds together: with the folders, the settings, the events, and what a data store must have."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakeferry.batches import STAGES, Batch
from lakeferry.models import FeedItem
from local.template import load, parsed, translate
from tests.contract.asl import states
from tools.permissions import changes, grants

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = load(ROOT / "template.yaml")
TEXT = (ROOT / "template.yaml").read_text("utf-8")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
RENDERED: dict[str, Any] = translate(ROOT / "template.yaml", {})[0]
"""As CloudFormation gets it: SAM's translator makes rules and permissions of `Events`, and roles of `Policies`."""


def of_type(name: str) -> dict[str, Any]:
    return {key: found["Properties"] for key, found in RESOURCES.items() if found["Type"] == name}


FUNCTIONS = of_type("AWS::Serverless::Function")
RULES = {
    name: found["Properties"] for name, found in RENDERED["Resources"].items() if found["Type"] == "AWS::Events::Rule"
}
SUBSCRIPTIONS = {
    name: found["Properties"]
    for name, found in RENDERED["Resources"].items()
    if found["Type"] == "AWS::SNS::Subscription"
}
FOLDERS = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}


def _folder(function: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", function.removesuffix("Function")).lower()


NESTED = {
    name: (found["Properties"], load(ROOT / found["Properties"]["TemplateURL"]))
    for name, found in RESOURCES.items()
    if found["Type"] == "AWS::CloudFormation::Stack"
}


@pytest.mark.slow(seconds=20)
def test_cfn_lint_is_clean() -> None:
    paths = ["template.yaml", *(properties["TemplateURL"] for properties, _ in NESTED.values())]
    lint = [str(Path(sys.executable).with_name("cfn-lint")), *(str(ROOT / path) for path in paths)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_sams_own_parser_reads_it() -> None:
    """`sam build` reads YAML with PyYAML's Python code, which takes less than the C library that cfn-lint uses."""
    assert yaml.compose(TEXT, Loader=yaml.SafeLoader) is not None


def test_it_stays_a_page_that_one_can_read() -> None:
    assert len(TEXT.splitlines()) < 1_400
    sections = re.findall(r"^ *# =+ ([A-Z][A-Za-z ]+) =+$", TEXT, re.MULTILINE)
    assert sections == [
        *("Parameters", "Globals", "Storage", "Messages", "Functions", "Glue", "Athena", "State machine"),
        *("Schedules", "Monitoring", "Outputs"),
    ]


@pytest.mark.parametrize("name", ["template.yaml", *(properties["TemplateURL"] for properties, _ in NESTED.values())])
def test_what_is_kept_of_a_template_is_what_its_yaml_says(name: str) -> None:
    assert load(ROOT / name) == parsed((ROOT / name).read_bytes())


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_stack_is_given_exactly_its_parameters(name: str) -> None:
    properties, template = NESTED[name]
    assert set(properties["Parameters"]) == set(template["Parameters"])


def test_nested_stacks_hold_nothing_that_would_be_moved_with_a_role_or_data() -> None:
    """Those of the root are rendered, compared and retained; here is what may come and go with a deployment."""
    kinds = {found["Type"] for _, template in NESTED.values() for found in template["Resources"].values()}
    assert kinds <= {
        *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Athena::NamedQuery"),
        "AWS::LakeFormation::PrincipalPermissions",  # there only where it is asked for
    }
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for stage, table in samconfig.items():
        if isinstance(table, dict):
            granted = set(table["deploy"]["parameters"]["capabilities"].split())
            assert granted == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}, stage


def triggered() -> dict[str, set[str]]:
    """Functions by what calls them besides the state machine: rules of EventBridge, the topic, a deployment."""
    arns = {json.dumps({"Fn::GetAtt": [name, "Arn"]}): name for name in FUNCTIONS}
    rules = [target["Arn"] for rule in RULES.values() for target in rule["Targets"]]
    topic = [subscription["Endpoint"] for subscription in SUBSCRIPTIONS.values()]
    deployment = [found["ServiceToken"] for found in of_type("AWS::CloudFormation::CustomResource").values()]
    return {
        trigger: {arns[text] for each in found if (text := json.dumps(each)) in arns}
        for trigger, found in (("rule", rules), ("topic", topic), ("deployment", deployment))
    }


def test_one_word_for_one_thing() -> None:
    """State, function, folder, handler and event carry the same name."""
    assert {_folder(name) for name in FUNCTIONS} == FOLDERS
    for name, properties in FUNCTIONS.items():
        assert properties["Handler"] == f"{_folder(name)}.handler.handler"
        assert (ROOT / "events" / f"{_folder(name)}.json").exists()
    called = {state.function for state in states() if state.function}
    by_trigger = {trigger: {f"{name}Arn" for name in found} for trigger, found in triggered().items()}
    assert called.union(*by_trigger.values()) == {f"{name}Arn" for name in FUNCTIONS}
    assert by_trigger["topic"] == {"DeliverFunctionArn"}
    assert by_trigger["deployment"] == {"JobFilesFunctionArn"}
    assert not called & set().union(*by_trigger.values())
    for state in states():
        if state.function:
            verb = state.name.split()[0].lower()
            assert state.function.lower().startswith(verb), state.name


def test_functions_get_the_settings_they_read() -> None:
    read = set(re.findall(r'environment(?:\.get\(|\[)"(\w+)"', (ROOT / "functions/lakeferry/settings.py").read_text()))
    declared = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    assert read <= declared
    assert declared - read == {"AWS_ENDPOINT_URL", "POWERTOOLS_SERVICE_NAME"}
    for path in (ROOT / "functions").rglob("*.py"):
        assert path.name == "settings.py" or "os.environ" not in path.read_text(), path


@pytest.mark.parametrize("bucket", of_type("AWS::S3::Bucket"))
def test_a_bucket_is_encrypted_private_and_tls_only(bucket: str) -> None:
    properties = RESOURCES[bucket]["Properties"]
    assert properties["BucketEncryption"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    policies = [found for found in of_type("AWS::S3::BucketPolicy").values() if found["Bucket"] == {"Ref": bucket}]
    assert "aws:SecureTransport" in json.dumps(policies)


@pytest.mark.parametrize("table", of_type("AWS::DynamoDB::Table"))
def test_a_table_can_be_restored_and_is_encrypted(table: str) -> None:
    properties = RESOURCES[table]["Properties"]
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"]["SSEEnabled"] is True


def test_log_groups_end() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert groups
    assert all("RetentionInDays" in found for found in groups.values())


def test_a_resource_star_has_its_reason() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.search(r"Resource:\s*['\"]?\*['\"]?\s*(#|,|\}|$)", line):
            near = "\n".join(lines[max(0, number - 14) : number + 1])
            assert "#" in near, f"line {number + 1}: a * without its reason"


def test_no_action_is_a_star() -> None:
    starred = {line for line in grants(RENDERED) if re.search(r": Allow \S+:\* ", line)}
    # the account's own administrators: without them nobody could change the key any more
    (administers,) = starred
    assert administers.startswith("DataKey: Allow kms:* on * to AWS {")
    assert ":iam::${AWS::AccountId}:root" in administers


def _role(**changed: Any) -> dict[str, Any]:
    """A rendered template with one role, with a grant and a denial."""
    allow = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:b/raw/*"}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Null": {"a:B": "false"}}}
    trust = {"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}
    properties = {
        "AssumeRolePolicyDocument": {"Statement": [{**trust, "Condition": {"StringEquals": {"a:Account": "1"}}}]},
        "Policies": [{"PolicyDocument": {"Statement": [{**allow, **changed.pop("allow", {})}, deny]}}],
    }
    return {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {**properties, **changed}}}}


@pytest.mark.parametrize(
    "changed",
    [
        {"allow": {"Action": ["s3:GetObject", "s3:PutObject"]}},
        {"allow": {"Resource": "arn:b/*"}},
        {"Policies": [{"PolicyDocument": {"Statement": []}}]},  # the denial is gone
        {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        {
            "AssumeRolePolicyDocument": {
                "Statement": {"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}
            }
        },
    ],
)
def test_a_widened_permission_is_seen(changed: dict[str, Any]) -> None:
    wider, _ = changes(grants(_role()), grants(_role(**changed)))
    assert wider


def test_a_permission_that_is_written_otherwise_is_the_same() -> None:
    before, after = grants(_role()), grants(_role(allow={"Action": "s3:GetObject", "Resource": ["arn:b/raw/*"]}))
    assert changes(before, after) == ([], [])
    one, two = ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": name}} for name in "xy")
    together = {"Statement": [{**one, "Principal": {"Service": ["x", "y"]}}]}
    apart = grants(_role(AssumeRolePolicyDocument={"Statement": [one, two]}))
    assert changes(grants(_role(AssumeRolePolicyDocument=together)), apart) == ([], [])
    narrowed = grants(_role(allow={"Resource": "arn:b/raw/x"}))
    wider, narrower = changes(before, narrowed)
    assert len(wider) == len(narrower) == 1


def evaluate(value: Any, parameters: dict[str, list[str]]) -> Any:
    """What CloudFormation makes of a condition, a rule, or a property with an `If`."""
    if isinstance(value, list):
        return [evaluate(item, parameters) for item in value]
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((function, operand),) = value.items()
    if function == "Fn::If":
        name, yes, no = operand
        return evaluate(yes if evaluate(TEMPLATE["Conditions"][name], parameters) else no, parameters)
    if function == "Ref":
        return parameters.get(operand)
    found = evaluate(operand, parameters)
    if function == "Fn::Not":
        return not found[0]
    if function == "Fn::Equals":
        return found[0] == found[1]
    if function == "Fn::EachMemberEquals":
        return all(member == found[1] for member in found[0])
    assert function == "Fn::Join", function
    return found[0].join(found[1])


def vpc(subnets: list[str], groups: list[str]) -> dict[str, list[str]]:
    return {"VpcSubnetIds": subnets, "VpcSecurityGroupIds": groups}


@pytest.mark.parametrize("nothing", [[], [""]])  # both have been seen for an empty list
def test_functions_are_in_no_vpc_by_default(nothing: list[str]) -> None:
    assert {TEMPLATE["Parameters"][name]["Default"] for name in vpc([], [])} == {""}
    for name, properties in FUNCTIONS.items():
        assert evaluate(properties.get("VpcConfig"), vpc(nothing, nothing)) is None, name


def test_exactly_the_functions_that_connect_to_partners_are_in_the_vpc_if_there_is_one() -> None:
    connecting = {
        name
        for name in FUNCTIONS
        if "lakeferry.partner import" in (ROOT / "functions" / _folder(name) / "handler.py").read_text()
    }
    assert connecting == {"PollFunction", "FetchFunction", "UploadFunction"}
    parameters = vpc(["subnet-1", "subnet-2"], ["sg-1"])
    for name, properties in FUNCTIONS.items():
        found = evaluate(properties.get("VpcConfig"), parameters)
        if name in connecting:
            assert evaluate(found["SubnetIds"], parameters) == ["subnet-1", "subnet-2"]
            assert evaluate(found["SecurityGroupIds"], parameters) == ["sg-1"]
        else:
            assert found is None, name


def test_no_code_of_a_function_in_a_vpc_may_touch_its_network() -> None:
    """SAM gives them a managed policy for network interfaces, which Lambda needs and they do not."""
    given = {
        *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"),
        *("ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
    }
    for properties in FUNCTIONS.values():
        if "VpcConfig" in properties:
            (policy,) = properties["Policies"]
            (denied,) = [found for found in policy["Statement"] if found.get("Effect") == "Deny"]
            assert set(denied["Action"]) == given


@pytest.mark.parametrize(
    ("subnets", "groups", "allowed"),
    [([""], [""], True), (["subnet-1"], ["sg-1"], True), (["subnet-1"], [""], False), ([""], ["sg-1"], False)],
)
def test_subnets_and_security_groups_come_together(subnets: list[str], groups: list[str], allowed: bool) -> None:
    parameters = vpc(subnets, groups)
    kept = [
        evaluate(assertion["Assert"], parameters)
        for rule in TEMPLATE["Rules"].values()
        if evaluate(rule["RuleCondition"], parameters)
        for assertion in rule["Assertions"]
    ]
    assert all(kept) is allowed


def _failed_execution(**detail: Any) -> dict[str, Any]:
    """The event's shape: "EventBridge for Step Functions execution status changes" in the Developer Guide."""
    rule = RULES["NotifyFunctionFailedExecution"]
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:lakeferry-ingest"
    return {
        "rule": json.loads(json.dumps(rule["EventPattern"]).replace('{"Ref": "IngestStateMachine"}', f'"{machine}"')),
        "event": {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": {"stateMachineArn": machine, "status": "FAILED", **detail},
        },
    }


@pytest.mark.parametrize(
    ("detail", "mailed"),
    [
        ({"cause": "Mailed. Run Glue job: it broke"}, False),
        ({"cause": "Not mailed. Run Glue job: it broke"}, True),
        ({"cause": "The state transition payload exceeds the maximum"}, True),
        ({"status": "TIMED_OUT", "cause": None}, True),
        ({"status": "ABORTED"}, True),
        ({"status": "SUCCEEDED"}, False),
        ({"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:lakeferry-ingest/Batch"}, False),
    ],
)
def test_a_failed_execution_that_has_not_been_mailed_is(detail: dict[str, Any], mailed: bool) -> None:
    from moto.events.models import EventPattern

    found = _failed_execution(**detail)
    assert EventPattern.load(json.dumps(found["rule"])).matches_event(found["event"]) is mailed


@pytest.mark.parametrize("name", STAGES)
def test_stage_events_are_batches(name: str) -> None:
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    assert Batch.from_event(event).to_json(STAGES[name]) == event


def test_the_poll_event_is_a_feed_item() -> None:
    event = json.loads((ROOT / "events" / "poll.json").read_text())
    item = FeedItem.from_event(event)
    assert f"{item.tenant}/{item.feed}" == item.feed_id


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_a_lock_has_versions_and_hashes_and_no_registry(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert "index-url" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in block
        assert "--hash=sha256:" in block


def test_the_laptop_runs_the_versions_the_functions_run() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    dev = pins("dev.txt")
    for name in (
        "lambda-core.txt",
        "lambda-transfer.txt",
        "lambda-validate.txt",
        "lambda-sla.txt",
        "lambda-report.txt",
        "glue-job.txt",
    ):
        for package, version in pins(name).items():
            assert dev[package] == version, package


def test_exactly_the_functions_that_read_a_feeds_secret_may() -> None:
    reading = {
        name
        for name in FUNCTIONS
        if re.search(
            r"lakeferry\.(partner|aws\.secrets) import",
            (ROOT / "functions" / _folder(name) / "handler.py").read_text(),
        )
    }
    # OpenLineage's key is one secret, of a parameter, and no feed's (tests/unit/test_lineage.py)
    may = {name for name, found in FUNCTIONS.items() if ":secret:${SecretPrefix}" in json.dumps(found["Policies"])}
    of_partners = {"PollFunction", "FetchFunction", "ValidateFunction", "UploadFunction"}
    assert reading == may == {*of_partners, "DeliverFunction"}


@pytest.mark.parametrize(
    ("attributes", "delivered"),
    [
        ({"event": "file_failed", "feed_id": "acme/sales"}, True),
        ({"event": "sla_due", "feed_id": ["acme/sales", "acme/stock"]}, True),
        ({"event": "channel_failed", "feed_id": "acme/sales"}, False),
        ({"event": "run_failed"}, False),
        ({}, False),  # of an alarm
    ],
)
def test_channels_get_what_is_about_feeds_but_never_that_a_channel_does_not_work(
    attributes: dict[str, Any], delivered: bool
) -> None:
    from moto.sns.utils import FilterPolicyMatcher

    policy = FilterPolicyMatcher(SUBSCRIPTIONS["DeliverFunctionMessage"]["FilterPolicy"], None)
    message = {
        name: {"Type": "String.Array", "Value": json.dumps(value)}
        if isinstance(value, list)
        else {"Type": "String", "Value": value}
        for name, value in attributes.items()
    }
    assert policy.matches(message, "") is delivered


def _failed_call(function: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The event's shape: "Invocation record" of a destination, in the Lambda Developer Guide."""
    return {
        "source": "lambda",
        "detail-type": "Lambda Function Invocation Result - Failure",
        "resources": [f"{function}:$LATEST"],
        "detail": {"requestPayload": payload, "responsePayload": {"errorType": "KeyError", "errorMessage": "'x'"}},
    }


@pytest.mark.parametrize(
    ("function", "event", "rule"),
    [
        ("Deliver", "deliver", "NotifyFunctionUndeliveredMessage"),
        ("Notify", "notify", "UnmailedExecutionRule"),
        ("Notify", "alarm", "UnmailedAlarmRule"),
        ("Notify", "deliver", None),  # the plain mail is about an execution, and knows no other words
    ],
)
def test_a_call_that_failed_for_good_is_told_by_the_one_rule_that_can(
    function: str, event: str, rule: str | None
) -> None:
    from moto.events.models import EventPattern

    if event == "alarm":
        payload: dict[str, Any] = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change"}
    else:
        payload = json.loads((ROOT / "events" / f"{event}.json").read_text())
    if (function, event) == ("Notify", "deliver"):
        payload = _failed_call("Deliver", payload)
    failed = _failed_call(f"{function}Function", payload)
    matching = set()
    for name, found in RULES.items():
        pattern = json.dumps(found.get("EventPattern", {"source": ["none"]}))
        pattern = re.sub(r'{"Fn::Sub": "\$\{(\w+)\.Arn\}:\$LATEST"}', r'"\1:$LATEST"', pattern)
        if EventPattern.load(pattern.replace('{"Ref": "IngestStateMachine"}', '"machine"')).matches_event(failed):
            matching.add(name)
    assert matching == ({rule} if rule else set())


def test_the_export_event_tells_the_run_and_when_it_began() -> None:
    event = json.loads((ROOT / "events" / "export_ledger.json").read_text())
    rule = RULES["ExportLedgerFunctionEndedExecution"]["EventPattern"]
    assert event["source"] in rule["source"]
    assert event["detail-type"] in rule["detail-type"]
    assert event["detail"]["status"] in rule["detail"]["status"]
    assert event["detail"]["executionArn"].endswith(event["detail"]["name"])
    assert isinstance(event["detail"]["startDate"], int)


def test_the_glue_job_is_small_by_default_and_shows_what_it_does() -> None:
    job = of_type("AWS::Glue::Job")["CurateJob"]
    assert (job["GlueVersion"], job["WorkerType"], job["MaxRetries"]) == ("5.1", "G.1X", 0)
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["ExecutionClass"] == {"Ref": "GlueExecutionClass"}
    assert TEMPLATE["Parameters"]["GlueExecutionClass"]["AllowedValues"] == ["STANDARD", "FLEX"]
    arguments = job["DefaultArguments"]
    assert arguments["--job-bookmark-option"] == "job-bookmark-disable"
    on = ("auto-scaling", "continuous-cloudwatch-log", "metrics", "observability-metrics", "spark-ui")
    assert {arguments[f"--enable-{name}"] for name in on} == {"true"}
    # a run that finds another one's job at work waits for it
    (state,) = [state for state in states() if state.name == "Run Glue job"]
    assert ["Glue.ConcurrentRunsExceededException"] in [retry["ErrorEquals"] for retry in state.body["Retry"]]
    assert job["Timeout"] * 60 < state.body["TimeoutSeconds"]


def test_queries_are_limited_and_their_results_encrypted_whatever_the_client_asks() -> None:
    (group,) = of_type("AWS::Athena::WorkGroup").values()
    settings = group["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == {"Ref": "AthenaBytesLimit"}
    assert settings["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    properties, template = NESTED["Queries"]
    assert properties["Parameters"]["WorkGroup"] == {"Ref": "QueryWorkGroup"}
    assert all(found["Properties"]["WorkGroup"] == {"Ref": "WorkGroup"} for found in template["Resources"].values())


def test_the_crawler_runs_by_itself_only_if_asked_to() -> None:
    crawler = of_type("AWS::Glue::Crawler")["RawCrawler"]
    assert crawler["Schedule"]["Fn::If"][0] == "HasCrawlerSchedule"
    assert TEMPLATE["Parameters"]["CrawlerSchedule"]["Default"] == ""


def test_eventbridge_may_use_the_key_of_the_encrypted_topic_without_a_condition_it_cannot_meet() -> None:
    """EventBridge sends neither aws:SourceAccount nor aws:SourceArn to KMS: with one, no mail arrives."""
    statements = RESOURCES["DataKey"]["Properties"]["KeyPolicy"]["Statement"]
    of_events = [
        statement for statement in statements if "events.amazonaws.com" in str(statement["Principal"].get("Service"))
    ]
    assert [set(statement["Action"]) for statement in of_events] == [{"kms:Decrypt", "kms:GenerateDataKey*"}]
    assert all("Condition" not in statement for statement in of_events)


def test_what_holds_data_outlives_the_stack_but_not_a_first_deployment_that_fails() -> None:
    kinds = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue", "AWS::Glue::Database"}
    holding = {name: found for name, found in RESOURCES.items() if found["Type"] in kinds}
    assert {found["Type"] for found in holding.values()} == kinds
    for name, found in holding.items():
        assert found.get("DeletionPolicy") == "RetainExceptOnCreate", name
        assert found.get("UpdateReplacePolicy") == "Retain", name


def test_uploads_that_no_sweep_comes_to_are_ended_by_the_buckets_themselves() -> None:
    for bucket in ("LakeBucket", "InboxBucket", "WorkBucket"):
        rules = TEMPLATE["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
        ends = [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
        assert ends == [{"DaysAfterInitiation": 7}], bucket
