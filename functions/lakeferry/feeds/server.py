"""`server` of the feed document: where the files are, and how to get in."""

from collections.abc import Iterator, Mapping
from typing import Any

from lakeferry.feeds.hosts import host_problems
from lakeferry.feeds.names import encoding_problems, zone_problems
from lakeferry.servers.protocols import PROTOCOLS, foreign_settings
from lakeferry.servers.spec import AlgorithmsSpec, ProxySpec, ServerSpec


def server_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `server`."""
    server = document["server"]
    card = PROTOCOLS.get(server["protocol"])
    if card is None:
        yield f"$.server.protocol: {server['protocol']!r} is none; use one of {', '.join(PROTOCOLS)}"
    else:
        for name, instead in foreign_settings(card, server).items():
            yield f"$.server.{name}: not a setting of {card.name}: {instead}"
        for name, why in card.required.items():
            if not server.get(name):
                yield f"$.server.{name}: {why}"
    yield from host_problems("$.server.host", server["host"])
    if "proxy" in server:
        yield from host_problems("$.server.proxy.host", server["proxy"]["host"])
    if (secret := server.get("secret")) is not None:
        yield from secret_problems(document["tenant"], secret)
    yield from zone_problems("$.server.timezone", server.get("timezone", "UTC"))
    for at, command in enumerate(server.get("login_commands", ())):
        yield from login_command_problems(f"$.server.login_commands[{at}]", command)
    yield from encoding_problems("$.server.encoding", server.get("encoding", "utf-8"))


_LOGIN_COMMANDS = ("SITE", "OPTS", "LANG", "CLNT", "SYST", "NOOP")
"""They change how a session shows things; all others move data, log in anew, or change what this side relies on."""
_SITE_CHANGES = (
    "CHMOD", "CHOWN", "CHGRP", "COPY", "CP", "CPFR", "CPTO", "DELE", "DELETE", "EXEC", "LINK", "MKDIR", "MV", "PSWD",
    "RENAME", "RMDIR", "RM", "SHELL", "SUBMIT", "SYMLINK", "TOUCH", "TRUNCATE", "UTIME", "ZIP", "UNZIP",
)  # fmt: skip


def login_command_problems(path: str, command: str) -> Iterator[str]:
    """A sentence if the command does more to a server than change how it shows things."""
    verb, _, rest = command.upper().partition(" ")
    if verb not in _LOGIN_COMMANDS:
        yield f"{path}: {verb[:20]} is not sent at a login; these are: {', '.join(_LOGIN_COMMANDS)}"
    elif verb == "SITE" and rest.strip().split(" ")[0] in _SITE_CHANGES:
        yield f"{path}: {command[:40]!r} would change files on the server; take it out"


def secret_problems(tenant: str, secret: str) -> Iterator[str]:
    """A sentence if a feed of the tenant may not name that secret."""
    if not secret.startswith(f"lakeferry/{tenant}/"):
        yield f"$.server.secret: must begin with lakeferry/{tenant}/ (a tenant reads its own secrets only)"
    elif not {"", ".", ".."}.isdisjoint(secret.split("/")):
        yield "$.server.secret: has an empty part, or one of dots, between its slashes"


def build_server(server: Mapping[str, Any]) -> ServerSpec:
    """The frozen form of a valid `server`."""
    return ServerSpec(
        **{
            **server,
            "port": server.get("port", PROTOCOLS[server["protocol"]].port),
            "proxy": ProxySpec(**server["proxy"]) if "proxy" in server else None,
            "login_commands": tuple(server.get("login_commands", ())),
            "host_keys": tuple(server.get("host_keys", ())),
            "algorithms": AlgorithmsSpec(
                **{kind: tuple(names) for kind, names in server.get("algorithms", {}).items()}
            ),
        }
    )
