"""The local stack on a small template: nested maps, functions as processes, objects as files, what is kept."""

import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.console.states import StateLog
from local import glue, reached
from local.aws import LocalAws
from local.stack import Event

TEMPLATE = Path(__file__).parent / "stack" / "template.yaml"
FILES = [{"tenant": "acme", "feed": "one", "path": f"/a/{name}"} for name in ("1", "2", "3")]
INPUT = {
    "feeds": [
        {
            "tenant": "acme",
            "feed": "one",
            "delivered": [FILES[0], {**FILES[1], "fail": 'so "so"'}, {**FILES[2], "fail": "hard"}],
        },
        {"tenant": "globex", "feed": "two", "delivered": []},
    ]
}


class Stack:
    """A run of the small machine and what was seen of it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        glue.hooks.crawl = lambda name: None
        glue.hooks.run_job = lambda name, arguments: (True, "")

    def run(self, **changes: Any) -> dict[str, Any]:
        return self.aws.wait(self.aws.start_execution({**INPUT, **changes}), timeout=120)

    def invocations(self, name: str) -> list[Any]:
        return [call for call in self.aws.workers.invocations if name in call.function]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with LocalAws(template=TEMPLATE, folder=tmp_path_factory.mktemp("small"), time_scale=0.01) as aws:
        yield Stack(aws)


@pytest.fixture(scope="module")
def ended(stack: Stack) -> dict[str, Any]:
    return stack.run()


def test_a_nested_stack_is_deployed_with_what_it_is_given(stack: Stack) -> None:
    (alarm,) = stack.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    queue = stack.aws.resources["DeadLetterQueue"].rsplit("/", 1)[-1]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue}]


def test_nested_distributed_maps_run_and_failed_items_fail_alone(ended: dict[str, Any]) -> None:
    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    output = json.loads(ended["output"])
    assert output["results"] == [["DONE", 'LostError: so "so"', None], []]
    assert (output["crawl"], output["job"]) == ("SUCCEEDED", "SUCCEEDED")


def test_what_a_start_has_made_is_no_longer_looked_through_for_garbage_and_all_else_is(stack: Stack) -> None:
    assert gc.get_freeze_count() > 10_000
    assert gc.isenabled()


def test_states_inside_items_are_reported(stack: Stack, ended: dict[str, Any]) -> None:
    seen = {(event.item, event.state, event.kind) for event in stack.aws.events}
    assert ("acme/one 1", "Fetch", "entered") in seen
    assert ("acme/one 2", "Failed", "exited") in seen
    assert ("acme/one", "For each file", "exited") in seen
    assert {event.run for event in stack.aws.events} == {ended["executionArn"]}


def test_what_states_were_given_and_failed_with_stays_in_the_folder(stack: Stack, ended: dict[str, Any]) -> None:
    log = StateLog(stack.aws.work_folder / "states" / f"{ended['executionArn'].rsplit(':', 1)[-1]}.jsonl")
    log.look()
    entered = [event for event in stack.aws.events if event.kind == "entered" and event.run == ended["executionArn"]]
    assert len(log.entries) == len(entered)
    assert all(one.left for one in log.entries)
    (hard,) = (one for one in log.entries if one.state == "Failed hard")
    assert (hard.outcome, hard.error) == ("failed", "LostError: hard")
    (lost,) = (one for one in log.entries if one.state == "Fetch" and one.item == "acme/one 2")
    assert [error.partition(":")[0] for error in lost.retries] == ["LostError", "LostError"]
    assert lost.outcome == "failed"
    assert lost.error.startswith("LostError")
    (good,) = (one for one in log.entries if one.state == "Fetch" and one.item == "acme/one 1")
    assert (good.outcome, good.retries, good.feed_id) == ("good", [], "acme/one")
    assert "{" in log.data(good.given)


def test_others_on_this_machine_find_the_aws_that_runs(stack: Stack) -> None:
    assert reached.find(stack.aws.folder) == (stack.aws.endpoint, dict(stack.aws.resources))
    assert reached.find(stack.aws.folder / "elsewhere") is None


def test_a_function_that_raises_is_retried_as_the_machine_says(stack: Stack, ended: dict[str, Any]) -> None:
    assert [call.error for call in stack.invocations("Echo")].count("LostError") == 6


def test_a_function_is_killed_at_its_time_out(stack: Stack, ended: dict[str, Any]) -> None:
    (call,) = stack.invocations("Slow")
    assert call.error == "Sandbox.Timedout"
    assert 0.9 < call.seconds < 5
    assert call.peak_bytes is None


def test_a_function_has_the_environment_of_the_template_and_no_other(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "green")
    answer = stack.aws.client("lambda").invoke(
        FunctionName=stack.aws.resources["EchoFunction"], Payload=json.dumps({"a": 1})
    )
    result = json.loads(answer["Payload"].read())
    # its access key says whose call it is, so that permissions can be held to what is called
    name = stack.aws.resources["EchoFunction"]
    assert (result["event"], result["colour"], result["key"]) == ({"a": 1}, "blue", name)
    assert 0 < result["left"] <= 2000


def test_memory_is_the_functions_own(stack: Stack, ended: dict[str, Any]) -> None:
    peaks = [call.peak_bytes for call in stack.invocations("Echo")]
    assert all(10_000_000 < peak < 120_000_000 for peak in peaks), peaks


def test_queue_topic_and_table_got_what_the_machine_sent(stack: Stack, ended: dict[str, Any]) -> None:
    (message,) = stack.aws.client("sqs").receive_message(
        QueueUrl=stack.aws.resources["DeadLetterQueue"], VisibilityTimeout=0
    )["Messages"]
    assert json.loads(message["Body"]) == {"text": 'say "hi"\n', "count": 1}
    (mail,) = stack.aws.mails()
    assert (mail.subject, mail.attributes) == ("a?b", {"event": "x"})
    assert mail.message == f"one\ntwo {ended['executionArn']}"
    item = (
        stack.aws.resource("dynamodb")
        .Table(stack.aws.resources["LedgerTable"])
        .get_item(Key={"feed_id": "a", "file_id": "b"})
    )
    assert (item["Item"]["status"], item["Item"]["flag"]) == ("Sandbox.Timedout", True)


def test_a_failed_job_and_a_failed_crawl_say_why(stack: Stack) -> None:
    def crawl(name: str) -> None:
        raise RuntimeError("no such folder")

    glue.hooks.crawl = crawl
    glue.hooks.run_job = lambda name, arguments: (False, f"{name} {arguments['--run'][:4]}: boom")
    try:
        output = json.loads(stack.run(feeds=[])["output"])
    finally:
        Stack(stack.aws)
    assert (output["crawl"], output["job"]) == ("FAILED", "States.TaskFailed")
    run = stack.aws.client("glue").get_job_runs(JobName="small-job")["JobRuns"]
    assert any(found.get("ErrorMessage") == "small-job arn:: boom" for found in run)


def test_a_running_crawler_and_job_refuse_a_second_start(stack: Stack) -> None:
    go = threading.Event()

    def crawl(name: str) -> None:
        go.wait(20)

    glue.hooks.crawl = crawl
    glue.hooks.run_job = lambda name, arguments: (go.wait(20), "")
    client = stack.aws.client("glue")
    try:
        client.start_crawler(Name="small-crawler")
        client.start_job_run(JobName="small-job")
        with pytest.raises(client.exceptions.CrawlerRunningException):
            client.start_crawler(Name="small-crawler")
        with pytest.raises(client.exceptions.ConcurrentRunsExceededException):
            client.start_job_run(JobName="small-job")
        assert client.get_crawler(Name="small-crawler")["Crawler"]["State"] == "RUNNING"
    finally:
        go.set()
        Stack(stack.aws)


def test_the_hourly_rule_starts_the_machine_with_its_own_input(stack: Stack) -> None:
    (run,) = stack.aws.tick()
    described = stack.aws.client("stepfunctions").describe_execution(executionArn=run)
    assert json.loads(described["input"]) == {"trigger": "schedule"}
    stack.aws.wait(run)


@pytest.mark.parametrize("state", ["List", "Fetch", "Job"])
def test_a_run_is_stopped_before_the_state_a_test_names(stack: Stack, state: str) -> None:
    before = len(stack.aws.events)
    stack.aws.kill_at(lambda event: event.kind == "entered" and event.state == state)
    assert stack.run()["status"] == "ABORTED"
    ended_at: list[Event] = [event for event in stack.aws.events[before:] if event.kind == "exited"]
    assert state not in [event.state for event in ended_at]


def test_objects_are_files_and_files_become_objects(stack: Stack) -> None:
    s3, bucket = stack.aws.client("s3"), stack.aws.resources["LakeBucket"]
    folder = stack.aws.bucket_folder(bucket)
    s3.put_object(Bucket=bucket, Key="raw/a/x.csv", Body=b"1\n", Metadata={"feed-id": "acme/one"})
    assert (folder / "raw/a/x.csv").read_bytes() == b"1\n"
    assert s3.head_object(Bucket=bucket, Key="raw/a/x.csv")["Metadata"] == {"feed-id": "acme/one"}
    (folder / "curated").mkdir(exist_ok=True)
    (folder / "curated" / "y.parquet").write_bytes(b"PAR1")
    stack.aws.s3_rescan(bucket, "curated/")
    assert s3.get_object(Bucket=bucket, Key="curated/y.parquet", Range="bytes=1-2")["Body"].read() == b"AR"
    (folder / "curated" / "y.parquet").unlink()
    stack.aws.s3_rescan(bucket, "curated/")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="curated/")
    s3.delete_object(Bucket=bucket, Key="raw/a/x.csv")
    assert not (folder / "raw/a/x.csv").exists()


@pytest.mark.parametrize("key", ["raw/" + "n" * 300 + ".csv", "raw/../../escape.csv", "raw//double.csv"])
def test_no_key_leaves_the_folder_or_breaks_the_file_system(stack: Stack, key: str) -> None:
    s3, bucket = stack.aws.client("s3"), stack.aws.resources["LakeBucket"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert not (stack.aws.bucket_folder(bucket).parent / "escape.csv").exists()
    s3.delete_object(Bucket=bucket, Key=key)


def test_a_multipart_upload_is_a_file_once_it_is_completed(stack: Stack) -> None:
    s3, bucket = stack.aws.client("s3"), stack.aws.resources["LakeBucket"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="raw/m.csv", Metadata={"file-id": "f"})["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="raw/m.csv", UploadId=upload, PartNumber=1, Body=b"abc")
    assert not (stack.aws.bucket_folder(bucket) / "raw/m.csv").exists()
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="raw/m.csv", UploadId=upload, MultipartUpload=parts)
    assert (stack.aws.bucket_folder(bucket) / "raw/m.csv").read_bytes() == b"abc"
    assert s3.head_object(Bucket=bucket, Key="raw/m.csv")["Metadata"] == {"file-id": "f"}
