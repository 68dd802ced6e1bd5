"""A feed's file as a person types it: what YAML makes of it, where it stands, and all that is wrong at once."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.checking import check_file, check_text, load_document
from lakeferry.errors import FeedInvalidError
from tests.conftest import ROOT

FEED = """\
tenant: acme
feed: daily_sales
server:
  protocol: sftp
  host: files.acme.example
  username: lake
  secret: lakeferry/acme/daily_sales
  host_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"]
files:
  directory: /outgoing
  pattern: "sales_{date:%Y%m%d}_*.csv.gz"
format: {type: csv, delimiter: ",", header: true}
checks:
  columns:
    - {name: order_id, type: int64}
    - {name: amount, type: "decimal(12,2)"}
sla: {expected_by: "06:30", timezone: Europe/Berlin, holidays: DE}
dataset: sales
"""


def findings(old: str = "", new: str = "") -> list[str]:
    assert old in FEED
    return [str(found) for found in check_text("f.yaml", FEED.replace(old, new, 1) if old else new).findings]


def test_a_feed_has_no_findings() -> None:
    checked = check_text("f.yaml", FEED)
    assert checked.findings == ()
    assert checked.document == yaml.safe_load(FEED)
    assert checked.feed_id == "acme/daily_sales"


@pytest.mark.parametrize("path", sorted((ROOT / "feeds").rglob("*.yaml")), ids=lambda path: str(path.name))
def test_the_examples_have_no_findings_and_read_as_yaml_reads_them(path: Path) -> None:
    checked = check_file(path)
    assert checked.findings == ()
    assert checked.document == yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  pattern: ", "  patern: ", "f.yaml:11:3: `patern` is not a setting of `files`; did you mean `pattern`?"),
        ("feed: daily_sales\n", "feed: daily_sales\nfeed: weekly\n", "3:1: `feed` is there twice, first in line 2"),
        ("delimiter: \",\"", 'delimiter: "\\\\t"', "12:32: `format.delimiter` is one character, not the 2 characters"),
        ('"decimal(12,2)"', "decimal(12,2)", "16:39: within braces a comma ends a value: put the type in"),
        ('"06:30"', "16:30", '17:20: YAML reads 16:30 without quotes as the number 990: write "16:30"'),
        ("holidays: DE", "holidays: NO", '17:64: YAML reads NO without quotes as true or false: write "NO"'),
        ("holidays: DE", "holidays: [2026-12-25]", '17:65: YAML reads 2026-12-25 without quotes as a date'),
        ("dataset: sales", "dataset: sales\n---\ntenant: a", "19:1: a second document begins here"),
        ("  host: ", "\thost: ", "5:1: a tab stands where YAML takes blanks only"),
        ("  directory: /outgoing", "  directory: /outgoing\n  settle_seconds: 010", "11:19: YAML reads 010 as the n"),
        ("sales_{date:%Y%m%d}", "sales_yyyymmdd", "11:12: `files.pattern`: yyyymmdd fits a name that has"),
        ("{date:%Y%m%d}", "{date:%F}", "11:12: `files.pattern`: a date is made of"),
        ("dataset: sales", "dataset: sales\nschedule: cron(0 6 * * *)", "19:11: `schedule`: "),
        ("dataset: sales", "dataset: sales\ncatalog: {columns: {no: text}}", "19:21: YAML reads the name no without"),
        ("dataset: sales", "dataset: !env sales", "18:10: the tag !env is none that a feed has"),
        ('"ssh-ed25519 ', '"files.acme.example ssh-ed25519 ', "8:15: `server.host_keys`, the 1st of its values"),
        ('"sales_{date:%Y%m%d}_*.csv.gz"', "*.csv", "11:12: a value that begins with * is an alias to YAML"),
        ('"sales_{date:%Y%m%d}_*.csv.gz"', "{date:%Y%m%d}.csv", "11:25: a value that begins with a quote, { or ["),
        ('"sales_{date:%Y%m%d}_*.csv.gz"', '"\\d.csv"', "11:14: in double quotes a backslash begins an escape"),
        ('"sales_{date:%Y%m%d}_*.csv.gz"', "@x.csv", "11:12: a value cannot begin with @"),
        ("tenant: acme", "tenant: acme: x", "1:13: a colon and a blank stand within a value"),
        ("tenant: acme", 'tenant: "acme', "8:16: a value that begins with a quote, { or [ has to end"),
        ("{type: csv,", "[type: csv,", "12:9: a bracket is opened here"),
        ("tenant: acme", "tenant: a\0cme", "1:1: there is a character that no text has"),
        ("tenant: acme", "tenant: &a acme\nx: {[a]: 1}", "2:5: a value that begins with { or [ is a collection"),
    ],
)  # fmt: skip
def test_a_slip_is_told_where_it_is(old: str, new: str, said: str) -> None:
    found = findings(old, new)
    assert any(said in each for each in found), found
    assert len(found) == 1 or "{" in new or "&a" in new, found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: it is empty"),
        ("# only a comment\n", "1:1: it is empty"),
        ("- a\n- b\n", "1:1: a feed is settings"),
        ("just text\n", "1:1: a feed is settings"),
        ("a: &a [*a]\n", "anchors that repeat themselves"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
         "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
         "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", "anchors that repeat themselves"),
        ("a: " + "[" * 200 + "]" * 200, "too deep"),
    ],
)  # fmt: skip
def test_what_is_hardly_a_file_is_told_too(text: str, said: str) -> None:
    assert any(said in each for each in findings(new=text)), findings(new=text)


def test_all_mistakes_of_a_file_come_at_once_in_the_order_of_its_lines() -> None:
    text = FEED.replace("  host: ", "\thost: ").replace("pattern", "patern").replace('"decimal(12,2)"', "decimal(12,2)")
    text = text.replace('"06:30"', "16:30").replace("int64", "integer") + "dataset: other\n---\na: b\n"
    lines = [found.line for found in check_text("f.yaml", text).findings]
    assert lines == [5, 11, 15, 16, 17, 19, 20]


def test_where_a_number_is_wanted_quotes_are_not_proposed() -> None:
    found = findings("  directory: /outgoing", "  directory: /outgoing\n  settle_seconds: 1:30")
    assert found == ["f.yaml:11:19: YAML reads 1:30 without quotes as 90: write the number"]


def test_merge_keys_and_anchors_are_read_as_yaml_reads_them() -> None:
    text = (
        FEED
        + "transform:\n  rules:\n    - &r {name: a, expression: 'amount > 0', action: drop}\n    - {<<: *r, name: b}\n"
    )
    checked = check_text("f.yaml", text)
    assert checked.findings == ()
    assert checked.document == yaml.safe_load(text)


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    assert str(check_file(tmp_path / "no.yaml").findings[0]).endswith(
        "no.yaml:1:1: it cannot be read: No such file or directory"
    )
    (tmp_path / "latin.yaml").write_bytes("tenant: caf\xe9".encode("latin-1"))
    assert "it is not UTF-8 text (byte 12)" in str(check_file(tmp_path / "latin.yaml").findings[0])


def test_what_loads_a_document_hears_of_all_its_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(FEED.replace("pattern", "patern").replace("int64", "integer"), "utf-8")
    with pytest.raises(FeedInvalidError, match=r"(?s)11:3: `patern`.*15:30: `columns.type` is not \"integer\""):
        load_document(path)
    path.write_text(FEED, "utf-8")
    assert load_document(path)["feed"] == "daily_sales"


def test_nothing_heavy_is_imported_for_a_check() -> None:
    # what takes long to import is what would take the two seconds
    heavy = "boto3|botocore|moto|pyarrow|pyspark|asyncssh|paramiko|duckdb|pandas"
    code = (
        "import sys, cli.checking; cli.checking.check_file('feeds/acme_daily_sales.yaml'); "
        f"print([name for name in sys.modules if name.split('.')[0] in '{heavy}'.split('|')])"
    )
    environment = {"PYTHONPATH": "functions:."}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    assert done.stdout.strip() == "[]"


@settings(derandomize=True, max_examples=150)
@given(st.integers(0, len(FEED) - 1), st.integers(0, 12), st.text("{}[]:,-#&*!|>'\"%@`\t\n \\\0ab1~<", max_size=4))
def test_whatever_is_typed_is_a_feed_or_has_findings_with_a_place(at: int, cut: int, typed: str) -> None:
    text = FEED[:at] + typed + FEED[at + cut :]
    checked = check_text("f.yaml", text)
    lines = text.count("\n") + 2
    assert all(1 <= found.line <= lines and found.column >= 1 and found.message for found in checked.findings)
    assert checked.findings or checked.document == yaml.safe_load(text)
