"""The stack's resources with their types, its parameters, and findings about many of a kind."""

from collections.abc import Iterator, Mapping, Sequence

from cli.doctor.finding import FAIL, OK, Finding
from cli.stack import Stack

_SHOWN = 5


def of_type(stack: Stack, kind: str) -> dict[str, str]:
    """Physical ids by logical ones."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == kind
    }


def parameters(stack: Stack) -> Mapping[str, str]:
    """As the stack was deployed."""
    (found,) = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    return {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}


def key_id(named: str | None) -> str:
    """A key's own id, of an id or an ARN."""
    return (named or "").rsplit("/", 1)[-1]


def judged(check: str, odd: Sequence[str], well: str, do: str, status: str = FAIL) -> Iterator[Finding]:
    """One finding: what is odd, cut after a few, or that all is well."""
    if not odd:
        yield Finding(check, OK, well)
        return
    more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
    yield Finding(check, status, "; ".join(odd[:_SHOWN]) + more, do)
