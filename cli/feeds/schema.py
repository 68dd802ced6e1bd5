"""`lakeferry feeds schema`: the JSON Schema of feed documents, and how a document's first line names it for editors."""

import json
import os
from importlib import resources
from pathlib import Path

from cli.calling import Call, Reach, command
from cli.feeds.group import feeds

KEPT = "feed_schema.json"
"""What it is called where a team keeps it beside its feeds: found there, it is the one that drafts name."""


@command(feeds, "schema", Reach.NOTHING)
def schema(call: Call) -> None:
    """Print the JSON Schema of feed documents, for editors: `feeds schema > feed_schema.json`."""
    text = path_of_schema().read_text("utf-8")
    call.out.data(json.loads(text))
    call.out.say(text.rstrip("\n"))


def path_of_schema() -> Path:
    """The file of this version."""
    return Path(str(resources.files("lakeferry").joinpath("feed_schema.json")))


def line_for(target: Path) -> str:
    """The line that a document at `target` begins with, which editors with a YAML language server look for."""
    folder = target.absolute().parent
    if (folder / KEPT).is_file():
        return f"# yaml-language-server: $schema={KEPT}"
    ours = path_of_schema().resolve()
    clone = ours.parents[2]
    if folder.resolve().is_relative_to(clone):
        return f"# yaml-language-server: $schema={Path(os.path.relpath(ours, folder.resolve())).as_posix()}"
    return f"# yaml-language-server: $schema={ours.as_uri() if ' ' in str(ours) else ours}"
