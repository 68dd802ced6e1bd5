"""Whether a key of the feed signed a message (RFC 9580, section 5.2): announced before the data, checked after it."""

import time
from dataclasses import dataclass

from lakeferry.decode.pgp.certificates import Signer, read_signers
from lakeferry.decode.pgp.keys import read_keys
from lakeferry.decode.pgp.packets import Fields, MalformedError
from lakeferry.decode.pgp.signatures import BINARY, TEXT, Digest, Signature, hash_name
from lakeferry.decode.stream import rejected
from lakeferry.errors import FeedInvalidError

_MAX_SIGNATURES = 16
_SHA1 = 2
_SIGN_AGAIN = (
    "Ask the partner to sign with SHA-256 or better (gpg: --digest-algo SHA256) and to deliver the file again."
)
_FIND_OUT = "Find out who made this file; ask the partner to sign the file itself and to deliver it again."
_NEW_KEY = (
    "Ask the partner for their key as it is now (gpg --export --armor) and put it into decode_options.pgp_signers; if "
    "it was not them who signed, the file is not theirs."
)
_BY_OTHER_MEANS = "Ask the partner to sign with gpg or the like, by the key of the feed, and to deliver the file again."


@dataclass(slots=True)
class Announced:
    """A signature that a one-pass packet announces before the data, or one that stands there itself.

    Attributes:
        issuer: Key id or fingerprint; empty where it is from anybody.
        digest: Runs over the data; None where no key of the feed would have made it.
        signature: Itself, where it stands before the data.
        is_outside: Whether what it is around is encrypted.
    """

    version: int
    kind: int
    hash: int
    algorithm: int
    salt: bytes
    issuer: bytes
    digest: Digest | None = None
    signature: Signature | None = None
    is_outside: bool = False

    def fits(self, signature: Signature) -> bool:
        """Whether it announces this signature."""
        return (self.version, self.kind, self.hash, self.algorithm, self.salt) == (
            signature.version,
            signature.kind,
            signature.hash,
            signature.algorithm,
            signature.salt,
        )


