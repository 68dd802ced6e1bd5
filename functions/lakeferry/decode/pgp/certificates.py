"""Which keys of a key block may sign data, by what their owner has signed about them (RFC 9580, sections 5.2.1, 10.1).

A block is listed in the feed because somebody trusts it, so nobody else's signatures on it count. SHA-1 will do here: a
collision would have to be made by the owner, against themself; MD5 and RIPEMD-160 will not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lakeferry.decode.pgp.keys import DSA, ECDSA, ED448, ED25519, EDDSA, Key, families
from lakeferry.decode.pgp.packets import MalformedError
from lakeferry.decode.pgp.signatures import Signature, day

_CERTIFICATIONS = {0x10, 0x11, 0x12, 0x13}
_BINDING, _BACK, _DIRECT = 0x18, 0x19, 0x1F
_KEY_REVOKED, _SUBKEY_REVOKED, _CERTIFICATION_REVOKED = 0x20, 0x28, 0x30
_SIGNS = 0x02
_NOT_FOR_DATA = "its key is not meant for signing data"
_CAN_SIGN = {1, 3, DSA, ECDSA, EDDSA, ED25519, ED448}


@dataclass(frozen=True, slots=True)
class Signer:
    """A key of a listed block.

    Attributes:
        refusal: Why it may sign no data at all; None where it may.
        since: When it began, UTC epoch seconds.
        until: When it or its primary key ends; None for never.
    """

    key: Key
    refusal: str | None
    since: int = 0
    until: int | None = None

    def objection(self, made: int) -> str | None:
        """Why a signature made at that time does not count; None where it does."""
        if self.refusal:
            return self.refusal
        if made < self.since:
            return f"it is dated {day(made)}, and its key was made on {day(self.since)}"
        if self.until is not None and made >= self.until:
            return f"it is dated {day(made)}, and its key had ended on {day(self.until)}"
        return None


def read_signers(blocks: Iterable[list[Key]], now: int) -> list[Signer]:
    """What each key of the blocks may sign.

    Args:
        blocks: Keys as `read_keys` gives them. A key that is in several counts once, with all that any copy says: one
            may have been prolonged or revoked since another was made.
        now: UTC epoch seconds.

    Raises:
        MalformedError: a block does not begin with a primary key.
    """
    known: dict[bytes, tuple[Key, dict[bytes, Key]]] = {}
    for block in blocks:
        for primary, subkeys in families(block):
            first, its_subkeys = known.setdefault(primary.body, (primary, {}))
            if first is not primary:
                first.signatures += primary.signatures
            for subkey in subkeys:
                same = its_subkeys.setdefault(subkey.body, subkey)
                if same is not subkey:
                    same.signatures += subkey.signatures
    return [signer for primary, subkeys in known.values() for signer in _family(primary, list(subkeys.values()), now)]


def _family(primary: Key, subkeys: list[Key], now: int) -> Iterator[Signer]:
    if any(_is_revocation(body, _KEY_REVOKED, primary, primary.hashed) for _, body in primary.signatures):
        yield from (Signer(key, "its key is revoked") for key in (primary, *subkeys))
        return
    own = _own_words(primary, now)
    if not own:
        why = "its key says nothing of itself that holds (no valid self-signature)"
        yield from (Signer(key, why) for key in (primary, *subkeys))
        return
    lifetime = _newest(own, "key_lifetime")
    until = primary.created + lifetime if lifetime else None
    refusal = None if _may_sign(primary, _newest(own, "flags")) else _NOT_FOR_DATA
    yield Signer(primary, refusal, since=primary.created, until=until)
    yield from (_subkey(primary, subkey, until, now) for subkey in subkeys)


def _subkey(primary: Key, subkey: Key, until: int | None, now: int) -> Signer:
    over = primary.hashed + subkey.hashed
    if any(_is_revocation(body, _SUBKEY_REVOKED, primary, over) for _, body in subkey.signatures):
        return Signer(subkey, "its key is revoked")
    bindings = [found for _, body in subkey.signatures if (found := _valid(body, {_BINDING}, primary, over, now))]
    if not bindings:
        return Signer(subkey, "its key is not bound to the primary key above it")
    binding = max(bindings, key=lambda each: each.created or 0)
    if not _may_sign(subkey, binding.flags):
        return Signer(subkey, _NOT_FOR_DATA)
    if not any(_valid(body, {_BACK}, subkey, over, now) for body in binding.embedded):
        return Signer(subkey, "its key has not signed that it belongs to its primary key (no back-signature)")
    ends = [until] if until is not None else []
    ends += [subkey.created + binding.key_lifetime] if binding.key_lifetime else []
    return Signer(subkey, None, since=max(primary.created, subkey.created), until=min(ends, default=None))


def _own_words(primary: Key, now: int) -> list[Signature]:
    """What the owner says of the key: of the key itself first, then under names, each the newest first."""
    withdrawn: dict[bytes, int] = {}
    for about, body in primary.signatures:
        if _is_revocation(body, _CERTIFICATION_REVOKED, primary, primary.hashed + about):
            found = _parsed(body)
            withdrawn[about] = max(withdrawn.get(about, -1), (found and found.created) or 0)
    own = []
    for about, body in primary.signatures:
        found = _valid(body, _CERTIFICATIONS if about else {_DIRECT}, primary, primary.hashed + about, now)
        if found and (found.created or 0) > withdrawn.get(about, -1):
            own.append((bool(about), -(found.created or 0), found))
    return [found for _, _, found in sorted(own, key=lambda each: each[:2])]


def _newest(own: list[Signature], what: str) -> int | None:
    value: int | None = next((getattr(each, what) for each in own if getattr(each, what) is not None), None)
    return value


def _may_sign(key: Key, flags: int | None) -> bool:
    """Where nothing is said of what a key is for, it is for all it can do (GnuPG does so with keys of old)."""
    return key.algorithm in _CAN_SIGN and (flags is None or bool(flags & _SIGNS))


def _parsed(body: bytes) -> Signature | None:
    try:
        return Signature.read(body)
    except MalformedError:
        return None


def _valid(body: bytes, kinds: set[int], by: Key, over: bytes, now: int) -> Signature | None:
    """The signature, if it is of such a kind, made by the key over the bytes, and counts now."""
    found = _parsed(body)
    if found is None or found.kind not in kinds or found.flaw(now) or not found.is_made_over(by, over):
        return None
    return found


def _is_revocation(body: bytes, kind: int, primary: Key, over: bytes) -> bool:
    """Whether the owner has taken something back: that does not end, and is not put off by a date or a weak hash."""
    found = _parsed(body)
    if found is None or found.kind != kind:
        return False
    return found.is_made_over(primary, over) or (found.hash in {1, 3} and found.is_from(primary))
