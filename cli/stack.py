"""The stack a command works on: deployed in AWS, or a lake in a folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import ClientError, ProfileNotFound

from cli.problems import CommandError, NothingMatchedError, nearest
from lakeferry.ledger import Ledger
from lakeferry.settings import NAMED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class StackMissingError(CommandError):
    """There is no such stack."""


class Aws(Protocol):
    """Where a stack's resources are."""

    @property
    def resources(self) -> Mapping[str, str]:
        """Logical to physical ids."""

    def client(self, name: str) -> Any:  # noqa: ANN401  (boto3's clients have no common type)
        """A boto3 client."""

    def resource(self, name: str) -> Any:  # noqa: ANN401
        """A boto3 resource."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as far as it is known.

    Attributes:
        started: ISO 8601 UTC.
        seconds: How long it took; None while it is RUNNING, and where nobody saw its end.
    """

    arn: str
    status: str
    started: str
    seconds: float | None = None
    input: Mapping[str, Any] | None = None
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.arn.rsplit(":", 1)[-1]


class Stack:
    """A stack's resources by their logical ids."""

    is_local = False

    def __init__(self, name: str, aws: Aws) -> None:
        self.name, self._aws = name, aws

    def client(self, service: str) -> Any:  # noqa: ANN401
        """A boto3 client."""
        return self._aws.client(service)

    def physical(self, logical: str) -> str:
        """Physical id of a resource."""
        found = self._aws.resources.get(logical)
        if found is None:
            raise StackMissingError(f"the stack {self.name} has no {logical}: is it a stack of Lakeferry?")
        return found

    @property
    def names(self) -> Mapping[str, str]:
        """Physical ids by logical ones."""
        return self._aws.resources

    @property
    def secret_prefix(self) -> str:
        """What the names of its secrets begin with, for the `lakeferry/` of documents; as it was deployed."""
        return self.parameter("SecretPrefix", NAMED)

    def parameter(self, name: str, otherwise: str) -> str:
        """As it was deployed with; `otherwise` where it is empty, or nobody can say."""
        if self.is_local:
            return otherwise
        try:
            (found,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except ClientError:
            return otherwise  # who may read secrets may not be one who looks at stacks
        given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
        return given.get(name) or otherwise

    @property
    def feeds(self) -> "Table":
        return self._table("FeedsTable")

    @property
    def sla(self) -> "Table":
        return self._table("SlaTable")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self._table("LedgerTable"))

    def _table(self, logical: str) -> "Table":
        table: Table = self._aws.resource("dynamodb").Table(self.physical(logical))
        return table

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function; its answer.

        Raises:
            CommandError: the function raised; the message is what it said.
        """
        answer = self.client("lambda").invoke(FunctionName=self.physical(function), Payload=json.dumps(event))
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise CommandError(payload.get("errorMessage", str(payload)))
        return payload

    def runs(self, limit: int) -> list[Run]:
        """The latest, newest first."""
        states, machine = self.client("stepfunctions"), self.physical("IngestStateMachine")
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=machine, PaginationConfig={"MaxItems": limit}
        )
        return [_run(found) for page in pages for found in page["executions"]]

    def run(self, arn: str) -> Run | None:
        """One run; None where Step Functions does not know it."""
        try:
            return _run(self.client("stepfunctions").describe_execution(executionArn=arn))
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn", "ValidationException"}:
                return None
            raise

    def is_running(self, arn: str) -> bool:
        """Whether a run still is."""
        run = self.run(arn)
        return run is not None and run.status == "RUNNING"

    def wait(self, run: str) -> str | None:
        """Waits for a run of a lake, which ends with the command; its status. None of a deployed stack: it goes on."""
        return None


def _run(found: Mapping[str, Any]) -> Run:
    ended = found.get("stopDate")
    return Run(
        arn=found["executionArn"],
        status=found["status"],
        started=found["startDate"].astimezone(UTC).isoformat(timespec="seconds"),
        seconds=(ended - found["startDate"]).total_seconds() if ended else None,
        input=json.loads(found["input"]) if "input" in found else None,
        error=found.get("error") or "",
        cause=found.get("cause") or "",
    )


class DeployedAws:
    """AWS by the usual chain of credentials."""

    def __init__(self, stack: str, profile: str | None, region: str | None) -> None:
        self._stack, self._made = stack, dict[tuple[str, str], Any]()
        try:
            self._session = boto3.Session(profile_name=profile, region_name=region)
        except ProfileNotFound as error:
            near = nearest(profile or "", boto3.Session().available_profiles)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; `aws configure list-profiles` shows yours."
            raise NothingMatchedError(f"there is no AWS profile {profile!r}{hint}") from error

    @cached_property
    def resources(self) -> Mapping[str, str]:
        formation = self._session.client("cloudformation")
        try:
            pages = list(formation.get_paginator("list_stack_resources").paginate(StackName=self._stack))
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise StackMissingError(
                f"there is no stack {self._stack} in this account and region.{self._near()}"
            ) from error
        return {
            found["LogicalResourceId"]: found.get("PhysicalResourceId", "")
            for page in pages
            for found in page["StackResourceSummaries"]
        }

    def _near(self) -> str:
        formation = self._session.client("cloudformation")
        pages = formation.get_paginator("describe_stacks").paginate()
        near = nearest(self._stack, (one["StackName"] for page in pages for one in page["Stacks"]))
        ask = f" Did you mean --stack {' or '.join(near)}?" if near else ""
        return f"{ask} See --stack, --region and --profile; a lake on this machine is --lake DIR."

    def client(self, name: str) -> Any:  # noqa: ANN401
        return self._kept("client", name)

    def resource(self, name: str) -> Any:  # noqa: ANN401
        return self._kept("resource", name)

    def _kept(self, kind: str, name: str) -> Any:  # noqa: ANN401
        """Made once: a command asks for its tables again and again, and each client costs a dozen calls."""
        if (kind, name) not in self._made:
            self._made[kind, name] = getattr(self._session, kind)(name)
        return self._made[kind, name]
