"""`notify` of the feed document: who is told of the feed, by mail and in chat channels."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lakeferry.channels.cards import CHANNELS
from lakeferry.channels.spec import SEVERITIES, ChannelSpec
from lakeferry.feeds.server import secret_problems

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WORD = re.compile(r"\S+")
_INSTEAD = "put the URL into the feed's secret, and the name of its field into url_secret"


@dataclass(frozen=True, slots=True)
class NotifySpec:
    """Who gets messages about this feed.

    Attributes:
        emails: By mail.
        success: `run`, the run's summary tells of it; or `feed`, each run in which files landed is a mail of its own.
        channels: In chat.
    """

    emails: tuple[str, ...] = ()
    success: str = "run"
    channels: tuple[ChannelSpec, ...] = ()


def notify_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `notify`. A URL is a secret: no message has one."""
    channels = document.get("notify", {}).get("channels", ())
    for index, channel in enumerate(channels):
        path = f"$.notify.channels[{index}]"
        if channel["type"] not in CHANNELS:
            wrong = f"{channel['type']!r} is none; use one of {', '.join(CHANNELS)}"
            yield f"{path}.type: {without_urls(path, wrong)}"
        if not _FIELD.fullmatch(channel["url_secret"]):
            yield f"{path}.url_secret: is no name of a field (a-z, 0-9, _): {_INSTEAD}"
    if channels and "secret" not in document["server"]:
        yield "$.notify.channels: needs server.secret, whose fields have the channels' URLs"


def without_urls(path: str, message: str) -> str:
    """What a check says of something at that path: with no URL in it, where one may have been put by mistake."""
    if not path.startswith("$.notify"):
        return message
    # word by word: `\S*://` would begin anew at each letter of a long one
    found = _WORD.sub(lambda word: "[hidden]" if "://" in word[0] else word[0], message)
    return f"{found}; {_INSTEAD}" if "'url'" in found or found != message else found


def build_notify(notify: Mapping[str, Any]) -> NotifySpec:
    """The frozen form of a valid `notify`."""
    channels = (
        ChannelSpec(**{**channel, "events": tuple(channel.get("events", ()))}) for channel in notify.get("channels", ())
    )
    return NotifySpec(**{**notify, "emails": tuple(notify.get("emails", ())), "channels": tuple(channels)})


def notify_of(document: Mapping[str, Any]) -> NotifySpec:
    """What can be read of `notify` in a document, valid or not; what cannot is passed over."""
    notify = document.get("notify")
    if not isinstance(notify, Mapping):
        return NotifySpec()
    return NotifySpec(
        tuple(one for one in _listed(notify.get("emails")) if isinstance(one, str) and one),
        "feed" if notify.get("success") == "feed" else "run",
        tuple(found for one in _listed(notify.get("channels")) if (found := _channel_of(one)) is not None),
    )


def secret_of(document: Mapping[str, Any]) -> str | None:
    """The name of the feed's secret, of a document valid or not; None where it names none, or another tenant's."""
    server = document.get("server")
    name = server.get("secret") if isinstance(server, Mapping) else None
    return name if isinstance(name, str) and not list(secret_problems(str(document.get("tenant")), name)) else None


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _channel_of(value: object) -> ChannelSpec | None:
    if not isinstance(value, Mapping):
        return None
    kind, field = value.get("type"), value.get("url_secret")
    if not (isinstance(kind, str) and kind in CHANNELS and isinstance(field, str) and _FIELD.fullmatch(field)):
        return None
    severity = value.get("severity")
    return ChannelSpec(
        kind,
        field,
        tuple(one for one in _listed(value.get("events")) if isinstance(one, str)),
        severity if severity in SEVERITIES else "info",
    )
