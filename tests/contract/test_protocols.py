"""A card says what its protocol reads, and everything that lists protocols or their settings agrees with the cards."""

import dataclasses
import json
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lakeferry.errors import FeedInvalidError, LakeferryError, ServerUnavailableError
from lakeferry.feeds import parse_feed
from lakeferry.servers import PROTOCOLS, Networks, ProxySpec, ServerSpec, open_server
from lakeferry.servers.protocols import EVERY, Card
from tests.conftest import feed_document
from tests.servers.certificates import Authority

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
SETTINGS = SCHEMA["properties"]["server"]["properties"]
PAGE = (ROOT / "docs/servers.md").read_text("utf-8")
HOST_KEY = feed_document()["server"]["host_keys"][0]
VALUES: Mapping[str, Any] = {
    "host_keys": [HOST_KEY],
    "algorithms": {"macs": ["hmac-sha1"]},
    "ca_bundle": "-----BEGIN CERTIFICATE-----",
    "allow_plaintext": True,
    "timezone": "Europe/Zurich",
    "date_order": "dmy",
    "login_commands": ["SITE LISTFMT 1"],
    "encoding": "iso-8859-1",
    "connect_timeout_seconds": 5,
    "read_timeout_seconds": 5,
    "min_bytes_per_second": 5,
    "proxy": {"type": "http", "host": "proxy.acme.example", "port": 3128},
}
"""One that is not the default, for each setting that a protocol may do without."""
FOREIGN = [(card, name) for card in PROTOCOLS.values() for name in SETTINGS if not card.reads(name)]
CARDS = pytest.mark.parametrize("card", PROTOCOLS.values(), ids=lambda card: card.name)


def server_of(card: Card, **changes: Any) -> dict[str, Any]:
    required = {name: VALUES[name] for name in card.required}
    return {"protocol": card.name, "host": "files.acme.example", "username": "lake"} | required | changes


def test_schema_dataclass_and_cards_have_the_same_settings() -> None:
    of_cards = EVERY.union(*(card.settings for card in PROTOCOLS.values()))
    assert of_cards == set(SETTINGS) == {field.name for field in dataclasses.fields(ServerSpec)}
    assert not any(card.settings & EVERY for card in PROTOCOLS.values())


@CARDS
def test_a_card_is_consistent(card: Card) -> None:
    assert PROTOCOLS[card.name] is card
    assert set(card.required) <= card.settings
    assert not any(card.reads(name) for name in card.instead)
    assert set(card.instead) <= set(SETTINGS)
    assert set(card.login) <= card.secret