class Signers:
    """The keys of the feed, one of which must have signed, and what was found of a message's signatures."""

    def __init__(self, name: str, armored: tuple[str, ...], now: int | None = None) -> None:
        """Reads the keys.

        Args:
            name: The file's, for messages.
            armored: Public keys; none: signatures are not looked at.
            now: UTC epoch seconds.

        Raises:
            FeedInvalidError: a key cannot be read.
        """
        self._name, self._now = name, int(time.time()) if now is None else now
        self._keys = _trusted(armored, self._now)
        self._is_wanted = bool(armored)
        self._count = 0
        self._refused: list[tuple[str, str]] = []
        self._strangers: set[str] = set()
        self.has_signed = False

    def announce(self, body: bytes) -> Announced:
        """A one-pass packet.

        Raises:
            MalformedError: it cannot be read, or there are too many.
        """
        self._counted()
        fields = Fields(body)
        version, kind, digest, algorithm = (fields.number(1) for _ in range(4))
        if version not in {3, 6}:
            return Announced(version, kind, digest, algorithm, b"", b"?")
        salt = fields.take(fields.number(1)) if version == 6 else b""
        issuer = fields.take(32 if version == 6 else 8)
        fields.number(1)
        announced = Announced(6 if version == 6 else 4, kind, digest, algorithm, salt, issuer.lstrip(b"\0") and issuer)
        return self._started(announced)

    def stands_before(self, body: bytes) -> Announced | None:
        """A signature before its data, as in the days before one-pass packets; None where it does not count."""
        self._counted()
        signature = self._read(body) if self._is_wanted else None
        if signature is None:
            return None
        made = Announced(
            signature.version, signature.kind, signature.hash, signature.algorithm, signature.salt, b"",
            signature=signature,
        )  # fmt: skip
        return self._started(made) if self._candidates(signature, made) else made

    def check(
        self, announced: Announced, body: bytes | None = None, recipients: frozenset[bytes] = frozenset()
    ) -> None:
        """Judges a signature when all the data has passed.

        Args:
            body: The packet after the data; None where the signature stood before it.
            recipients: Fingerprints of the key block that the message was opened with, where it was by name.

        Raises:
            FileRejectedError: a key of the feed signed other data.
            MalformedError: it cannot be read.
        """
        if not self._is_wanted:
            return
        signature = announced.signature if body is None else self._read(body)
        if signature is None:
            return
        candidates = self._candidates(signature, announced)
        if not candidates:
            issuers = signature.issuers or {announced.issuer}
            self._strangers |= {f"key {issuer[-8:].hex().upper()}" for issuer in issuers if issuer}
            return
        if announced.is_outside:
            self._refuse(candidates[0], "it is around the encrypted data, not in it", _BY_OTHER_MEANS)
            return
        problem = self._flaw(signature, announced, recipients)
        if problem:
            self._refuse(candidates[0], *problem)
            return
        by = [
            each
            for each in candidates
            if announced.digest and signature.is_made_by(each.key, announced.digest.hashes())
        ]
        if not by:
            raise rejected(
                self._name,
                f"the signature of key {candidates[0].key.name} is not of this data",
                "Ask the partner to sign the file and to deliver it again.",
            )
        objections = [each.objection(signature.created or 0) for each in by]  # several where two own one subkey
        if objections[0] and all(objections):
            self._refuse(by[0], objections[0], _NEW_KEY)
            return
        self.has_signed = True

    def conclude(self) -> None:
        """What the feed asks for, at the message's end.

        Raises:
            FileRejectedError: no key of the feed has signed.
        """
        if not self._is_wanted or self.has_signed:
            return
        if self._refused:
            raise rejected(self._name, *self._refused[0])
        if self._strangers:
            raise rejected(
                self._name,
                f"it is signed by {', '.join(sorted(self._strangers))}, none of the keys of the feed",
                "Ask the partner which key is theirs; if it is this one, add it to decode_options.pgp_signers.",
            )
        raise rejected(
            self._name,
            "it is not signed, and the feed asks for a signature",
            "Ask the partner to sign it, or take decode_options.pgp_signers out of the feed.",
        )

    def _flaw(self, signature: Signature, announced: Announced, recipients: frozenset[bytes]) -> tuple[str, str] | None:
        """Why it would not count even if it is over this data, and what helps."""
        if signature.kind not in {BINARY, TEXT}:
            return f"it is of kind 0x{signature.kind:02X}, which signs keys and names, not files", _FIND_OUT
        if not announced.fits(signature) or (announced.issuer and announced.issuer not in self._names(signature)):
            return "it is not the one that is announced before the data", _FIND_OUT
        if signature.hash == _SHA1:
            return f"it is made with {hash_name(_SHA1)}, which is not accepted", _SIGN_AGAIN
        flaw = signature.flaw(self._now)
        if flaw:
            return flaw, _SIGN_AGAIN if "is made with" in flaw else _BY_OTHER_MEANS
        if signature.recipients and recipients and not signature.recipients & recipients:
            return "it is for other recipients than the feed's key: the file was sent to somebody else first", _FIND_OUT
        return None

    def _names(self, signature: Signature) -> set[bytes]:
        """Key ids and fingerprints of who may have made it, by any of their names."""
        keys = [each.key for each in self._keys if not signature.issuers or signature.is_from(each.key)]
        return {name for key in keys for name in (key.key_id, key.fingerprint)}

    def _candidates(self, signature: Signature, announced: Announced) -> list[Signer]:
        """Keys of the feed that may have made it: those it names, or else those the packet before the data names."""
        if signature.issuers or announced.issuer:
            names = signature.issuers or {announced.issuer}
            return [each for each in self._keys if names & {each.key.key_id, each.key.fingerprint}]
        return self._keys

    def _started(self, announced: Announced) -> Announced:
        """With a hash of the data, if a key of the feed may have made it: others' hashes would only cost time."""
        issuer = announced.issuer
        is_ours = any(not issuer or issuer in {each.key.key_id, each.key.fingerprint} for each in self._keys)
        if is_ours and Digest.can_hash(announced.kind, announced.hash):
            announced.digest = Digest(announced.kind, announced.hash, announced.salt)
        return announced

    def _read(self, body: bytes) -> Signature | None:
        signature = Signature.read(body)
        if signature is None:
            self._refused.append((f"its signature is of version {body[0]}, which is not accepted", _BY_OTHER_MEANS))
        return signature

    def _refuse(self, signer: Signer, why: str, advice: str) -> None:
        self._refused.append((f"the signature of key {signer.key.name} is not accepted: {why}", advice))

    def _counted(self) -> None:
        self._count += 1
        if self._count > _MAX_SIGNATURES:
            raise MalformedError(f"it has more than {_MAX_SIGNATURES} signatures")


def _trusted(armored: tuple[str, ...], now: int) -> list[Signer]:
    try:
        return read_signers([read_keys(block) for block in armored], now)
    except MalformedError as error:
        raise FeedInvalidError(
            f"$.decode_options.pgp_signers: a key cannot be read ({error}). Put the output of "
            "`gpg --export --armor` there."
        ) from None
