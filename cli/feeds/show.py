"""`lakeferry feeds show`: a feed's document, as it can be edited and put again."""

import json
from importlib import resources
from typing import Annotated, Any

import typer
import yaml

from cli.calling import Call, command
from cli.feeds.group import feeds
from cli.feeds.stored import Stored
from cli.problems import NothingMatchedError

FeedName = Annotated[str, typer.Argument(metavar="FEED", help="tenant/feed.")]


@command(feeds, "show")
def show(
    call: Call,
    feed: FeedName,
    version: Annotated[
        int | None, typer.Option(min=1, help="As it was before the last change (1), the one before that (2), ...")
    ] = None,
) -> None:
    """Print a feed's document in YAML: `feeds show acme/daily_sales > feed.yaml`."""
    with call.stack() as stack:
        document = version_of(Stored(stack), feed, version)[1] if version else Stored(stack).get(feed)[1]
    call.out.data(document)
    call.out.say(as_yaml(document).rstrip())


def version_of(stored: Stored, name: str, number: int) -> tuple[str, dict[str, Any]]:
    """A feed's id, and its document so many changes ago.

    Raises:
        NothingMatchedError: so many were not kept.
    """
    versions = stored.versions(name)
    feed_id = name
    if not versions:
        feed_id = stored.get(name)[0]
        versions = stored.versions(feed_id)
    if number > len(versions):
        raise NothingMatchedError(
            f"feed {feed_id} has {len(versions)} earlier versions, and {number} was asked for. "
            f"See: lakeferry feeds history {feed_id}"
        )
    return feed_id, dict(versions[number - 1].document)


def as_yaml(document: dict[str, Any]) -> str:
    """A document in the order in which the schema has the settings: DynamoDB keeps none."""
    schema = json.loads(resources.files("lakeferry").joinpath("feed_schema.json").read_text("utf-8"))
    ordered = _ordered(document, schema)
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)


def _ordered(value: Any, schema: Any) -> Any:  # noqa: ANN401  (any JSON value)
    known = schema.get("properties", {}) if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        names = [*(name for name in known if name in value), *sorted(name for name in value if name not in known)]
        return {name: _ordered(value[name], known.get(name, {})) for name in names}
    if isinstance(value, list):
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        return [_ordered(one, items) for one in value]
    return value
