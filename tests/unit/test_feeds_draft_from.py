"""Drafts from a server, a file and a data contract, as the command makes them; no key is trusted silently."""

import gzip
import json
import os
import stat
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import main
from cli.checking import check_file
from cli.drafting.arrivals import propose
from cli.drafting.hostkey import host_key_of
from cli.drafting.login import Given, Person, secret_of, server_of
from cli.drafting.making import Wanted, make
from cli.drafting.names import slug_of
from cli.drafting.source import Place, place_of, sort_sources
from cli.drafting.writing import to_yaml
from cli.problems import WRONG_USE, CommandError, WrongUseError
from lakeferry.errors import ServerUnavailableError
from lakeferry.feeds import parse_feed
from local.partners import SftpPartner

CSV = b"order_id,amount,sold_at\n1,12.50,2026-11-28 10:00:00\n2,-3.00,2026-11-28 11:00:00\n"
CONTRACT: dict[str, Any] = {
    "kind": "DataContract",
    "apiVersion": "v3.0.2",
    "version": "1.2.0",
    "description": {"purpose": "Orders of the shops"},
    "servers": [{"server": "p", "type": "sftp", "location": "sftp://files.acme.example/outgoing/*.csv"}],
    "schema": [
        {
            "name": "orders",
            "properties": [
                {"name": "order_id", "logicalType": "integer", "required": True, "description": "Number of the shop"},
                {"name": "amount", "logicalType": "number", "physicalType": "decimal(10,2)"},
                {"name": "sold_at", "logicalType": "timestamp"},
                {"name": "items", "logicalType": "array"},
            ],
        },
        {"name": "stores", "properties": [{"name": "id", "logicalType": "string", "unique": True}]},
    ],
}


class Told:
    """A person who answers as told, and what was asked and shown."""

    def __init__(self, *answers: str, confirms: bool = True, is_there: bool = True) -> None:
        self.answers, self.shown, self._confirms = list(answers), list[str](), confirms
        self.person = Person(is_there, self._ask, self._confirm, self.shown.append)

    def _ask(self, question: str, default: str | None, hidden: bool) -> str:
        self.shown.append(f"{question}?")
        return self.answers.pop(0) if self.answers else default or ""

    def _confirm(self, question: str) -> bool:
        self.shown.append(f"{question}?")
        return self._confirms


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpPartner]:
    outgoing = tmp_path / "server" / "outgoing"
    outgoing.mkdir(parents=True)
    for day in range(20, 29):
        path = outgoing / f"sales_202611{day}_1.csv.gz"
        path.write_bytes(gzip.compress(CSV.replace(b"11-28", f"11-{day}".encode())))
        arrived = datetime(2026, 11, day, 5, 10 + day % 7, tzinfo=UTC).timestamp()
        os.utime(path, (arrived, arrived))
    (outgoing / "readme.txt").write_text("hello", "utf-8")
    with SftpPartner(tmp_path / "server", username="lake", password="correct horse") as running:
        yield running


def test_a_server_is_drafted_and_its_draft_reads_its_files(server: SftpPartner, tmp_path: Path) -> None:
    told = Told("correct horse", "1")
    secrets = tmp_path / "secrets.yaml"
    made = make(
        [f"sftp://lake@127.0.0.1:{server.port}/outgoing"], Wanted("acme", "daily_sales", None, secrets), told.person
    )
    key = host_key_of("127.0.0.1", server.port)
    assert key.line == server.host_key
    # the key and its fingerprint were shown, and a word was asked for
    assert any(key.fingerprint in line for line in told.shown)
    assert "Is that the fingerprint that the partner told you?" in told.shown
    document = made.draft.document
    assert document["server"] == {
        "protocol": "sftp", "host": "127.0.0.1", "port": server.port, "username": "lake",
        "host_keys": [server.host_key], "secret": "lakeferry/acme/daily_sales",
    }  # fmt: skip
    assert document["files"] == {"directory": "/outgoing", "pattern": "sales_{date:%Y%m%d}_*.csv.gz"}
    assert document["sla"]["expected_by"] == "06:00"
    assert "of 9 days (2026-11-20 to 2026-11-28)" in made.draft.marks["$.sla"]
    path = tmp_path / "feed.yaml"
    path.write_text(to_yaml(made.draft, made.header), "utf-8")
    assert "correct horse" not in path.read_text("utf-8")
    assert check_file(path).findings == ()
    # what was asked for is kept, for this person alone, and the next command reads it
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert yaml.safe_load(secrets.read_text("utf-8")) == {"lakeferry/acme/daily_sales": {"password": "correct horse"}}
    assert main(["feeds", "test", str(path), "--secrets", str(secrets)]) == 0
    again = Told(confirms=True)
    assert secret_of("lakeferry/acme/daily_sales", secrets, again.person) == {"password": "correct horse"}
    assert again.shown == []


