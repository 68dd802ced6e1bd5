"""The state machine holds together: with the errors, with the template, with what Step Functions allows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakeferry import errors
from local.template import load
from tests.contract.asl import OWN, ROOT, State, machine, next_states, scopes, states, texts

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


@pytest.mark.parametrize("scope", ["run", "feed", "file"])
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
    assert listed >= RETRYABLE
    assert not {name for name in listed if OWN.fullmatch(name)} - RETRYABLE


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
    one_file = max(len(json.dumps(word)) for word in ("UPLOADED", "FAILED", "RELEASED", "LEFT")) + 1
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text())
    cap = schema["properties"]["files"]["properties"]["max_files_per_run"]["maximum"]
    assert cap * one_file < limit
    one_feed = len(json.dumps({"files": cap, "uploaded": cap, "failed": cap, "released": cap, "undelivered": cap})) + 1
    assert 2_000 * one_feed < limit, "feeds a run"


def test_the_dead_letter_message_is_version_1_and_has_enough_to_go_on_from() -> None:
    letters = [state for state in STATES if state.body.get("Resource") == "arn:aws:states:::sqs:sendMessage"]
    assert {state.scope for state in letters} == {"run", "feed", "file"}
    for state in letters:
        body = state.body["Arguments"]["MessageBody"]
        assert (body["version"], body["kind"]) == (1, state.scope)
        assert set(body) == {
            *("version", "kind", "tenant", "feed", "file", "stage"),
            *("error", "cause", "run", "execution", "at", "resume"),
        }
        assert body["resume"]["trigger"] == "reprocess"
