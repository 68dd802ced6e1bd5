"""`lakeferry feeds put`: documents checked, and put into the stack's feeds table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calling import Call, command
from cli.feeds.admission import Admission, check_owner
from cli.feeds.documents import each
from cli.feeds.group import feeds
from cli.owners import Owners
from lakeferry.feeds import Feed, put_feed


@command(feeds, "put")
def put(call: Call, documents: Annotated[list[Path], typer.Argument(help="YAML files.", metavar="FILE...")]) -> int:
    """Check documents and put them into the stack's feeds table."""
    with call.stack(writes=True) as stack:
        Owners(stack).seed_datasets()
        table, datasets, check = stack.feeds, stack.ledger.datasets, Admission(stack, call.where, call.out)

        def admit(feed: Feed) -> None:
            check_owner(datasets.found(feed.dataset, feed.tenant), feed, call.where)

        def put_one(path: Path, document: dict[str, Any]) -> None:
            feed = put_feed(table, document, admit)
            hint = check.hint(feed)
            call.out.data({"file": str(path), "feed": feed.feed_id, "put": True, "hint": hint})
            call.out.say(f"{path}: {feed.feed_id} is in {table.name}" + (f"\n  {hint}" if hint else ""))

        return each(call.out, documents, put_one)
