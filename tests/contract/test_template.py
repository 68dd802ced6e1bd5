"""The template holds together: with the folders, the settings, the events, and what a data store must have."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakeferry.models import FeedItem, FileItem
from local.template import load
from tests.contract.asl import states

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = load(ROOT / "template.yaml")
TEXT = (ROOT / "template.yaml").read_text("utf-8")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]


def of_type(name: str) -> dict[str, Any]:
    return {key: found["Properties"] for key, found in RESOURCES.items() if found["Type"] == name}


FUNCTIONS = of_type("AWS::Serverless::Function")
FOLDERS = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}


def _folder(function: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", function.removesuffix("Function")).lower()


def test_cfn_lint_is_clean() -> None:
    lint = [str(Path(sys.executable).with_name("cfn-lint")), str(ROOT / "template.yaml")]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_one_word_for_one_thing() -> None:
    """State, function, folder, handler and event carry the same name."""
    assert {_folder(name) for name in FUNCTIONS} == FOLDERS
    for name, properties in FUNCTIONS.items():
        assert properties["Handler"] == f"{_folder(name)}.handler.handler"
        assert (ROOT / "events" / f"{_folder(name)}.json").exists()
    called = {state.function for state in states() if state.function}
    assert called == {f"{name}Arn" for name in FUNCTIONS}
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
        if re.search(r"Resource:\s*['\"]?\*['\"]?\s*(#|$)", line):
            near = "\n".join(lines[max(0, number - 14) : number + 1])
            assert "#" in near, f"line {number + 1}: a * without its reason"


def test_no_action_is_a_star() -> None:
    assert not re.search(
        r"['\"]?(s3|dynamodb|sqs|sns|secretsmanager|states|lambda):\*['\"]?\s*$", _without_denials(), re.MULTILINE
    )


def _without_denials() -> str:
    return "\n".join(
        line for line in TEXT.splitlines() if "Deny" not in line and "s3:*" not in line and "sqs:*" not in line
    )


def test_a_failed_execution_that_no_catch_sees_is_mailed() -> None:
    rules = of_type("AWS::Events::Rule").values()
    (rule,) = [found for found in rules if "EventPattern" in found]
    assert {"FAILED", "TIMED_OUT", "ABORTED"} <= set(rule["EventPattern"]["detail"]["status"])


@pytest.mark.parametrize("name", ["fetch", "validate", "upload"])
def test_file_events_are_file_items(name: str) -> None:
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    assert FileItem.from_event(event).to_json() == event


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
    for name in ("lambda-core.txt", "lambda-transfer.txt", "lambda-validate.txt"):
        for package, version in pins(name).items():
            assert dev[package] == version, package
    modules = of_type("AWS::Glue::Job")["CurateJob"]["DefaultArguments"]["--additional-python-modules"]
    for pin in modules.split(","):
        package, _, version = pin.partition("==")
        assert dev[package] == version
