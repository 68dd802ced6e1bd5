"""The state machine holds together: with the errors, with the template, with what Step Functions allows."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakeferry import errors
from lakeferry.runs import failures
from lakeferry.runs.dead_letters import DeadLetter
from local.template import load
from tests.contract.asl import OWN, ROOT, State, machine, next_states, scopes, states, texts
from validate.fallout import with_report

TEMPLATE = load(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
OURS = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.LakeferryError) and found is not errors.LakeferryError
}
RETRYABLE = {name for name, found in OURS.items() if found.retryable}
LAMBDA_ERRORS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
STATES = states()
TASKS = [state for state in STATES if state.body["Type"] == "Task"]
LAMBDAS = [state for state in TASKS if state.function]


def named(found: list[State]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", found, ids=lambda state: f"{state.scope}-{state.name}")


def test_cfn_lint_finds_nothing_in_the_inlined_definition(tmp_path: Path) -> None:
    definition = machine()
    # AWS documents JSONata here ("Map state in Distributed mode"); cfn-lint's schema knows numbers only
    definition["States"]["For each feed"]["ItemProcessor"]["States"]["For each file"]["MaxConcurrency"] = 4
    text = re.sub(r"\$\{\w+\}", "arn:aws:lambda:eu-west-1:123456789012:function:x", json.dumps(definition))
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/r", "Definition": json.loads(text)}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}},
    }
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(template))
    lint = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    properties["Definition"]["States"]["List feeds"].pop("Resource")
    path.write_text(json.dumps(template))
    assert subprocess.run(lint, capture_output=True, text=True, check=False).returncode != 0, "it would not have told"


def test_each_substitution_is_declared_and_used() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine())))
    assert used == set(RESOURCES["IngestStateMachine"]["Properties"]["DefinitionSubstitutions"])


@named(STATES)
def test_a_state_has_a_comment_and_a_reading_name(state: State) -> None:
    assert len(state.body["Comment"]) > 10
    assert re.fullmatch(r"[A-Z][a-zA-Z -]+\??", state.name)
    assert state.name.endswith("?") == (state.body["Type"] == "Choice")


@named(STATES)
def test_keys_stand_in_reading_order(state: State) -> None:
    order = ["Type", "Comment", "Resource", "Arguments", "TimeoutSeconds", "Assign", "Output", "Retry", "Catch", "Next"]
    keys = [key for key in state.body if key in order]
    assert keys == sorted(keys, key=order.index)


@pytest.mark.parametrize("scope", scopes())
def test_every_state_can_be_reached_and_every_way_leads_somewhere(scope: str) -> None:
    found = scopes()[scope]
    reached, todo = set[str](), {found["StartAt"]}
    while todo:
        name = todo.pop()
        reached.add(name)
        todo |= next_states(found["States"][name]) - reached
    assert reached == set(found["States"])


@named(TASKS)
def test_a_task_has_a_time_out_no_shorter_than_its_functions(state: State) -> None:
    timeout = state.body["TimeoutSeconds"]
    assert 0 < timeout <= 14_400
    if state.function:
        function = RESOURCES[state.function.removesuffix("Arn")]["Properties"]
        assert timeout >= function.get("Timeout", TEMPLATE["Globals"]["Function"].get("Timeout", 3))


@named(LAMBDAS)
def test_a_function_is_retried_for_transient_errors_and_for_no_other_of_ours(state: State) -> None:
    retried = {name for retrier in state.body["Retry"] for name in retrier["ErrorEquals"]}
    assert retried == RETRYABLE | LAMBDA_ERRORS
    for retrier in state.body["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["MaxDelaySeconds"] <= 300


def test_every_error_of_ours_that_the_machine_names_is_there() -> None:
    in_lists = {
        name
        for state in STATES
        for rule in [*state.body.get("Retry", []), *state.body.get("Catch", [])]
        for name in rule["ErrorEquals"]
        if OWN.fullmatch(name)
    }
    assert in_lists <= set(OURS)
    assert {"FileChangedError", "ClaimLostError"} <= in_lists


def test_the_ledger_learns_which_failures_are_transient() -> None:
    (record,) = [state for state in STATES if state.name == "Record file failure"]
    expression = record.body["Arguments"]["ExpressionAttributeValues"][":retryable"]["BOOL"]
    listed = set(re.findall(r"'([\w.]+)'", expression))
    assert listed == failures.TRANSIENT
    assert listed & set(OURS) == RETRYABLE


def test_the_mail_about_a_feed_knows_the_same_failures() -> None:
    (mail,) = [state for state in STATES if state.name == "Mail feed failure"]
    (names,) = re.findall(r"\$feedError in \[(.*?)\]", mail.body["Arguments"]["Message"])
    assert set(re.findall(r"'([\w.]+)'", names)) == failures.TRANSIENT


def test_files_are_given_up_after_as_many_attempts_as_reprocess_makes() -> None:
    substitutions = RESOURCES["IngestStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert substitutions["MaxAttempts"] == TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["MAX_ATTEMPTS"]


@named([state for state in STATES if "Catch" in state.body])
def test_states_all_stands_alone_and_last(state: State) -> None:
    catches = state.body["Catch"]
    assert [catch["ErrorEquals"] for catch in catches].count(["States.ALL"]) == 1
    assert catches[-1]["ErrorEquals"] == ["States.ALL"]
    for rule in [*catches[:-1], *state.body.get("Retry", [])]:
        assert "States.ALL" not in rule["ErrorEquals"]


@named(TASKS)
def test_no_task_fails_uncaught(state: State) -> None:
    assert state.body["Catch"]


@named([state for state in TASKS if state.body["Resource"].split(":::")[1] in {"sqs:sendMessage", "sns:publish"}])
def test_telling_is_retried_and_cannot_hide_the_failure(state: State) -> None:
    assert state.body["Retry"]
    (catch,) = state.body["Catch"]
    seen, todo = set[str](), {catch["Next"]}
    found = scopes()[state.scope]["States"]
    ends = set()
    while todo:
        name = todo.pop()
        seen.add(name)
        if found[name]["Type"] == "Fail":
            ends.add(name)
        todo |= next_states(found[name]) - seen
    assert ends


def test_no_variable_is_assigned_in_two_scopes_or_read_across_a_distributed_map() -> None:
    """Variables do not cross into a Distributed Map, and a name taken outside is refused inside.

    Source: "Passing data between states with variables" in the Step Functions Developer Guide.
    """
    assigned: dict[str, set[str]] = {scope: set() for scope in scopes()}
    read: dict[str, set[str]] = {scope: set() for scope in scopes()}
    for state in STATES:
        for rule in [state.body, *state.body.get("Catch", [])]:
            assigned[state.scope] |= set(rule.get("Assign", {}))
        for text in texts(state.body):
            if text.startswith("{%"):
                local = set(re.findall(r"\$(\w+)\s*:=", text)) | set(re.findall(r"function\(\$(\w+)\)", text))
                used = set(re.findall(r"\$(\w+)\b(?!\s*\()", text)) - local - {"states"}
                read[state.scope] |= used
    for scope, names in assigned.items():
        for other, others in assigned.items():
            assert scope == other or not names & others
        assert read[scope] <= names, f"{scope} reads {read[scope] - names}"


def test_results_fit_into_the_payload() -> None:
    limit = 262_144  # bytes, "Step Functions service quotas"
    words = ("UPLOADED", "FAILED", "DELAYED", "DELAYED_AGAIN", "RELEASED", "LEFT")
    one_file = max(len(json.dumps(word)) for word in words) + 1
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text())
    cap = schema["properties"]["files"]["properties"]["max_files_per_run"]["maximum"]
    assert cap * one_file < limit
    one_feed = len(json.dumps({"files": cap, "uploaded": cap, "failed": cap, "released": cap, "undelivered": cap})) + 1
    assert 2_000 * one_feed < limit, "feeds a run"
    (out,) = [state for state in STATES if state.name == "Feed mail is out"]
    assert 2_000 * (len(json.dumps(out.body["Output"])) + 1) < limit, "mails a run"


@pytest.mark.parametrize(("results", "untold"), [(["MAILED"], 2), (["MAILED"] * 3, 0), ([], 3), ([{"Error": "x"}], 3)])
def test_a_feeds_mail_that_was_not_sent_is_counted(results: list[Any], untold: int) -> None:
    (state,) = [found for found in STATES if found.name == "For each feed mail"]
    counted = evaluated(state.body["Assign"]["untold"], feedMails=3, untold=4, states={"result": results})
    assert counted == 4 + untold


LETTERS = [state for state in STATES if state.body.get("Resource") == "arn:aws:states:::sqs:sendMessage"]
ARN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:run-1"
WORST = "\u00e4" * 6000
"""Longer than a cause may be, and each character more than a byte."""
VARIABLES: dict[str, Any] = {
    "file": {
        **{"tenant": "acme", "feed": "sales", "run": ARN, "path": "/" + "p" * 900, "size": 9, "mtime": 1},
        **{"feed_id": "acme/sales", "file_id": "/" + "p" * 899 + "#9#1"},
    },
    "item": {"tenant": "acme", "feed": "sales", "run": ARN},
    **{f"{scope}Error": "FileRejectedError" for scope in ("file", "feed", "run")},
    **{f"{scope}Stage": "List feeds" for scope in ("file", "feed", "run")},
    **{f"{scope}Attempt": 2 for scope in ("file", "feed")},
    "states": {"context": {"Execution": {"Id": ARN, "Input": {"trigger": "schedule"}}}},
}


def evaluated(value: Any, **variables: Any) -> Any:
    """What JSONata makes of a field of a state."""
    import jsonata

    if isinstance(value, dict):
        return {key: evaluated(item, **variables) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item, **variables) for item in value]
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    declared = "".join(f"${name}:={json.dumps(found)};" for name, found in {**VARIABLES, **variables}.items())
    expression = jsonata.Jsonata(f"({declared}{value[2:-2]})")
    expression.register_lambda("hash", lambda text, algorithm: hashlib.sha256(text.encode()).hexdigest())
    expression.register_lambda("parse", json.loads)
    result = expression.evaluate(None)
    return None if result is None else json.loads(json.dumps(result))


def test_one_kind_of_message_a_scope() -> None:
    assert [state.scope for state in LETTERS] == ["run", "feed", "file"]
    assert [state.body["Arguments"]["MessageBody"]["kind"] for state in LETTERS] == ["run", "feed", "file"]


@named(LETTERS)
def test_the_dead_letter_is_of_version_1_and_leads_back_to_what_failed(state: State) -> None:
    catch = next(
        rule
        for found in STATES
        for rule in found.body.get("Catch", [])
        if f"{state.scope}Cause" in rule.get("Assign", {})
    )
    cause = evaluated(
        catch["Assign"][f"{state.scope}Cause"], states={"errorOutput": {"Cause": json.dumps({"errorMessage": WORST})}}
    )
    arguments = evaluated(state.body["Arguments"], **{f"{state.scope}Cause": cause})
    body = json.dumps(arguments["MessageBody"])
    assert len(body.encode()) < 262_144 // 8, "bytes, of the payload's 256 KiB"
    letter = DeadLetter.parse(body)
    assert (letter.kind, letter.error, letter.run) == (state.scope, "FileRejectedError", ARN)
    assert letter.cause == WORST[:4000]
    assert arguments["MessageBody"]["link"].endswith("#/v2/executions/details/" + ARN)
    assert (
        letter.resume
        == {
            "run": {"trigger": "reprocess"},
            "feed": {"trigger": "reprocess", "feeds": ["acme/sales"]},
            "file": {"trigger": "reprocess", "files": [{"feed_id": "acme/sales", "file_id": letter.file_id}]},
        }[state.scope]
    )
    assert re.fullmatch("[0-9a-f]{64}", arguments["MessageDeduplicationId"])


def test_what_was_given_by_name_is_given_by_name_again() -> None:
    (state,) = [found for found in LETTERS if found.scope == "feed"]
    resume = state.body["Arguments"]["MessageBody"]["resume"]
    for names in (["a#1#2"], ["a#1#2", "b#1#2"]):
        found = evaluated(resume, item={**VARIABLES["item"], "files": names})
        assert found == {
            "trigger": "reprocess",
            "files": [{"feed_id": "acme/sales", "file_id": name} for name in names],
        }


def test_a_run_that_failed_after_its_feeds_polls_none_again() -> None:
    (state,) = [found for found in LETTERS if found.scope == "run"]
    resume = state.body["Arguments"]["MessageBody"]["resume"]
    assert evaluated(resume, runStage="Run Glue job") == {"trigger": "reprocess", "feeds": []}
    given = {"context": {"Execution": {"Id": ARN, "Input": {"trigger": "by_hand", "feeds": ["acme/sales"]}}}}
    assert evaluated(resume, runStage="For each feed", states=given) == {
        "trigger": "reprocess",
        "feeds": ["acme/sales"],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"kind": "row"},
        {"file": None},
        {"attempt": 0},
        {"cause": "x" * 4001},
        {"resume": {}},
        {"more": 1},
    ],
)
def test_another_message_is_refused_by_name(change: dict[str, Any]) -> None:
    (state,) = [found for found in LETTERS if found.scope == "file"]
    body = evaluated(state.body["Arguments"]["MessageBody"], fileCause="it broke")
    with pytest.raises(errors.DeadLetterInvalidError, match="version 1"):
        DeadLetter.parse(json.dumps({**body, **change}))


@named([state for state in TASKS if state.body["Resource"] == "arn:aws:states:::sns:publish"])
def test_a_mail_has_an_event_and_a_severity_and_the_feed_if_it_is_of_one(state: State) -> None:
    attributes = set(state.body["Arguments"]["MessageAttributes"])
    assert attributes == {"event", "severity"} | ({"tenant", "feed", "feed_id"} if state.scope != "run" else set())


FAILURE = {
    "name": "a.csv",
    "path": "/out/a.csv",
    "error": "FileRejectedError",
    "stage": "Validate file",
    "cause": "Broken.",
}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("Mail feed failure", ": ./lakeferry reprocess --feed acme/sales --stack lakeferry --yes\n"),
        ("Mail run failure", ": ./lakeferry reprocess --runs --stack lakeferry --yes\n"),
    ],
)
def test_a_mails_command_can_be_typed_as_it_stands(name: str, command: str) -> None:
    (state,) = [found for found in STATES if found.name == name]
    mail = evaluated(state.body["Arguments"]["Message"], feedCause="It broke.", runCause="It broke.")
    assert command in mail


def test_a_rejected_files_report_is_not_cut_off_the_mail() -> None:
    (state,) = [found for found in STATES if found.name == "Read failures"]
    cause = with_report("\u00e4" * 6000, "b" * 63, "fallout/" + "k" * 300 + ".report.txt")
    item = {name: {"S": value} for name, value in {**FAILURE, "cause": cause[:4000]}.items()}
    (read,) = evaluated(state.body["Assign"]["failures"], states={"result": {"Items": [item]}})
    assert read["cause"].endswith(" Report: s3://" + "b" * 63 + "/fallout/" + "k" * 300 + ".report.txt")


@pytest.mark.parametrize(
    ("failures", "stuck", "delayed", "subject", "says"),
    [
        (
            [FAILURE],
            1,
            0,
            "a.csv failed",
            [
                "/out/a.csv",
                "FileRejectedError",
                "Broken.",
                ": ./lakeferry reprocess --feed acme/sales --stack lakeferry --yes\n",
            ],
        ),
        ([{**FAILURE, "error": "ServerUnavailableError"}], 0, 1, "a.csv delayed", ["15 minutes", "Nothing yet"]),
        (
            [FAILURE, {**FAILURE, "cause": "Too short. Report: s3://lake/fallout/b.report.txt"}],
            2,
            0,
            "2 of 240 files failed",
            ['in "Validate file"\n', 'in "Validate file", report: s3://lake/fallout/b.report.txt\n'],
        ),
        ([FAILURE] * 5, 150, 50, "200 of 240 files failed", ["- a.csv: FileRejectedError", "150 wait", "50 failed"]),
        (
            [],
            2,
            0,
            "2 of 240 files failed",
            [
                "2 of 240 files of acme/sales failed.",
                ": ./lakeferry reprocess --feed acme/sales --stack lakeferry --yes\n",
            ],
        ),
    ],
)
def test_a_storm_is_one_mail_with_a_count_and_one_failure_is_named(
    failures: list[Any], stuck: int, delayed: int, subject: str, says: list[str]
) -> None:
    (state,) = [found for found in STATES if found.name == "Mail failures"]
    variables = {"failures": failures, "stuck": stuck, "delayed": delayed, "files": 240}
    mail = evaluated(state.body["Arguments"], **variables)
    assert mail["Subject"] == f"[Lakeferry] acme/sales: {subject}"
    assert len(mail["Subject"]) <= 100
    for text in says:
        assert text in mail["Message"]
    assert mail["MessageAttributes"]["severity"]["StringValue"] == ("error" if stuck else "warning")
