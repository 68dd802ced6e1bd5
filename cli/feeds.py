"""`lakeferry feeds`: feed documents, checked, put and listed."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cli.owners import Owners
from cli.stack import Stack, add_options, stack_of, where
from cli.table import print_table
from lakeferry.errors import DatasetTakenError, FeedInvalidError, LakeferryError
from lakeferry.feeds import Feed, parse_feed, put_feed
from lakeferry.ledger.datasets import Owned
from lakeferry.ledger.queries import feed_documents
from lakeferry.mails.commands import approve


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
    if options.stack is None and options.lake is None:
        if not options.documents:
            print("Name documents, or the stack whose stored documents are to be checked (--stack).", file=sys.stderr)
            return 1
        return _each(options.documents, lambda document: parse_feed(document).feed_id + " is valid")
    with stack_of(options) as stack:
        check = _Check(stack, where(options))
        status = _each(options.documents, lambda document: check.feed(document).feed_id + " is valid")
        return max(status, _check_stored(stack, check))


class _Check:
    """Whether documents may be put into a stack; nothing is written."""

    def __init__(self, stack: Stack, where: str) -> None:
        owners = Owners(stack)
        self._datasets, self._approved, self._where = owners.datasets(), owners.approved(), where
        self.unapproved = 0

    def feed(self, document: Mapping[str, Any]) -> Feed:
        """The feed of a document that may; says which of its addresses nobody approved.

        Raises:
            FeedInvalidError: it breaks its contract.
            DatasetTakenError: its dataset is another tenant's.
        """
        feed = parse_feed(document)
        # of documents that name one without an owner, the first would own it
        owned = self._datasets.setdefault(feed.dataset, Owned(feed.dataset, feed.tenant))
        _named(owned, feed, self._where)
        if hint := self.hint(feed):
            self.unapproved += 1
            print(f"{feed.feed_id}: {hint}", file=sys.stderr)
        return feed

    def hint(self, feed: Feed) -> str:
        """How the operator approves the addresses that are not; empty where all are."""
        missing = [address for address in feed.notify.emails if not self._approved.has(feed.tenant, address)]
        if not missing:
            return ""
        return f"no mails go to {', '.join(missing)} until: {approve(feed.tenant, missing, self._where)}"


def _named(owned: Owned, feed: Feed, where: str) -> None:
    """Names the owner, as only the operator's own command may."""
    try:
        owned.check(feed.tenant, where)
    except DatasetTakenError as error:
        raise DatasetTakenError(f"{error} (it belongs to {owned.owner})") from error


def _check_stored(stack: Stack, check: _Check) -> int:
    """Which documents of the table this version refuses: to be run before it is deployed."""
    refused = checked = 0
    for document in feed_documents(stack.feeds):
        checked += 1
        try:
            check.feed(document)
        except LakeferryError as error:
            refused += 1
            print(f"{document.get('tenant')}/{document.get('feed')}: {error}", file=sys.stderr)
    unapproved = f", {check.unapproved} with addresses to approve" if check.unapproved else ""
    print(f"{checked} stored documents checked, {refused} refused{unapproved}")
    return 1 if refused else 0


def _put(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_datasets()
        table, datasets, check = stack.feeds, stack.ledger.datasets, _Check(stack, where(options))

        def admit(feed: Feed) -> None:
            _named(datasets.found(feed.dataset, feed.tenant), feed, where(options))

        def put(document: Mapping[str, Any]) -> str:
            feed = put_feed(table, document, admit)
            hint = check.hint(feed)
            return f"{feed.feed_id} is in {table.name}" + (f"\n  {hint}" if hint else "")

        return _each(options.documents, put)


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
        except (LakeferryError, OSError, yaml.YAMLError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 1
    return status
