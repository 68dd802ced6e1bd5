"""Typical mistakes, each made in a drafted feed that works: `feeds check` or `feeds test` says so, and never a run."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli.__main__ import main
from local.partners import SftpPartner

CSV = b"order_id,amount,sold_at\n1,12.50,2026-11-28 10:00:00\n2,-3.00,2026-11-28 11:00:00\n"
KEY = 'host_keys: ["'


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The text of a feed that was drafted from a server and works."""
    folder = tmp_path_factory.mktemp("partner")
    (folder / "outgoing").mkdir()
    for day in (27, 28):
        (folder / "outgoing" / f"sales_202611{day}_1.csv.gz").write_bytes(gzip.compress(CSV))
    with SftpPartner(folder, username="lake", password="correct horse") as server:
        feed, secrets = folder / "daily_sales.yaml", folder / "secrets.yaml"
        secrets.write_text(yaml.safe_dump({"lakeferry/acme/daily_sales": {"password": "correct horse"}}), "utf-8")
        from cli.drafting.hostkey import host_key_of

        fingerprint = host_key_of("127.0.0.1", server.port).fingerprint
        place = f"sftp://lake@127.0.0.1:{server.port}/outgoing"
        options = ["--feed", "daily_sales", "--secrets", str(secrets), "--fingerprint", fingerprint]
        assert main(["feeds", "draft", place, *options, "--out", str(feed)]) == 0
        yield feed.read_text("utf-8") + "schedule: cron(0 6 * * ? *)\n"


MISTAKES = [
    ("check", "  pattern:", "  patern:", "did you mean `pattern`?"),
    ("check", "dataset:", "sla: {expected_by: 16:30, timezone: UTC}\ndataset:", 'write "16:30"'),
    ("check", "feed: daily_sales", "feed: daily_sales\nfeed: sales", "`feed` is there twice"),
    ("check", "dataset:", 'sla: {expected_by: "06:30", timezone: UTC, holidays: NO}\ndataset:', 'write "NO"'),
    ("check", "dataset:", "---\ndataset:", "a second document begins here"),
    ("check", KEY, f'{KEY}SHA256:gH+PmSsWFs798SePAsQolO4+M2I6cS5BYacDp5thHjo", "', "has a fingerprint"),
    ("check", '"decimal(12,2)"', "decimal(12,2)", "within braces a comma ends a value"),
    ("check", "cron(0 6 * * ? *)", "cron(0 6 * * *)", "cron(0 6 * * ? *)"),
    ("check", KEY, f"{KEY}127.0.0.1 ", "a line of known_hosts"),
    ("check", 'delimiter: ","', 'delimiter: "\\\\t"', "with one backslash"),
    ("check", "  username:", "\tusername:", "a tab stands where"),
    ("check", "%Y%m%d}", "yyyymmdd}", "write %Y%m%d"),
    ("check", "%Y-%m-%d %H:%M:%S", "yyyy-MM-dd HH:mm:ss", "write %Y-%m-%d %H:%M:%S"),
    ("test", "correct horse", "wrong horse", "password"),
    ("test", "sales_{date", "sales-{date", "differs after sales"),
    ("test", 'delimiter: ","', 'delimiter: ";"', "delimiter"),
    ("test", "name: amount", "name: amuont", "amuont"),
    ("test", 'host: "127.0.0.1"', 'host: "127.0.0.2"\n  connect_timeout_seconds: 2', "127.0.0.2"),
    ("test", "directory: /outgoing", "directory: /outgoin", "/outgoin"),
]


@pytest.mark.parametrize(
    ("by", "right", "wrong", "said"), MISTAKES, ids=[f"{by} {wrong}" for by, _, wrong, _ in MISTAKES]
)
def test_a_typical_mistake_is_caught_before_anything_is_run(
    drafted: str, by: str, right: str, wrong: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed, secrets = tmp_path / "daily_sales.yaml", tmp_path / "secrets.yaml"
    secret = yaml.safe_dump({"lakeferry/acme/daily_sales": {"password": "correct horse"}})
    assert right in drafted + secret
    feed.write_text(drafted.replace(right, wrong, 1), "utf-8")
    secrets.write_text(secret.replace(right, wrong, 1), "utf-8")
    arguments = ["feeds", by, str(feed), *(["--secrets", str(secrets)] if by == "test" else [])]
    assert main(arguments) in {1, 3}
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_without_a_mistake_both_are_content(drafted: str, tmp_path: Path) -> None:
    feed, secrets = tmp_path / "daily_sales.yaml", tmp_path / "secrets.yaml"
    feed.write_text(drafted, "utf-8")
    secrets.write_text(yaml.safe_dump({"lakeferry/acme/daily_sales": {"password": "correct horse"}}), "utf-8")
    assert main(["feeds", "check", str(feed)]) == 0
    assert main(["feeds", "test", str(feed), "--secrets", str(secrets)]) == 0
