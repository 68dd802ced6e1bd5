"""The whole pipeline on this machine, twice, with everything shown as it happens: `make demo`.

Two partner servers on loopback, two tenants, three feeds; one file is broken and one server shows the wrong
host key, on purpose. Exit status 0 only if what must hold, holds.
"""

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from lakeferry.feeds import put_feed
from lakeferry.ledger.addresses import Addresses, Approval
from local import glue_job, sql
from local.aws import LOOPBACK_TOLD, LocalAws
from local.console import Console
from local.demo_data import Expected, being_written, deliver
from local.ledger_view import FILE_COLUMNS, TABLE_COLUMNS, dead_letters, file_rows, files, objects, tables
from local.owners import admission
from local.partners import FtpPartner, SftpPartner
from local.report import described_run, write_report
from local.sla import check_sla, export_sla
from local.template import load
from local.watch import Watch

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".demo"
SETTLE_SECONDS = 2
"""A demo's users do not wait for the minute that the example feeds ask for."""
PASSWORD = "correct horse battery staple"  # noqa: S105  (of the demo's own loopback servers)
QUERY = """
select tenant, store, count(*) as orders, sum(amount) as amount, sum(net) as net
from sales group by all order by amount desc
""".strip()


def main() -> int:
    """Runs the demo; 0 when everything it claims is so."""
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    today = datetime.now(UTC).date()
    expected = deliver(FOLDER / "partners" / "acme", FOLDER / "partners" / "globex", today)
    with (
        SftpPartner(FOLDER / "partners" / "acme", username="lake", password=PASSWORD) as sftp,
        FtpPartner(FOLDER / "partners" / "globex", username="lake", password=PASSWORD) as ftp,
        being_written(FOLDER / "partners" / "globex", today, expected),
    ):
        console.line(f"partner acme: SFTP server on 127.0.0.1:{sftp.port}")
        console.line(f"partner globex: FTP server on 127.0.0.1:{ftp.port}")
        console.part_done("partners' servers and files")
        with LocalAws(template=ROOT / "template.yaml", folder=FOLDER / "lake") as aws:
            console.line(f"template.yaml deployed to AWS on loopback, {aws.endpoint}: {len(aws.resources)} resources")
            console.line(LOOPBACK_TOLD)
            console.part_done("AWS on this machine")
            aws.on_event(glue_job.warm_up_with_first_file)
            configure(aws, sftp, ftp, console)
            demo = Demo(aws, console, expected)
            demo.first_run()
            console.part_done("first run")
            reports = {"first run": demo.report()}
            console.part_done("its report")
            demo.show_results()
            console.part_done("results")
            demo.second_run()
            console.part_done("second run")
            demo.check_slas()
            console.part_done("SLAs")
            reports["second run"] = demo.report()
            console.part_done("its report")
            holds = demo.judge()
        console.part_done("clean-up")
    console.times()
    print(f"\nThe lake is in {FOLDER.relative_to(ROOT)}/lake: raw/, curated/ and fallout/ are its objects.")
    for run, report in reports.items():
        print(f"Report of the {run}: {report.relative_to(ROOT)}")
    if not holds:
        print("\nSome checks failed: see the lines marked NOT above.", file=sys.stderr)
    return 0 if holds else 1


def configure(aws: LocalAws, sftp: SftpPartner, ftp: FtpPartner, console: Console, host: str = "127.0.0.1") -> None:
    """Puts the example feeds, aimed at the partners of this machine, and their secrets."""
    table, admit = aws.resource("dynamodb").Table(aws.resources["FeedsTable"]), admission(aws)
    addresses = Addresses(aws.resource("dynamodb").Table(aws.resources["LedgerTable"]))
    for path in sorted((ROOT / "feeds").glob("*.yaml")):
        document = yaml.safe_load(path.read_text("utf-8"))
        server = document["server"]
        partner = sftp if server["protocol"] == "sftp" else ftp
        server |= {"host": host, "port": partner.port}
        if document["feed"] == "daily_sales":
            server["host_keys"] = [sftp.host_key]
        document["files"]["settle_seconds"] = SETTLE_SECONDS
        feed = put_feed(table, document, admit)
        aws.client("secretsmanager").create_secret(
            Name=feed.server.secret, SecretString=json.dumps({"password": PASSWORD})
        )
        for address in feed.notify.emails:  # as its operator does: lakeferry addresses approve TENANT ADDRESS
            addresses.approve(Approval(feed.tenant, address))
        console.line(
            f"feed {feed.feed_id}: {server['protocol']} {feed.files.directory}/{feed.files.pattern} -> {feed.dataset}"
        )


