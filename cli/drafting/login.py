"""Getting into a server that no feed names yet: what is not told is asked for; no key is trusted silently."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.drafting.hostkey import HostKey, host_key_of
from cli.drafting.source import Place
from cli.problems import CommandError, WrongUseError
from lakeferry.servers.protocols import PROTOCOLS

Ask = Callable[[str, str | None, bool], str]
"""Question, default, and whether the answer is hidden."""
Confirm = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say of the server."""

    protocol: str | None = None
    username: str | None = None
    directory: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who answers questions; nobody, where no terminal is.

    Attributes:
        say: Shows a line.
    """

    is_there: bool
    ask: Ask
    confirm: Confirm
    say: Callable[[str], None]

    def answer(self, question: str, option: str, default: str | None = None, *, hidden: bool = False) -> str:
        """The answer to a question.

        Raises:
            WrongUseError: nobody is there to answer; the option would.
        """
        if not self.is_there:
            raise WrongUseError(f"{question}? Nobody can be asked here (no terminal): say it with {option}.")
        return self.ask(question, default, hidden)


def server_of(place: Place, given: Given, person: Person) -> tuple[dict[str, Any], str]:
    """`server` of the feed document without its secret, and the directory.

    Raises:
        CommandError: the host key was not confirmed; nothing but the handshake went to the server.
    """
    protocol = given.protocol or place.protocol or person.answer("Protocol", "--protocol", "sftp")
    if protocol not in PROTOCOLS:
        raise WrongUseError(f"{protocol} is no protocol of Lakeferry; use one of {', '.join(PROTOCOLS)}.")
    card = PROTOCOLS[protocol]
    port = place.port or card.port
    server: dict[str, Any] = {"protocol": protocol, "host": place.host, "port": port}
    server["username"] = given.username or place.username or person.answer("User", "--user")
    if "host_keys" in card.required:
        key = host_key_of(place.host, port)
        _confirm_key(f"{place.host}:{port}", key, given, person)
        server["host_keys"] = [key.line]
    elif "allow_plaintext" in card.required:
        if person.is_there and not person.confirm("FTP sends the password and all data unencrypted. Go on"):
            raise CommandError("nothing was sent to the server. Ask the partner for SFTP or FTPS.")
        server["allow_plaintext"] = True
    directory = (
        given.directory or place.directory or (person.answer("Folder", "--directory", "/") if person.is_there else "/")
    )
    return server, directory


def _confirm_key(where: str, key: HostKey, given: Given, person: Person) -> None:
    person.say(f"{where} shows the host key")
    person.say(f"  {key.line}")
    person.say(f"  {key.fingerprint}")
    if given.fingerprint is not None:
        if given.fingerprint.removeprefix("SHA256:").rstrip("=") != key.fingerprint.removeprefix("SHA256:"):
            raise CommandError(
                f"the host key is not the one of --fingerprint: {where} shows {key.fingerprint}. Nothing was sent "
                "to it. Ask the partner which one is right."
            )
        return
    if not person.is_there:
        raise WrongUseError(
            "The host key has to be confirmed, and nobody can be asked here (no terminal): compare the fingerprint "
            f"with the partner's, and say --fingerprint {key.fingerprint}"
        )
    if not person.confirm("Is that the fingerprint that the partner told you"):
        raise CommandError(
            "the host key was not confirmed: nothing was sent to the server. Ask the partner for the key."
        )


def secret_of(name: str, path: Path | None, person: Person) -> dict[str, str]:
    """Fields of the secret: of the file, or asked for, and then kept in the file where there is one named."""
    stored: dict[str, Any] = {}
    if path is not None and path.exists():
        from cli.testing.secret import read_secrets

        stored = dict(read_secrets(path))
        if name in stored:
            return dict(stored[name])
    password = person.answer("Password (empty: a private key)", "--secrets FILE", "", hidden=True)
    if password:
        fields = {"password": password}
    else:
        key = Path(person.answer("File of the private key", "--secrets FILE")).expanduser()
        try:
            fields = {"private_key": key.read_text("utf-8")}
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUseError(f"{key} cannot be read as a private key.") from error
    if path is not None:
        _keep(path, stored | {name: fields})
        person.say(f"The secret is in {path}, which only you can read: keep it out of version control.")
    return fields


def _keep(path: Path, secrets: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yaml.safe_dump(secrets, file, sort_keys=False)
