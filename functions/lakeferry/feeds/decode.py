"""`decode` and `decode_options` of the feed document: what files are wrapped in, and how far to follow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ARCHIVES = frozenset({"zip", "tar"})


@dataclass(frozen=True, slots=True)
class DecodeSpec:
    """Limits against bombs, the members that are wanted, and who must have signed.

    Attributes:
        members: Globs on an archive's members; none takes all. One with a `/` is held against the whole name, any
            other against its last part.
        max_ratio: Decoded bytes for each delivered byte, once there are more than 64 MiB.
        max_bytes: Decoded bytes of one delivered file, all its members together.
        max_members: Members of all its archives, wanted or not.
        max_depth: Layers in each other (`.tar.gz.pgp` are three).
        pgp_signers: Armored public keys, one of which must have signed; none: signatures are not asked for.
    """

    members: tuple[str, ...] = ()
    max_ratio: int = 250
    max_bytes: int = 50 * 1024**3
    max_members: int = 10_000
    max_depth: int = 4
    pgp_signers: tuple[str, ...] = ()


def decode_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `decode` and `decode_options`."""
    chain, options = document.get("decode"), document.get("decode_options", {})
    if chain is None:
        return
    limit = options.get("max_depth", DecodeSpec().max_depth)
    if len(chain) > limit:
        yield f"$.decode: {len(chain)} layers, and decode_options.max_depth is {limit}"
    if "members" in options and not ARCHIVES & set(chain):
        yield "$.decode_options.members: decode has no zip or tar that could have members"
    if "pgp_signers" in options and "pgp" not in chain:
        yield "$.decode_options.pgp_signers: decode has no pgp, so nothing can be signed"


def build_decode(options: Mapping[str, Any]) -> DecodeSpec:
    """The frozen form of valid `decode_options`."""
    members = options.get("members", ())
    return DecodeSpec(
        **{
            **options,
            "members": (members,) if isinstance(members, str) else tuple(members),
            "pgp_signers": tuple(options.get("pgp_signers", ())),
        }
    )
