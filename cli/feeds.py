"""`lakeferry feeds`: feed documents, checked, put and listed."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cli.stack import add_options, stack_of
from cli.table import print_table
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed, put_feed
from lakeferry.ledger.queries import feed_documents


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the commands."""
    parser = commands.add_parser("feeds", help="feed documents: check, put, list")
    feeds = parser.add_subparsers(required=True, metavar="check|put|list")
    check = feeds.add_parser("check", help="check documents, or with --stack those that are stored; write nothing")
    put = feeds.add_parser("put", help="check documents and put them into the stack's feeds table")
    listing = feeds.add_parser("list", help="list the feeds of the stack")
    check.add_argument("documents", nargs="*", type=Path, help="YAML files")
    put.add_argument("documents", nargs="+", type=Path, help="YAML files")
    for command in (check, put, listing):
        add_options(command)
    # nothing is checked there unless it is asked for
    check.set_defaults(stack=None)
    check.set_defaults(command=_check)
    put.set_defaults(command=_put)
    listing.set_defaults(command=_list)


def _check(options: argparse.Namespace) -> int:
    status = _each(options.documents, lambda document: parse_feed(document).feed_id + " is valid")
    if options.stack is not None or options.lake is not None:
        return max(status, _check_stored(options))
    if not options.documents:
        print("Name documents, or the stack whose stored documents are to be checked (--stack).", file=sys.stderr)
        return 1
    return status


def _check_stored(options: argparse.Namespace) -> int:
    """Which documents of the table this version refuses: to be run before it is deployed."""
    refused = checked = 0
    with stack_of(options) as stack:
        for document in feed_documents(stack.feeds):
            checked += 1
            try:
                parse_feed(document)
            except FeedInvalidError as error:
                refused += 1
                print(f"{document.get('tenant')}/{document.get('feed')}: {error}", file=sys.stderr)
    print(f"{checked} stored documents checked, {refused} refused")
    return 1 if refused else 0


def _put(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        table = stack.feeds
        return _each(options.documents, lambda document: put_feed(table, document).feed_id + " is in " + table.name)


def _list(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        rows = []
        for document in feed_documents(stack.feeds):
            feed_id = f"{document['tenant']}/{document['feed']}"
            server, state = document.get("server", {}), stack.ledger.feeds.get(feed_id)
            failing = f"{state['failed_polls']} polls failed: {state['error']}" if "failed_polls" in state else ""
            rows.append(
                [
                    feed_id,
                    "" if document.get("enabled", True) else "disabled",
                    f"{server.get('protocol')} {server.get('host')}",
                    state.get("polled_at", "never"),
                    failing,
                ]
            )
    print_table(["feed", "", "server", "polled", "trouble"], sorted(rows))
    return 0


def _each(paths: list[Path], act: Callable[[dict[str, Any]], str]) -> int:
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