class Demo:
    """Two runs, what they left, and the verdict."""

    def __init__(self, aws: LocalAws, console: Console, expected: Expected) -> None:
        self._aws, self._console, self._expected = aws, console, expected
        self._watch = Watch(aws, console)
        self._runs: list[dict[str, Any]] = []
        self._entered: list[list[str]] = []
        self._lake: list[dict[str, int]] = []
        self._letters: list[list[dict[str, Any]]] = []
        self._mails: list[list[Any]] = []
        self._sla_counts: list[dict[str, Any]] = []
        self._late = sql.Answer((), [])

    def first_run(self) -> None:
        """As the hourly rule would start it."""
        self._run("First run: the hourly rule's event starts the state machine")

    def second_run(self) -> None:
        """The same again: what is in the lake is not taken twice."""
        self._run("Second run, an hour later: nothing is taken twice")
        self._console.line(f"objects in the lake: {len(self._lake[0])} before, {len(self._lake[1])} after")

    def check_slas(self) -> None:
        """What `check_sla` tells of a week in which nobody looked, and that it tells it once."""
        self._console.heading("check_sla, every 15 minutes: what was promised for the last week")
        self._watch.mails()
        since = datetime.now(UTC) - timedelta(days=7)
        self._sla_counts = [check_sla(self._aws, since), check_sla(self._aws)]
        for mail in self._watch.mails():
            self._console.heading(f"Mail: {mail.subject}")
            self._console.block(mail.message)
        export_sla(self._aws)
        named = load(ROOT / "queries.yaml")["Resources"]["LateFilesQuery"]["Properties"]
        self._console.heading(f"Named query {named['Name']!r}, over what export_sla wrote into the lake")
        self._late = sql.query(self._aws, named["QueryString"])
        self._console.table(*self._late)

    def report(self) -> Path:
        """Writes the report of the last run: what the ledger has of a feed as a whole is the next run's then."""
        lake = (FOLDER / "lake").relative_to(ROOT)
        return write_report(self._aws, FOLDER / "lake", described_run(self._runs[-1]), f"--lake {lake}")

    def _run(self, title: str) -> None:
        self._console.heading(title)
        before = len(self._watch.entered)
        (run,) = self._aws.tick()
        self._runs.append(self._aws.wait(run))
        self._entered.append(self._watch.entered[before:])
        self._console.line(f"run {self._runs[-1]['status']}")
        self._lake.append(objects(self._aws, self._aws.resources["LakeBucket"]))
        self._letters.append(dead_letters(self._aws))
        self._mails.append(self._watch.mails())
        for mail in self._mails[-1]:
            self._console.heading(f"Mail: {mail.subject}")
            self._console.block(mail.message)

    def show_results(self) -> None:
        """The ledger, the queue, the catalog and the curated rows."""
        self._console.heading("Ledger: every file version and what became of it")
        self._console.table(FILE_COLUMNS, file_rows(files(self._aws)))
        self._console.heading("Dead-letter queue")
        for letter in self._letters[0]:
            self._console.block(json.dumps(letter, indent=1))
        self._console.heading("Glue Data Catalog")
        self._console.table(TABLE_COLUMNS, tables(self._aws))
        self._console.heading("SQL over the curated Parquet")
        self._console.block(QUERY)
        self._console.table(*sql.query(self._aws, QUERY))

    def judge(self) -> bool:
        """Compares what is there with what the files' making tells must be there."""
        self._console.heading("What must hold")
        check, expected = self._console.check, self._expected
        entries = {entry["path"].rsplit("/", 1)[-1]: entry for entry in files(self._aws)}
        status = {name: entry["status"] for name, entry in entries.items()}
        count = {dataset: sql.query(self._aws, f"select count(*) from {dataset}")[1][0][0] for dataset in expected.kept}
        amount = sql.query(self._aws, "select sum(amount) from sales")[1][0][0]
        dropped = sum(sum(entry.get("rows_dropped", {}).values()) for entry in entries.values())
        raw = [key for key in self._lake[0] if key.startswith("raw/")]
        return all(
            [
                check("both runs SUCCEEDED", [run["status"] for run in self._runs] == ["SUCCEEDED"] * 2),
                check(
                    f"the {len(expected.files)} good files are CURATED, and only they",
                    {name for name, found in status.items() if found == "CURATED"} == set(expected.files),
                ),
                check(
                    "the truncated gzip is FAILED with FileRejectedError, and only it",
                    {name: entries[name]["error"] for name in status if status[name] == "FAILED"}
                    == dict.fromkeys(expected.broken, "FileRejectedError"),
                ),
                check(
                    "files no feed asks for, a *.part and one still being written were left alone",
                    not set(expected.ignored) & set(entries),
                ),
                check(
                    "the raw zone has one object a good file, nothing of the broken one",
                    len(raw) == len(expected.files),
                ),
                check(
                    f"curated rows are those the rules keep: {count}, sum of amounts {amount}",
                    count == expected.kept and amount == expected.sales,
                ),
                check(
                    f"the ledger names the rule of each of {dropped} dropped rows",
                    dropped == sum(expected.dropped.values()),
                ),
                check(
                    "the dead-letter queue has the broken file and the feed with the wrong host key",
                    sorted((letter["kind"], letter["error"]) for letter in self._letters[0])
                    == [("feed", "HostKeyMismatchError"), ("file", "FileRejectedError")],
                ),
                check(
                    "mails: one for the file, one for the feed, one for the run's success",
                    sorted(
                        event for mail in self._mails[0] if not (event := mail.attributes["event"]).startswith("sla_")
                    )
                    == ["feed_failed", "file_failed", "run_succeeded"],
                ),
                check(
                    "the second run fetched nothing and changed no object of the lake",
                    "Fetch files" not in self._entered[1]
                    and _files_and_rows(self._lake[0]) == _files_and_rows(self._lake[1]),
                ),
                check("no multipart upload is left open", not self._open_uploads()),
                check(
                    f"check_sla told of {self._sla_counts[0]['due']} due times, and told it once",
                    self._sla_counts[0]["mails"] > 0 and self._sla_counts[1]["mails"] == 0,
                ),
                check(f"SQL finds the {len(self._late.rows)} promises that were not kept", bool(self._late.rows)),
            ]
        )

    def _open_uploads(self) -> list[str]:
        buckets = (self._aws.resources["LakeBucket"], self._aws.resources["InboxBucket"])
        s3 = self._aws.client("s3")
        return [
            found["Key"] for bucket in buckets for found in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]


def _files_and_rows(objects: dict[str, int]) -> dict[str, int]:
    """Each run has a report; and something may fall due between two, and is exported on a schedule of its own."""
    return {key: size for key, size in objects.items() if not key.startswith(("sla/", "reports/"))}


if __name__ == "__main__":
    sys.exit(main())
