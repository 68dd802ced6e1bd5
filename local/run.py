"""One run of the real state machine against your own server, with no AWS.

    make run FEED=path/to/feed.yaml LAKE=dir [SECRETS=secrets.yaml]

The lake's objects end as files under LAKE (raw/, curated/, fallout/); the ledger is kept under LAKE/.lakeferry,
so the next run goes on from it. SECRETS is a YAML file of secret names and their fields, such as
`lakeferry/acme/daily_sales: {password: "..."}`; it is read, never copied.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from lakeferry.errors import DatasetTakenError, FeedInvalidError
from lakeferry.feeds import put_feed
from lakeferry.ledger.feed_states import FeedStates
from local import glue_job
from local.aws import LOOPBACK_TOLD, LocalAws
from local.console import Console
from local.ledger_view import FILE_COLUMNS, TABLE_COLUMNS, dead_letters, file_rows, files, tables
from local.owners import admission
from local.watch import Watch

ROOT = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Runs once; 0 when every file this run took is in the lake, 1 when something failed, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="make run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feed", required=True, help="feed document (YAML), or a folder of them")
    parser.add_argument("--lake", required=True, help="folder the lake is kept in")
    parser.add_argument("--secrets", help="YAML file: secret name -> fields")
    options = parser.parse_args(arguments)
    try:
        documents = _documents(options.feed)
        secrets = _mapping("SECRETS", options.secrets, "secret names and their fields") if options.secrets else {}
        if not options.lake:
            raise SystemExit("make run: LAKE is missing; name the folder the lake is to be kept in.")
    except SystemExit as error:
        print(error, file=sys.stderr)
        return 2
    console = Console()
    lake = Path(options.lake).absolute()
    console.line(f"lake: {lake}")
    with LocalAws(template=ROOT / "template.yaml", folder=lake) as aws:
        console.line(f"AWS on loopback: {aws.endpoint}")
        console.line(LOOPBACK_TOLD)
        try:
            table, admit = aws.resource("dynamodb").Table(aws.resources["FeedsTable"]), admission(aws)
            feeds = [put_feed(table, document, admit).feed_id for document in documents]
        except (FeedInvalidError, DatasetTakenError) as error:
            print(f"make run: {error}", file=sys.stderr)
            return 2
        for name, fields in secrets.items():
            aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(fields))
        return _run(aws, feeds, console)


def _run(aws: LocalAws, feeds: list[str], console: Console) -> int:
    watch = Watch(aws, console)
    aws.on_event(glue_job.warm_up_with_first_file)
    run = aws.start_execution({"trigger": "by_hand", "feeds": feeds})
    status = aws.wait(run)
    for mail in watch.mails():
        console.heading(f"Mail: {mail.subject}")
        console.block(mail.message)
    for feed_id in feeds:
        console.line(_listed(feed_id, run, aws))
    mine = [entry for entry in files(aws) if entry.get("run") == run]
    console.heading(f"Files this run took ({status['status']})")
    console.table(FILE_COLUMNS, file_rows(mine))
    console.heading("Catalog")
    console.table(TABLE_COLUMNS, tables(aws))
    failed = [message for message in dead_letters(aws) if message["run"] == run]
    if failed:
        console.line(f"{len(failed)} messages of this run are in the dead-letter queue")
    return 0 if status["status"] == "SUCCEEDED" and not failed else 1


def _listed(feed_id: str, run: str, aws: LocalAws) -> str:
    """How the entries of a feed's listing ended, and which name was nearest where none fits."""
    state = FeedStates(aws.resource("dynamodb").Table(aws.resources["LedgerTable"])).get(feed_id)
    if state.get("polled_by") != run:
        return f"{feed_id}: not polled"
    entries = dict(state["entries"])
    unfit, listed = entries.pop("fits_nothing", ""), entries.pop("listed", 0)
    classes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in entries.items())
    told = f"{feed_id}: {listed:,} listed" + (f" ({classes})" if classes else "")
    return f"{told}; {unfit}" if unfit else told


def _documents(path: str) -> list[dict[str, Any]]:
    paths = sorted(str(found) for found in Path(path).glob("*.yaml")) if path and Path(path).is_dir() else [path]
    if not paths:
        raise SystemExit(f"make run: FEED={path} is a folder without a .yaml file.")
    return [_mapping("FEED", one, "a feed document (see feeds/ for examples)") for one in paths]


def _mapping(name: str, path: str, what: str) -> dict[str, Any]:
    if not path:
        raise SystemExit(f"make run: {name} is missing; give a YAML file with {what}.")
    try:
        loaded = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SystemExit(f"make run: {name}={path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SystemExit(f"make run: {name}={path} is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise SystemExit(f"make run: {name}={path} holds no mapping; it should be {what}.")
    return loaded


if __name__ == "__main__":
    sys.exit(main())
