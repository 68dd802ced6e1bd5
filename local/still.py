"""A lake's tables, queues and objects, with nothing that runs: to read or change them in the time of a command.

The local AWS (`aws.py`) deploys the whole template and starts processes for its functions, which takes many seconds.
Here moto answers in this process, without a server, from the same files.
"""

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local import compiled, moto_shims, session, state
from local.kept import read_json
from local.session import ACCOUNT, REGION
from local.template import load

ROOT = Path(__file__).parent.parent
_OF_A_TABLE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_OTHERS = {
    **{"s3": ("LakeBucket",), "sqs": ("DeadLetterQueue",), "sns": ("NotificationTopic",)},
    "glue": ("GlueDatabase",),
}
"""Resources that only some commands ask for, by the service they belong to."""


class StillLake:
    """The resources of a lake; a context manager. One at a time in a process, as moto's backends are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._exit = contextlib.ExitStack()
        self._made: set[str] = set()
        self.resources: dict[str, str] = {}

    def __enter__(self) -> Self:
        from moto import mock_aws

        moto_shims.apply()
        self._exit.enter_context(mock_aws())
        session.forget()
        self._exit.callback(session.forget)
        for logical, definition in tables_of_template().items():
            self.client("dynamodb").create_table(TableName=logical, **definition)
            self.resources[logical] = logical
            state.load_table(self, logical, self._kept / "tables" / f"{logical}.json")
        machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{session.STACK}-ingest"
        self.resources |= {"IngestStateMachine": machine, "LakeBucket": "lake"}
        self.resources |= {"NotificationTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:notifications"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    @property
    def _kept(self) -> Path:
        return self.folder / ".lakeferry"

    def client(self, name: str) -> Any:
        """A boto3 client; what the service has of the lake is there once it is asked for."""
        if name in _OTHERS and name not in self._made:
            self._made.add(name)
            getattr(self, f"_make_{name}")()
        return session.client(name)

    def resource(self, name: str) -> Any:
        """A boto3 resource."""
        return session.resource(name)

    def save(self) -> None:
        """Writes the tables, as they are now."""
        for logical in tables_of_template():
            state.save_table(logical, self._kept / "tables" / f"{logical}.json")

    def _make_s3(self) -> None:
        from moto.s3.models import s3_backends

        from local import s3_files

        s3_files.install()
        session.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
        known = read_json(self._kept / "objects.json") or {}
        s3_files.keep(s3_backends[ACCOUNT]["aws"], "lake", self.folder, known.get("LakeBucket", {}))

    def _make_glue(self) -> None:
        kept = read_json(self._kept / "catalog.json") or {}
        state.load_catalog(self, kept)
        self.resources["GlueDatabase"] = next(iter(kept), session.STACK)

    def _make_sqs(self) -> None:
        queue = session.client("sqs").create_queue(QueueName="dead-letters.fifo", Attributes={"FifoQueue": "true"})
        self.resources["DeadLetterQueue"] = queue["QueueUrl"]
        state.load_queue(self, queue["QueueUrl"], self._kept / "queues" / "DeadLetterQueue.json")

    def _make_sns(self) -> None:
        session.client("sns").create_topic(Name="notifications")


def tables_of_template() -> dict[str, dict[str, Any]]:
    """How the template defines each table."""
    path = ROOT / "template.yaml"
    made = compiled.kept("tables", [path.read_bytes(), Path(__file__).read_bytes()], ["PyYAML"], lambda: _read(path))
    tables: dict[str, dict[str, Any]] = json.loads(made)
    return tables


def _read(path: Path) -> bytes:
    found = load(path)["Resources"].items()
    return json.dumps(
        {
            logical: {key: one["Properties"][key] for key in _OF_A_TABLE if key in one["Properties"]}
            for logical, one in found
            if one["Type"] == "AWS::DynamoDB::Table"
        }
    ).encode()