def test_a_key_that_nobody_confirms_gets_no_password(server: SftpPartner, tmp_path: Path) -> None:
    place = Place("127.0.0.1", "sftp", server.port, "lake", "/outgoing")
    told = Told("correct horse", confirms=False)
    with pytest.raises(CommandError, match="was not confirmed: nothing was sent"):
        server_of(place, Given(), told.person)
    assert told.answers == ["correct horse"]
    nobody = Told(is_there=False)
    with pytest.raises(WrongUseError, match="--fingerprint SHA256:"):
        server_of(place, Given(), nobody.person)
    with pytest.raises(CommandError, match="is not the one of --fingerprint"):
        server_of(place, Given(fingerprint="SHA256:AAAA"), nobody.person)
    right = host_key_of("127.0.0.1", server.port).fingerprint
    found, directory = server_of(place, Given(fingerprint=right), nobody.person)
    assert (found["host_keys"], directory) == ([server.host_key], "/outgoing")


def test_a_server_that_speaks_no_ssh_is_said_to() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ServerUnavailableError, match=rf"127\.0\.0\.1:{port} shows no host key"):
        host_key_of("127.0.0.1", port)


def test_plain_ftp_is_agreed_to_and_the_rest_is_asked_for() -> None:
    told = Told("ftp", "lake", "/export")
    assert server_of(Place("h.example"), Given(), told.person) == (
        {"protocol": "ftp", "host": "h.example", "port": 21, "username": "lake", "allow_plaintext": True}, "/export",
    )  # fmt: skip
    with pytest.raises(CommandError, match="Ask the partner for SFTP or FTPS"):
        server_of(Place("h.example"), Given("ftp", "lake", "/"), Told(confirms=False).person)
    with pytest.raises(WrongUseError, match="--protocol"):
        server_of(Place("h.example"), Given(), Told(is_there=False).person)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("files.acme.example", Place("files.acme.example")),
        (
            "sftp://lake@files.acme.example:2222/outgoing",
            Place("files.acme.example", "sftp", 2222, "lake", "/outgoing"),
        ),
        ("lake@h.example", Place("h.example", None, None, "lake")),
        ("ftp://[::1]:2121", Place("::1", "ftp", 2121)),
    ],
)
def test_a_server_is_read_as_people_write_it(text: str, place: Place) -> None:
    assert place_of(text) == place
    assert sort_sources([text]).place == place


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["./nowhere.csv"], "is no file"),
        (["scp://h.example"], "scp is no protocol"),
        (["sftp://lake:secret@h.example/x"], "Leave the password out of the address"),
        (["a.example", "b.example"], "Name one server"),
    ],
)
def test_what_is_no_source_is_wrong_use(named: list[str], said: str) -> None:
    with pytest.raises(WrongUseError, match=said):
        sort_sources(named)


