"""`decode` and `decode_options` of the feed document."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lakeferry.decode.chain import LAYERS
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.feeds.decode import ARCHIVES, DecodeSpec
from tests.conftest import ROOT, feed_document

SCHEMA = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text())["properties"]
PAGE = Path(ROOT / "docs/decoding.md").read_text()
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n-----END PGP PUBLIC KEY BLOCK-----\n"


def test_settings_have_defaults_that_are_safe() -> None:
    assert parse_feed(feed_document()).decode_options == DecodeSpec((), 250, 50 * 1024**3, 10_000, 4, ())


def test_the_schemas_defaults_are_those_of_the_code() -> None:
    for name, setting in SCHEMA["decode_options"]["properties"].items():
        if "default" in setting:
            assert getattr(DecodeSpec(), name) == setting["default"], name


def test_settings_are_read() -> None:
    options = {"members": "*.csv", "max_ratio": 1000, "pgp_signers": [KEY]}
    feed = parse_feed(feed_document(decode=["pgp", "zip"], decode_options=options))
    assert feed.decode == ("pgp", "zip")
    assert feed.decode_options == DecodeSpec(members=("*.csv",), max_ratio=1000, pgp_signers=(KEY,))
    several = parse_feed(feed_document(decode_options={"members": ["a.csv", "b/*"]}))
    assert several.decode_options.members == ("a.csv", "b/*")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decode": ["rar"]}, r"\$\.decode\[0\]"),
        ({"decode": ["gzip"] * 5}, r"\$\.decode: 5 layers, and decode_options\.max_depth is 4"),
        ({"decode": ["gzip"], "decode_options": {"members": "*.csv"}}, r"\$\.decode_options\.members"),
        ({"decode": ["zip"], "decode_options": {"pgp_signers": [KEY]}}, r"\$\.decode_options\.pgp_signers"),
        ({"decode_options": {"pgp_signers": ["ssh-ed25519 AAAA"]}}, r"\$\.decode_options\.pgp_signers\[0\]"),
        ({"decode_options": {"max_ratio": 0}}, r"\$\.decode_options\.max_ratio"),
        ({"decode_options": {"ratio": 5}}, "ratio"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(FeedInvalidError, match=words):
        parse_feed(feed_document(**changes))


def test_the_feed_can_name_every_layer_there_is() -> None:
    assert set(SCHEMA["decode"]["items"]["enum"]) == set(LAYERS)
    assert set(LAYERS) > ARCHIVES


def test_every_setting_and_every_suffix_is_documented() -> None:
    for name in SCHEMA["decode_options"]["properties"]:
        assert f"`{name}`" in PAGE or f"`decode_options.{name}`" in PAGE, name
    for layer in LAYERS.values():
        (row,) = re.findall(rf"^\| `{layer.name}` \| ([^|]*) \|", PAGE, re.MULTILINE)
        assert re.findall(r"`(\S+)`", row) == [*layer.suffixes], layer.name
