"""The stack a command works on: deployed in AWS, or kept in a folder by `make run`."""

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from lakeferry.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from local.aws import LocalAws


class StackMissingError(Exception):
    """There is no such stack."""


class Stack:
    """A stack's resources by their logical ids."""

    def __init__(self, name: str, local: "LocalAws | None" = None) -> None:
        self._name, self._local = name, local

    @property
    def is_local(self) -> bool:
        """Whether it lives in this process."""
        return self._local is not None

    def client(self, service: str) -> Any:  # noqa: ANN401  (boto3's clients have no common type)
        """A boto3 client."""
        return boto3.client(service) if self._local is None else self._local.client(service)  # type: ignore[call-overload]

    @cached_property
    def _resources(self) -> Mapping[str, str]:
        if self._local is not None:
            return self._local.resources
        formation = boto3.client("cloudformation")
        try:
            pages = list(formation.get_paginator("list_stack_resources").paginate(StackName=self._name))
        except formation.exceptions.ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise StackMissingError(
                f"there is no stack {self._name} in this account and region; see --stack."
            ) from error
        return {
            found["LogicalResourceId"]: found.get("PhysicalResourceId", "")
            for page in pages
            for found in page["StackResourceSummaries"]
        }

    def physical(self, logical: str) -> str:
        """Physical id of a resource."""
        return self._resources[logical]

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
        resource: Any = boto3.resource("dynamodb") if self._local is None else self._local.resource("dynamodb")
        table: Table = resource.Table(self.physical(logical))
        return table

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function; its answer.

        Raises:
            StackMissingError: the function raised; the message is what it said.
        """
        answer = self.client("lambda").invoke(FunctionName=self.physical(function), Payload=json.dumps(event))
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise StackMissingError(payload.get("errorMessage", str(payload)))
        return payload

    def wait(self, run: str) -> str:
        """Waits for a run of a local stack; its status."""
        assert self._local is not None  # noqa: S101
        return str(self._local.wait(run)["status"])


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options every command has that needs a stack."""
    parser.add_argument("--stack", default="lakeferry", help="CloudFormation stack (default: lakeferry)")
    parser.add_argument(
        "--lake", type=Path, metavar="DIR", help="the folder of `make run`, instead of a deployed stack"
    )
    parser.add_argument(
        "--secrets", type=Path, metavar="FILE", help="with --lake: secret names and their fields (YAML)"
    )


def where(options: argparse.Namespace) -> str:
    """The options that name the stack, for a command that is proposed."""
    return f"--stack {options.stack}" if options.lake is None else f"--lake {shlex.quote(str(options.lake))}"


@contextmanager
def stack_of(options: argparse.Namespace) -> Iterator[Stack]:
    """The stack the options name."""
    if options.lake is None:
        yield Stack(options.stack)
        return
    if not (options.lake / ".lakeferry").is_dir():
        raise StackMissingError(f"{options.lake} holds no lake: `make run LAKE={options.lake}` makes one.")
    from local.aws import LocalAws

    with LocalAws(folder=options.lake.absolute()) as aws:
        if options.secrets is not None:
            for name, fields in yaml.safe_load(options.secrets.read_text("utf-8")).items():
                aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(fields))
        yield Stack(options.stack, aws)