def test_cards_are_cheap_to_import() -> None:
    heavy = ("paramiko", "cryptography", "ssl", "ftplib", "python_socks", "boto3", "jsonschema", "lakeferry.feeds")
    code = f"import sys, lakeferry.servers; print([name for name in {heavy!r} if name in sys.modules])"
    environment = {"PYTHONPATH": str(ROOT / "functions")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- feed documents


@CARDS
def test_a_feed_has_its_protocols_port_and_settings(card: Card) -> None:
    assert parse_feed(feed_document(server=server_of(card))).server.port == card.port
    own = {name: value for name, value in VALUES.items() if card.reads(name)}
    feed = parse_feed(feed_document(server=server_of(card, **own)))
    assert [name for name in own if getattr(feed.server, name) == getattr(ServerSpec("", "", 0, ""), name)] == []


@pytest.mark.parametrize(("card", "name"), FOREIGN, ids=lambda value: value if isinstance(value, str) else value.name)
def test_a_setting_of_another_protocol_is_refused_by_name_with_what_to_write(card: Card, name: str) -> None:
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(feed_document(server=server_of(card, **{name: VALUES[name]})))
    told = re.search(
        rf"\$\.server\.{name}: not a setting of {card.name}: (.+?)\. Correct the feed document", str(caught.value)
    )
    assert told is not None
    assert re.search(r"take it out|ca_bundle|host_keys|use sftp", told[1])
    named = set(re.findall(r"\b(ca_bundle|host_keys)\b", told[1]))
    assert all(card.reads(other) for other in named)  # what is to be written instead is then taken


def test_a_setting_nobody_wrote_words_for_is_refused_with_its_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = dataclasses.replace(PROTOCOLS["ftps"], instead={})
    monkeypatch.setitem(cast("dict[str, Card]", PROTOCOLS), "ftps", plain)
    with pytest.raises(
        FeedInvalidError, match="allow_plaintext: not a setting of ftps: only ftp reads it; take it out"
    ):
        parse_feed(feed_document(server=server_of(plain, allow_plaintext=True)))


@CARDS
def test_a_setting_that_says_what_holds_without_it_is_taken(card: Card) -> None:
    same = {name: value for name, value in (("timezone", "UTC"), ("allow_plaintext", False)) if not card.reads(name)}
    assert parse_feed(feed_document(server=server_of(card, **same))) == parse_feed(
        feed_document(server=server_of(card))
    )


@pytest.mark.parametrize(("card", "name"), [(card, name) for card in PROTOCOLS.values() for name in card.required])
def test_what_a_protocol_cannot_do_without_is_named(card: Card, name: str) -> None:
    server = server_of(card)
    del server[name]
    with pytest.raises(FeedInvalidError, match=re.escape(f"$.server.{name}: {card.required[name]}")):
        parse_feed(feed_document(server=server))


def test_a_protocol_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(FeedInvalidError, match=f"'gopher' is none; use one of {', '.join(PROTOCOLS)}"):
        parse_feed(feed_document(server={"protocol": "gopher", "host": "h", "username": "u"}))


# -- opening


class Noted(dict[str, str]):
    """Notes which fields are looked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@CARDS
def test_a_protocol_looks_for_the_fields_of_its_card_and_no_others(card: Card, dead_port: int) -> None:
    certificate, _ = Authority().issue("lake")
    key, locked = ec.generate_private_key(ec.SECP256R1()), serialization.BestAvailableEncryption(b"pass")
    of_ssh = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, locked)
    of_tls = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    fields = {"password": "p", "passphrase": "pass", "proxy_username": "u", "proxy_password": "p"}
    fields["private_key"] = (of_ssh if card.name == "sftp" else of_tls).decode()
    proxy = ProxySpec("http", "127.0.0.1", dead_port)
    spec = ServerSpec(card.name, "127.0.0.1", 1, "lake", allow_plaintext=True, proxy=proxy)
    secret, with_certificate = Noted(fields), Noted(fields | {"certificate": certificate})
    with pytest.raises(ServerUnavailableError):
        card.open(spec, secret, Networks())
    with pytest.raises(LakeferryError):  # where it is read, it is found not to be of that key
        card.open(spec, with_certificate, Networks())
    assert secret.asked | with_certificate.asked == card.secret


@CARDS
def test_a_protocol_is_handed_the_fields_of_its_card_only(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: dict[str, str] = {}

    def note(spec: ServerSpec, secret: Mapping[str, str], networks: Networks) -> Any:
        handed.update(secret)

    monkeypatch.setitem(cast("dict[str, Card]", PROTOCOLS), card.name, dataclasses.replace(card, open=note))
    open_server(ServerSpec(card.name, "h", 1, "u"), dict.fromkeys((*card.secret, "zip_password"), "x"))
    assert set(handed) == card.secret


# -- docs/servers.md


def table(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows]


def protocols_in(cell: str) -> set[str]:
    return set(PROTOCOLS) if cell == "all" else set(re.findall(r"`(\w+)`", cell))


def test_the_page_says_which_protocols_read_a_setting() -> None:
    documented = {row[0].strip("`"): protocols_in(row[2]) for row in table("Settings")}
    assert documented == {name: {card.name for card in PROTOCOLS.values() if card.reads(name)} for name in SETTINGS}


def test_the_page_says_each_protocols_port() -> None:
    documented = {row[0].strip("`"): int(row[1]) for row in table("Protocols")}
    assert documented == {card.name: card.port for card in PROTOCOLS.values()}


def test_the_page_says_which_protocols_read_a_field_of_the_secret() -> None:
    documented: dict[str, set[str]] = {}
    for row in table("What the secret holds"):
        documented |= {name: protocols_in(row[1]) for name in re.findall(r"`(\w+)`", row[0])}
    of_cards = set().union(*(card.secret for card in PROTOCOLS.values()))
    assert {name: protocols for name, protocols in documented.items() if protocols} == {
        name: {card.name for card in PROTOCOLS.values() if name in card.secret} for name in of_cards
    }


@pytest.mark.parametrize(
    ("entry", "is_taken"),
    [
        (f"@cert-authority {HOST_KEY}", True),
        (f"@cert-authority {HOST_KEY} a comment", True),
        (f"@cert-authority *.acme.example {HOST_KEY}", False),
        (f"@revoked {HOST_KEY}", False),
        ("@cert-authority", False),
    ],
)
def test_an_authority_is_pinned_as_known_hosts_has_it_without_the_host(entry: str, is_taken: bool) -> None:
    document = feed_document()
    document["server"]["host_keys"] = [entry]
    if is_taken:
        assert parse_feed(document).server.host_keys == (entry,)
    else:
        with pytest.raises(FeedInvalidError, match=r"\$\.server\.host_keys"):
            parse_feed(document)