def test_a_contract_gives_columns_words_and_server(tmp_path: Path) -> None:
    contract, sample = tmp_path / "contract.yaml", tmp_path / "sales_20261128.csv"
    contract.write_text(yaml.safe_dump(CONTRACT), "utf-8")
    sample.write_bytes(CSV)
    alone = make([str(contract)], Wanted("acme", None, None), Told().person)
    assert alone.draft.document["server"]["host"] == "files.acme.example"
    assert alone.draft.document["files"]["directory"] == "/outgoing"
    for made in (alone, make([str(contract), str(sample)], Wanted("acme", None, None), Told().person)):
        document = made.draft.document
        types = [(one["name"], one["type"]) for one in document["checks"]["columns"]]
        assert types == [("order_id", "int64"), ("amount", "decimal(10,2)"), ("sold_at", "timestamp")]
        assert document["checks"]["columns"][0]["required"] is True
        assert document["catalog"] == {
            "description": "Orders of the shops", "contract_version": "1.2.0",
            "columns": {"order_id": "Number of the shop"},
        }  # fmt: skip
        assert made.draft.notes == ["not taken from the contract: items: array is no type of a column here"]
        path = tmp_path / "feed.yaml"
        path.write_text(to_yaml(made.draft, made.header), "utf-8")
        assert check_file(path).findings == ()
        parse_feed(document)
    # a time as the sample has it, since a contract does not say how times are written
    assert document["checks"]["columns"][2]["format"] == "%Y-%m-%d %H:%M:%S"
    with pytest.raises(WrongUseError, match="has no table x; it has: orders, stores"):
        make([str(contract)], Wanted("acme", None, None, table="x"), Told().person)


def test_where_contract_and_sample_disagree_the_sample_is_read_and_the_draft_says_so(tmp_path: Path) -> None:
    contract, sample = tmp_path / "contract.json", tmp_path / "sales_20261128.csv"
    columns = [{"name": "order_id", "logicalType": "boolean"}, {"name": "amount", "logicalType": "number"}]
    contract.write_text(json.dumps(CONTRACT | {"schema": [{"name": "a", "properties": columns}]}), "utf-8")
    sample.write_bytes(CSV)
    made = make([str(contract), str(sample)], Wanted("acme", None, None), Told().person)
    assert made.draft.document["checks"]["columns"][0] == {"name": "order_id", "type": "int64"}
    assert made.draft.marks["$.checks.columns[0]"] == "the contract says bool, and the sample does not fit"
    assert "the sample has a column sold_at, of which the contract says nothing" in made.draft.notes


def test_the_command_writes_a_file_once_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sales_20261128_1.csv").write_bytes(CSV)
    assert main(["feeds", "draft", "sales_20261128_1.csv"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "sales.yaml: drafted, 5 guesses are marked in it. Next:",
        "  lakeferry feeds check sales.yaml",
        "  lakeferry feeds test sales.yaml",
    ]
    assert main(["feeds", "check", "sales.yaml"]) == 0
    assert main(["feeds", "draft", "sales_20261128_1.csv"]) == WRONG_USE
    assert "sales.yaml is there already: name another file with --out." in capsys.readouterr().err
    assert main(["feeds", "draft", "sales_20261128_1.csv", "--out", "-", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["document"] == yaml.safe_load(Path("sales.yaml").read_text("utf-8"))
    assert main(["feeds", "draft", "h.example", "--user", "a", "--protocol", "ftp"]) == WRONG_USE


@pytest.mark.parametrize(
    ("name", "slug"), [("Daily Sales", "daily_sales"), ("2026 x", "f_2026_x"), ("é", "feed"), ("a" * 60, "a" * 47)]
)
def test_a_name_becomes_a_slug(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_too_few_days_promise_nothing_and_weekdays_are_seen() -> None:
    now = int(time.time())
    assert propose([(None, now)] * 9)[0] is None
    mondays = [datetime(2026, 11, day, 22, 50, tzinfo=UTC) for day in (2, 9, 16, 23)]
    found, why = propose([(date(2026, 11, one.day - 1), int(one.timestamp())) for one in mondays], "UTC")
    assert found == {
        "expected_by": "23:30", "timezone": "UTC", "days": ["MON"], "business_date_offset_days": -1
    }  # fmt: skip
    assert "at 22:50 as a rule" in why
