"""`python -m cli`: feeds of a deployed stack, from a terminal with AWS credentials.

python -m cli feeds check feeds/*.yaml
python -m cli feeds put --stack lakeferry feeds/acme_daily_sales.yaml
python -m cli feeds list --stack lakeferry
python -m cli sla attainment --stack lakeferry --from 2026-09
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from cli import sla
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed, put_feed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when all went well, 1 when a document is wrong."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakeferry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = parser.add_subparsers(required=True, metavar="feeds|sla")
    sla.add_to(groups)
    feeds = groups.add_parser("feeds", help="feed documents")
    commands = feeds.add_subparsers(required=True, metavar="check|put|list")
    check = commands.add_parser("check", help="check documents, write nothing")
    put = commands.add_parser("put", help="check documents and put them into the stack's feeds table")
    listing = commands.add_parser("list", help="list the feeds of the stack")
    for command in (check, put):
        command.add_argument("documents", nargs="+", type=Path, help="YAML files")
    for command in (put, listing):
        command.add_argument("--stack", default="lakeferry", help="CloudFormation stack (default: lakeferry)")
    check.set_defaults(command=_check)
    put.set_defaults(command=_put)
    listing.set_defaults(command=_list)
    return parser


def _check(options: argparse.Namespace) -> int:
    return _each(options.documents, lambda document: parse_feed(document).feed_id + " is valid")


def _put(options: argparse.Namespace) -> int:
    table = _feeds_table(options.stack)
    return _each(options.documents, lambda document: put_feed(table, document).feed_id + " is in " + table.name)


def _list(options: argparse.Namespace) -> int:
    arguments: dict[str, Any] = {}
    while True:
        page = _feeds_table(options.stack).scan(**arguments)
        for item in page["Items"]:
            server: Any = item.get("server", {})
            state = "" if item.get("enabled", True) else " (disabled)"
            print(f"{item['tenant']!s}/{item['feed']!s}: {server.get('protocol')} {server.get('host')}{state}")
        if "LastEvaluatedKey" not in page:
            return 0
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _each(paths: list[Path], act: Any) -> int:  # noqa: ANN401
    status = 0
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text("utf-8"))
            if not isinstance(document, dict):
                raise FeedInvalidError("it holds no mapping; see feeds/ for examples.")
            print(f"{path}: {act(document)}")
        except (FeedInvalidError, OSError, yaml.YAMLError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 1
    return status


def _feeds_table(stack: str) -> "Table":
    resource = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="FeedsTable")
    return boto3.resource("dynamodb").Table(resource["StackResourceDetail"]["PhysicalResourceId"])


if __name__ == "__main__":
    sys.exit(main())
