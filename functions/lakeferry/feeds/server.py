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
    yield from encoding_problems("$.server.encoding", server.get("encoding", "utf-8"))


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
            "host_keys": tuple(server.get("host_keys", ())),
            "algorithms": AlgorithmsSpec(
                **{kind: tuple(names) for kind, names in server.get("algorithms", {}).items()}
            ),
        }
    )
