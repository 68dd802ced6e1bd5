"""The state machine holds together: with the errors, with the template, with what Step Functions allows."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lakeferry import errors
from lakeferry.batches import STAGES, Batch, BatchFile
from lakeferry.mails.mail import Mail
from lakeferry.runs.dead_letters import DeadLetter
from local.template import load
from poll.dealing import PATH_BYTES
from tests.contract.asl import OWN, PATH, ROOT, State, machine, next_states, scopes, states, texts

TEMPLATE = load(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
OURS = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.LakeferryError) and found is not errors.LakeferryError
}
RETRYABLE = {name for name, found in OURS.items() if found.retryable}
FULL = {
    *("Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Lambda.ENILimitReachedException"),
    "Lambda.SubnetIPAddressLimitReachedException",
}
"""The account, or the subnet, has no room just then: waited out."""
LAMBDA_ERRORS = FULL | {
    *("Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException"),
    *("Lambda.SdkClientException", "Lambda.EC2UnexpectedException", "Lambda.ResourceNotReadyException"),
    "Lambda.ResourceConflictException",  # the function is being updated
}
"""Lambda's own that pass ("Invoke", Lambda API Reference). Not EC2AccessDeniedException, InvalidSubnetIDException,
KMSAccessDeniedException and their kind: those are a person's to correct."""
STATES = states()
TASKS = [state for state in STATES if state.body["Type"] == "Task"]
LAMBDAS = [state for state in TASKS if state.function]


