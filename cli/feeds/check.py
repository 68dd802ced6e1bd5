"""`lakeferry feeds check`: documents, and with --stack those that are stored; nothing is written."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calling import Call, Reach, command
from cli.feeds.admission import Admission
from cli.feeds.documents import each
from cli.feeds.group import feeds
from cli.problems import DONE, FAILED, WrongUseError
from cli.stack import Stack
from lakeferry.errors import LakeferryError
from lakeferry.feeds import parse_feed
from lakeferry.ledger.queries import feed_documents


@command(feeds, "check", Reach.ASKED)
def check(
    call: Call,
    documents: Annotated[
        list[Path] | None, typer.Argument(help="YAML files, or folders of them.", metavar="[FILE]...")
    ] = None,
) -> int:
    """Check documents, or with --stack those that are stored; write nothing."""
    if not call.has_stack:
        if not documents:
            raise WrongUseError("Name documents, or the stack whose stored documents are to be checked (--stack).")

        def valid(path: Path, document: dict[str, Any]) -> None:
            _say_valid(call, path, parse_feed(document).feed_id)

        return each(call.out, documents, valid)
    with call.stack() as stack:
        admission = Admission(stack, call.where, call.out)

        def admitted(path: Path, document: dict[str, Any]) -> None:
            _say_valid(call, path, admission.feed(document).feed_id)

        return max(each(call.out, documents or [], admitted), _check_stored(call, stack, admission))


def _say_valid(call: Call, path: Path, feed_id: str) -> None:
    call.out.data({"file": str(path), "feed": feed_id, "valid": True})
    call.out.say(f"{path}: {feed_id} is valid")


def _check_stored(call: Call, stack: Stack, admission: Admission) -> int:
    """Which documents of the table this version refuses: to be run before it is deployed."""
    refused = checked = 0
    for document in feed_documents(stack.feeds):
        checked += 1
        try:
            admission.feed(document)
        except LakeferryError as error:
            refused += 1
            call.out.warn(f"{document.get('tenant')}/{document.get('feed')}: {error}")
    unapproved = f", {admission.unapproved} with addresses to approve" if admission.unapproved else ""
    call.out.data({"checked": checked, "refused": refused, "unapproved": admission.unapproved})
    call.out.say(f"{checked} stored documents checked, {refused} refused{unapproved}")
    return FAILED if refused else DONE
