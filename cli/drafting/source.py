"""What a draft is made from: files on this machine, a contract, a server."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from cli.drafting.contract import is_contract
from cli.problems import WrongUseError
from lakeferry.servers.protocols import PROTOCOLS

_MOST_CONTRACT_BYTES = 4 * 1024 * 1024
_HOST = re.compile(r"(?:[a-z_]+://)?(?:[^@/\s]+@)?(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:/.*)?")


@dataclass(frozen=True, slots=True)
class Place:
    """A server as a person writes it: `sftp://lake@files.partner.example:22/outgoing`, or a part of that."""

    host: str
    protocol: str | None = None
    port: int | None = None
    username: str | None = None
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """What was named, sorted out."""

    samples: tuple[Path, ...] = ()
    contract: dict[str, Any] | None = None
    place: Place | None = None


def sort_sources(named: list[str]) -> Sources:
    """Files, a contract, a server.

    Raises:
        WrongUseError: something is none of them, or two of what there can be one of.
    """
    found = Sources()
    for one in named:
        path = Path(one)
        if path.is_file():
            contract = _contract(path)
            if contract is not None and found.contract is not None:
                raise WrongUseError("Name one data contract: a feed has one.")
            found = replace(found, contract=contract) if contract else replace(found, samples=(*found.samples, path))
        elif "://" in one or not ("/" in one or one.startswith(".")):
            if found.place is not None:
                raise WrongUseError(f"Name one server: a feed has one, and {found.place.host} is named already.")
            found = replace(found, place=place_of(one))
        else:
            raise WrongUseError(f"{one} is no file; a server is written as sftp://user@host/folder.")
    return found


def place_of(text: str) -> Place:
    """The server that a text names.

    Raises:
        WrongUseError: it names none.
    """
    if not _HOST.fullmatch(text):
        raise WrongUseError(f"{text} is no file and no server; a server is written as sftp://user@host/folder.")
    if re.search(r"//[^/@]*:[^/@]*@", text):
        raise WrongUseError(
            "Leave the password out of the address: it would be in your shell's history. It is asked for."
        )
    parts = urlsplit(text if "://" in text else f"//{text}")
    if parts.scheme and parts.scheme not in PROTOCOLS:
        raise WrongUseError(f"{parts.scheme} is no protocol of Lakeferry; use one of {', '.join(PROTOCOLS)}.")
    return Place(
        parts.hostname or "",
        parts.scheme or None,
        parts.port,
        unquote(parts.username) if parts.username else None,
        unquote(parts.path) if parts.path and parts.path != "/" else None,
    )


def _contract(path: Path) -> dict[str, Any] | None:
    if path.suffix.lower() not in {".yaml", ".yml", ".json"} or path.stat().st_size > _MOST_CONTRACT_BYTES:
        return None
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return document if is_contract(document) else None