def named(found: list[State]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", found, ids=lambda state: f"{state.scope}-{state.name}")


@pytest.mark.slow(seconds=25)
def test_cfn_lint_finds_nothing_in_the_inlined_definition(tmp_path: Path) -> None:
    definition = machine()
    # AWS documents JSONata here ("Map state in Distributed mode"); cfn-lint's schema knows numbers only
    definition["States"]["For each feed"]["MaxConcurrency"] = 100
    definition["States"]["For each feed"]["ItemProcessor"]["States"]["For each batch"]["MaxConcurrency"] = 4
    text = json.dumps(definition).replace("${Partition}", "aws")
    text = re.sub(r"\$\{\w+\}", "arn:aws:lambda:eu-west-1:123456789012:function:x", text)
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
        assert "BackoffRate" not in retrier, "2 is the default"


@named(LAMBDAS)
def test_want_of_room_is_waited_out_for_hours(state: State) -> None:
    """Full jitter waits half of each interval on average: half a day, and then `reprocess` takes it up."""
    (retrier,) = [one for one in state.body["Retry"] if set(one["ErrorEquals"]) & FULL]
    assert set(retrier["ErrorEquals"]) == FULL, "what breaks is not tried for hours"
    intervals = [
        min(retrier["IntervalSeconds"] * 2**n, retrier["MaxDelaySeconds"]) for n in range(retrier["MaxAttempts"])
    ]
    assert sum(intervals) / 2 > 12 * 3600
    assert sum(intervals) / 2 < 24 * 3600


def test_what_passes_in_lambda_is_taken_again_by_itself_if_even_the_retries_do_not_help() -> None:
    assert all(errors.cause_of(name).retryable for name in LAMBDA_ERRORS)
    assert not errors.cause_of("Lambda.EC2AccessDeniedException").retryable


GROWING = [
    *(state for state in LAMBDAS if "$states.input" in str(state.body["Arguments"]["Payload"])),
    *(state for state in STATES if state.body["Type"] == "Map"),
]
"""States whose input, result or variables are as large as what a run has to do: not those that hand on a count."""


def test_the_states_that_grow_are_these() -> None:
    assert {state.name for state in GROWING} == {
        *("List feeds", "Poll server", "Fetch files", "Validate files", "Upload files"),
        *("For each feed", "For each batch", "For each failed file", "For each mail"),
    }


@named(GROWING)
def test_a_payload_that_is_too_large_is_caught_by_name(state: State) -> None:
    """States.ALL does not catch it ("Handling errors in Step Functions workflows"); sizes are bounded all the same."""
    by_name, all_others = state.body["Catch"]
    assert by_name["ErrorEquals"] == ["States.DataLimitExceeded"]

    def does(rule: dict[str, Any]) -> dict[str, Any]:
        assign = {key: value for key, value in rule.get("Assign", {}).items() if key != "longest"}
        return {**rule, "Assign": assign, "ErrorEquals": []}

    assert does(by_name) == does(all_others)


def test_every_error_of_ours_that_the_machine_names_is_there() -> None:
    in_lists = {
        name
        for state in STATES
        for rule in [*state.body.get("Retry", []), *state.body.get("Catch", [])]
        for name in rule["ErrorEquals"]
        if OWN.fullmatch(name)
    }
    assert in_lists == RETRYABLE


def test_the_ledger_learns_which_failures_are_transient() -> None:
    (record,) = [state for state in STATES if state.name == "Record file failure"]
    expression = record.body["Arguments"]["ExpressionAttributeValues"][":retryable"]["BOOL"]
    (take,) = [state for state in STATES if state.name == "Take failed file"]
    listed = take.body["Assign"]["transient"]
    assert set(listed) == errors.TRANSIENT
    assert len(listed) == len(errors.TRANSIENT)
    assert set(listed) & set(OURS) == RETRYABLE
    for error in (*errors.TRANSIENT, "FileRejectedError", "ValueError"):
        assert evaluated(expression, transient=listed, fileError=error) is errors.cause_of(error).retryable


@named(
    [state for state in STATES if state.function or state.name in {"For each batch", "For each feed", "For each mail"}]
)
def test_a_catch_notes_the_stage_and_one_state_a_scope_reads_the_cause(state: State) -> None:
    """An error is read once: whatever a state's Catch keeps of it is kept as it came."""
    catch = state.body["Catch"][-1]
    if state.name.startswith("Describe"):
        return
    if state.name == "Curate small":
        assert catch["Next"] == "Run Glue job", "which does it all, and is what the run fails at"
        return
    assert catch["Assign"][f"{state.scope}Stage"] == state.name
    kept = {key for key, value in catch["Assign"].items() if "errorOutput" in str(value)}
    assert kept <= {"crawlError"}
    assert "Output" not in catch
    if catch["Next"] != "Who curates?":
        assert catch["Next"] == f"Read {state.scope} cause"
    readers = [found for found in STATES if "errorMessage" in json.dumps(found.body.get("Assign", {}))]
    assert [found.name for found in readers] == ["Read run cause", "Read feed cause", "Read batch cause"]


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
        # an item of an inline Map that failed would end its neighbours: its word makes the run fail instead
        if found[name]["Type"] == "Fail" or found[name].get("Output") == "UNDELIVERED":
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
    words = ("UPLOADED", "FAILED", "DELAYED", "DELAYED_AGAIN", "RELEASED", "LEFT", "OUT_OF_TIME", "UNDELIVERED")
    one_file = max(len(json.dumps(word)) for word in words) + 1
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text())
    cap = schema["properties"]["files"]["properties"]["max_files_per_run"]["maximum"]
    assert cap * one_file < limit
    (done,) = [state for state in STATES if state.name == "Feed is done"]
    counts = dict.fromkeys(("files", "uploaded", "failed", "released", "undelivered"), 0)
    one_feed = evaluated(done.body["Output"], counts=counts | {"files": cap, "uploaded": cap // 2, "failed": cap // 2})
    assert one_feed == "10000 5000 5000 0 0"
    assert 10_000 * (len(json.dumps(one_feed)) + 1) < limit, "feeds a run"
    (send,) = [state for state in STATES if state.name == "Send mail"]
    word = evaluated(send.body["Output"], states={"input": MAIL.to_json()})
    assert word == "feed_succeeded"
    assert 10_000 * (len(json.dumps(word)) + 1) < limit, "mails a run"


@pytest.mark.parametrize(
    ("results", "undelivered"),
    [
        ([], 3),
        (["5 5 0 0 0", "5 1 4 0 2", "0 0 1 0 0"], 2),
        (["5 5 0 0 0", "12 1 4 0 10"], 11),
        (["5 5 0 0 0"], 2),
        ([{"Error": "x"}, "5 5 0 0 1", {"Error": "y"}], 3),
        ([{"Error": "x"}] * 3, 3),
    ],
)
def test_a_feed_whose_failure_was_not_delivered_is_counted(results: list[Any], undelivered: int) -> None:
    (state,) = [found for found in STATES if found.name == "For each feed"]
    found = evaluated(state.body["Assign"]["undelivered"], feeds=3, states={"result": results})
    assert found == undelivered


OF_RUN, OF_FEED, OF_ASIDE = "run_succeeded", "feed_succeeded", "feed_set_aside"


@pytest.mark.parametrize(
    ("results", "undelivered", "summary"),
    [
        ([OF_RUN], 2, True),
        ([OF_RUN, OF_FEED, OF_FEED], 0, True),
        ([OF_RUN, OF_FEED, OF_ASIDE], 0, True),
        ([OF_FEED], 2, False),
        ([], 3, False),
        ([{"Error": "x"}], 3, False),
    ],
)
def test_a_mail_that_was_not_sent_is_counted(results: list[Any], undelivered: int, summary: bool) -> None:
    (state,) = [found for found in STATES if found.name == "For each mail"]
    variables = {"mails": 3, "undelivered": 4, "states": {"result": results}}
    assert evaluated(state.body["Assign"], **variables) == {
        "undelivered": 4 + undelivered,
        "isSummarySent": summary,
    }


def test_failures_that_cannot_be_mailed_keep_the_error_of_the_first_in_sight() -> None:
    (state,) = [found for found in STATES if found.name == "Read failures"]
    item = {name: {"S": name} for name in ("path", "error", "stage", "cause")}
    for count, error in ((2, "error"), (0, "FilesFailed")):
        assigned = evaluated(state.body["Assign"], states={"result": {"Count": count, "Items": [item] * count}})
        assert assigned["feedError"] == error
        assert len(assigned["failures"]) == count


def test_a_feeds_files_are_counted_by_their_words() -> None:
    (state,) = [found for found in STATES if found.name == "For each batch"]
    results = [
        "UPLOADED UPLOADED UPLOADED",
        "UPLOADED FAILED DELAYED DELAYED LEFT",
        "RELEASED DELAYED_AGAIN OUT_OF_TIME",
        "UNDELIVERED",
        {"Error": "x"},
    ]
    found = evaluated(state.body["Assign"], files=14, states={"result": results})
    assert found["counts"] == {"files": 14, "uploaded": 4, "failed": 4, "released": 3, "undelivered": 3}
    assert (found["stuck"], found["delayed"]) == (1, 2)
    found = evaluated(state.body["Assign"], files=5, states={"result": [" ".join(["UPLOADED"] * 5)]})
    assert found["counts"] == {"files": 5, "uploaded": 5, "failed": 0, "released": 0, "undelivered": 0}
    found = evaluated(state.body["Assign"], files=5, states={"result": []})
    assert found["counts"] == {"files": 5, "uploaded": 0, "failed": 0, "released": 0, "undelivered": 5}


def of_batch(name: str) -> dict[str, Any]:
    (state,) = [found for found in STATES if found.name == name]
    return state.body


def in_batch(number: int, **more: Any) -> dict[str, Any]:
    files = [BatchFile(f"/out/{at}.csv", 9, 1) for at in range(number)]
    return Batch("acme", "sales", ARN, files, **more).to_json("Fetch files")


def after(batch: dict[str, Any], stage: str, error: str, cause: str = "it broke") -> dict[str, Any]:
    """The batch once a stage's call has failed for good, as the machine goes on with it."""
    caught = evaluated(of_batch(stage)["Catch"][-1]["Assign"], states={"input": batch})
    output = {"Error": error, "Cause": json.dumps({"errorMessage": cause})}
    variables = caught | evaluated(of_batch("Read batch cause")["Assign"], states={"input": output}, **caught)
    choices = of_batch("Was batch killed?")["Choices"]
    conditions = [evaluated(choice["Condition"], **variables) for choice in choices]
    assert all(isinstance(one, bool) for one in conditions)
    following = next((one["Next"] for one, holds in zip(choices, conditions, strict=True) if holds), "Fail files")
    found: dict[str, Any] = evaluated(of_batch(following)["Output"], **variables)
    return found


KILLED = ("States.Timeout", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown", "States.DataLimitExceeded")
NO_MEMORY = "Runtime.ExitError"


@pytest.mark.parametrize("error", KILLED)
def test_after_a_call_that_was_killed_files_run_one_by_one_and_the_one_that_kills_fails_alone(error: str) -> None:
    batch = in_batch(3, again=[BatchFile("/out/again.csv", 9, 1, tries=1)])
    alone = after(batch, "Validate files", error)
    assert alone == {**batch, "alone": True, "next": "Validate files"}
    if error == NO_MEMORY:  # a function that cannot even say so
        alone["files"][0]["killed"] = 2
    failed = after(alone, "Validate files", error, "out of memory")
    assert [file["path"] for file in failed["files"]] == ["/out/1.csv", "/out/2.csv"]
    assert (failed["next"], failed["alone"], failed["again"]) == ("Validate files", True, batch["again"])
    (letter,) = failed["failed"]
    assert letter == {
        **alone["files"][0],
        **{"tenant": "acme", "feed": "sales", "feed_id": "acme/sales", "run": ARN},
        **{"stage": "Validate files", "error": error, "cause": "out of memory"},
    }


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("stage", STAGES.values())
def test_a_file_that_is_alone_when_the_function_ends_is_tried_once_more_and_then_is_the_functions_to_fail(
    stage: str, number: int
) -> None:
    batch = in_batch(number, alone=number > 1)
    for kills in (1, 2):
        first, *others = batch["files"]
        batch = after(batch, stage, NO_MEMORY)
        assert batch["files"] == [{**first, "killed": kills}, *others]
        assert (batch["next"], batch["alone"], batch["failed"]) == (stage, True, [])
    batch = after(batch, stage, NO_MEMORY)
    assert [letter["error"] for letter in batch["failed"]] == [NO_MEMORY], "no function lives to say so: it ends here"
    assert len(batch["files"]) == number - 1


@pytest.mark.parametrize("number", [1, 2, 50])
def test_what_is_the_servers_fails_each_file_of_the_call_and_none_that_comes_again(number: int) -> None:
    batch = in_batch(number, again=[BatchFile("/out/again.csv", 9, 1)], failed=[{"path": "/out/before.csv"}])
    found = after(batch, "Fetch files", "LoginRejectedError")
    assert [file["path"] for file in found["failed"]] == [
        "/out/before.csv", *(f"/out/{at}.csv" for at in range(number))
    ]  # fmt: skip
    assert (found["files"], found["again"], found["next"]) == (batch["again"], [], "Fetch files")
    done = after(in_batch(number), "Fetch files", "LoginRejectedError")
    assert (done["files"], done["next"], len(done["failed"])) == ([], "end", number)


@pytest.mark.parametrize("error", [error for error in KILLED if error != NO_MEMORY])
def test_one_file_that_is_out_of_time_fails_at_once(error: str) -> None:
    assert after(in_batch(1), "Validate files", error)["next"] == "end"


def test_a_batch_of_the_longest_names_and_causes_fits_into_the_payload() -> None:
    files = [
        {**BatchFile("/" + "p" * (PATH_BYTES // 100 - 1), 10**12, 2 * 10**9, 4).to_json(), "tries": 4}
        for _ in range(100)
    ]
    batch = {**in_batch(0), "files": files}
    found = after(batch, "Upload files", "ServerUnavailableError", WORST)
    assert len(json.dumps(found, ensure_ascii=False).encode()) < 262_144


def test_a_batch_ends_with_a_word_for_each_file() -> None:
    batch = in_batch(0, outcomes=["LEFT", "UPLOADED"])
    told = evaluated(of_batch("For each failed file")["Output"], states={"input": batch, "result": ["FAILED"]})
    assert evaluated(of_batch("Batch is done")["Output"], states={"input": told}) == "LEFT UPLOADED FAILED"
    assert evaluated(of_batch("Batch is done")["Output"], states={"input": batch}) == "LEFT UPLOADED"


@pytest.mark.parametrize(
    ("error", "failed_at", "now", "is_news"),
    [
        (None, None, "2026-11-24T06:00:00.000Z", True),
        ("LoginRejectedError", "2026-11-24T06:00:00.000Z", "2026-11-24T07:00:00.000Z", False),
        ("ServerUnavailableError", "2026-11-24T06:00:00.000Z", "2026-11-24T07:00:00.000Z", True),
        ("LoginRejectedError", "2026-11-25T05:59:00.000Z", "2026-11-25T06:00:00.000Z", True),
        ("LoginRejectedError", "2026-11-25T06:00:00.000Z", "2026-11-25T07:00:00.000Z", False),
        # a feed that is polled each 6 hours hears of it as often as one that is polled each minute
        ("LoginRejectedError", "2026-11-25T00:00:00.000Z", "2026-11-25T06:00:00.000Z", True),
        ("LoginRejectedError", "2026-11-26T18:00:00.000Z", "2026-11-27T00:00:00.000Z", False),
    ],
)
def test_an_outage_is_news_when_it_begins_when_its_reason_changes_and_once_a_day(
    error: str | None, failed_at: str | None, now: str, is_news: bool
) -> None:
    (state,) = [found for found in STATES if found.name == "Is failure news?"]
    before = None
    if error is not None:
        since = {"failing_since": {"S": "2026-11-24T06:00:00.000Z"}}
        before = {**since, "error": {"S": error}, "failed_at": {"S": failed_at}, "failed_polls": {"N": "9"}}
    assert is_told(state.body, before, now) is is_news


def is_told(choice: Mapping[str, Any], before: object, now: str) -> bool:
    """Whether the first condition that is true leads to a mail."""
    for one in choice["Choices"]:
        condition = one["Condition"].replace("$now()", f"'{now}'")
        found = evaluated(condition, feedBefore=before, feedError="LoginRejectedError")
        assert isinstance(found, bool), "what is no boolean fails the execution"
        if found:
            return bool(one["Next"] == "Describe failure")
    assert choice["Default"] == "Feed is done"
    return False


@pytest.mark.parametrize(
    ("failed_at", "now", "is_news"),
    [
        (None, "2026-11-24T11:59:59.000Z", False),
        ("2026-11-23T10:00:00.000Z", "2026-11-24T11:59:59.999Z", False),
        ("2026-11-24T11:00:00.000Z", "2026-11-24T12:00:00.000Z", True),
        ("2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00.000Z", False),
        (None, "2026-11-24T12:30:00.000Z", True),
    ],
)
def test_a_muted_outage_is_told_at_the_first_failure_after_the_mute(
    failed_at: str | None, now: str, is_news: bool
) -> None:
    (state,) = [found for found in STATES if found.name == "Is failure news?"]
    before: dict[str, Any] = {"muted_until": {"S": "2026-11-24T12:00:00.000Z"}}
    if failed_at is not None:
        since = {"failing_since": {"S": "2026-11-23T10:00:00.000Z"}, "failed_polls": {"N": "9"}}
        before |= {**since, "error": {"S": "LoginRejectedError"}, "failed_at": {"S": failed_at}}
    assert is_told(state.body, before, now) is is_news


LETTERS = [state for state in STATES if state.body.get("Resource") == "arn:${Partition}:states:::sqs:sendMessage"]
ARN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:run-1"
WORST = "\u00e4" * 6000
"""Longer than a cause may be, and each character more than a byte."""
VARIABLES: dict[str, Any] = {
    "file": {
        **{"tenant": "acme", "feed": "sales", "run": ARN, "path": "/" + "p" * 900, "size": 9, "mtime": 1},
        **{"feed_id": "acme/sales", "file_id": "/" + "p" * 899 + "#9#1"},
    },
    "item": {"tenant": "acme", "feed": "sales", "run": ARN},
    "feedId": "acme/sales",
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
    output = {"Error": "FileRejectedError", "Cause": json.dumps({"errorMessage": WORST})}
    if state.scope == "file":
        (failed,) = after({**in_batch(0), "files": [VARIABLES["file"]]}, "Validate files", *output.values())["failed"]
        (take,) = [found for found in STATES if found.name == "Take failed file"]
        assigned = evaluated(take.body["Assign"], states={"input": {**failed, "cause": WORST[:4000]}})
    else:
        (read,) = [found for found in STATES if found.name == f"Read {state.scope} cause"]
        assigned = evaluated(read.body["Assign"], states={"input": output})
    arguments = evaluated(state.body["Arguments"], **assigned)
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
    (read,) = [found for found in STATES if found.name == "Read feed cause"]
    resume = state.body["Arguments"]["MessageBody"]["resume"]
    for names in (["a#1#2"], ["a#1#2", "b#1#2"]):
        item = {**VARIABLES["item"], "files": names}
        found = evaluated(resume, item=item, feedResume=evaluated(read.body["Assign"]["feedResume"], item=item))
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


MAIL = Mail("feed_succeeded", "info", "it landed", "WHAT  It landed.", "acme", ("sales",))
PUBLISHING = [state for state in TASKS if state.body["Resource"] == "arn:${Partition}:states:::sns:publish"]
DESCRIBING = [state for state in STATES if state.function == "DescribeFunctionArn"]


@named(PUBLISHING)
def test_a_mail_goes_out_as_the_room_of_words_made_it(state: State) -> None:
    found = MAIL.to_json()
    variables = {"mail": found, "runMail": found, "news": found, "states": {"input": found}}
    assert evaluated(state.body["Arguments"], **variables) == {
        "TopicArn": "${TopicArn}",
        "Subject": MAIL.subject,
        "Message": MAIL.text,
        "MessageAttributes": MAIL.attributes,
    }


@named(DESCRIBING)
def test_where_words_cannot_be_had_the_machine_has_plain_ones(state: State) -> None:
    """The dead letter is sent before, and what SNS would refuse cannot come of a cause."""
    before = [found.name for found in STATES if state.name in next_states(found.body) and found.scope == state.scope]
    assert {"Is failure news?", "Read failures"} == set(before) or before == ["Send run to dead-letter queue"]
    (catch,) = state.body["Catch"]
    assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], state.body["Next"])
    hostile = "it broke\n\nDO  pay\u202e " + WORST
    event = "run_failed" if state.scope == "run" else "feed_failed"
    variables = {f"{state.scope}Cause": hostile, "feedEvent": event, f"{state.scope}Error": "\u00e4" * 200}
    ((_, mail),) = evaluated(catch["Assign"], **variables).items()
    assert mail.keys() == {"subject", "message", "attributes"}
    assert re.fullmatch("[ -~]{20,100}", mail["subject"])
    assert [line for line in mail["message"].splitlines() if line.startswith("DO")] == []
    assert "it broke" in mail["message"]
    assert ARN in mail["message"]
    tenant = None if state.scope == "run" else "acme"
    made = Mail(event, "x", "", "", tenant, ("sales",))
    assert mail["attributes"].keys() == made.attributes.keys()
    for name in mail["attributes"].keys() - {"severity"}:
        assert mail["attributes"][name] == made.attributes[name]


def test_the_machine_reads_well() -> None:
    """It is the file that is deployed, run and shown: no step makes it from another."""
    lines = PATH.read_text("utf-8").splitlines()
    assert len(lines) < 1_000
    assert max(map(len, lines)) <= 200
    for state in STATES:
        for text in texts(state.body):
            assert "\n" not in text, f"{state.name}: a raw line break in JSONata"
