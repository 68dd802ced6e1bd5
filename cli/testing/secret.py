"""The feed's secret: what of it is missing, and what of it nobody reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cli.problems import WrongUseError
from lakeferry.feeds import Feed
from lakeferry.feeds.words import near
from lakeferry.servers.protocols import PROTOCOLS

_OF_FILES = frozenset({"pgp_private_key", "pgp_passphrase", "passphrase", "zip_password"})
"""Fields that open encrypted files."""


def read_secrets(path: Path) -> dict[str, dict[str, str]]:
    """Secret names and their fields, as a YAML file has them. No message quotes the file: it has secrets.

    Raises:
        WrongUseError: it is not such a file.
    """
    example = '`lakeferry/acme/daily_sales: {password: "..."}`'
    try:
        loaded: Any = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise WrongUseError(f"--secrets {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise WrongUseError(f"--secrets {path} is not YAML{where}; write {example}.") from None
    if not isinstance(loaded, Mapping):
        raise WrongUseError(f"--secrets {path} has no secrets; write {example}.")
    found = {}
    for name, fields in loaded.items():
        if not isinstance(fields, Mapping) or not all(isinstance(value, str) for value in fields.values()):
            raise WrongUseError(f"--secrets {path}: the fields of {name} have to be texts, in quotes; write {example}.")
        found[str(name)] = dict(fields)
    return found


def secret_problems(feed: Feed, fields: Mapping[str, str]) -> list[str]:
    """What is missing, or is called something else, in words; no value is shown."""
    card, found = PROTOCOLS[feed.server.protocol], []
    channels = {channel.url_secret for channel in feed.notify.channels}
    known = card.secret | _OF_FILES | channels
    unknown = [name for name in fields if name not in known]
    if not any(fields.get(name) for name in card.login):
        found.append(f"the secret has no {' or '.join(card.login)}")
    if "pgp" in (feed.decode or ()) and not (fields.get("pgp_private_key") or fields.get("pgp_passphrase")):
        found.append("the secret has no pgp_private_key, which opens the files (decode has pgp)")
    found += [f"the secret has no {name}, the URL of a channel" for name in sorted(channels) if not fields.get(name)]
    for name in unknown:
        meant = near(name, known - set(fields))
        found.append(f"nobody reads the secret's field {name[:60]}" + (f"; did you mean {meant}?" if meant else ""))
    return found
