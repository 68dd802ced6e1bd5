"""Keys by rPGP, of the kinds that RFC 9580 brought and gpg does not make."""

from openpgp.composed import EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder
from openpgp.types import PacketHeaderVersion, S2kParams, StringToKey


def own_key(version: int, kind: KeyType, sub: KeyType, passphrase: str | None = None) -> SignedSecretKey:
    """A key that signs with a subkey that decrypts, locked by AEAD and Argon2 if there is a passphrase."""
    header = PacketHeaderVersion.new()
    subkey = SubkeyParamsBuilder().version(version).key_type(sub).packet_version(header)
    builder = SecretKeyParamsBuilder().version(version).key_type(kind).packet_version(header)
    subkey, builder = subkey.can_encrypt(EncryptionCaps.all()), builder.can_certify(True).can_sign(True)
    if passphrase:
        how = S2kParams.aead("aes256", "ocb", StringToKey.argon2(1, 4, 16))
        subkey, builder = subkey.passphrase(passphrase).s2k(how), builder.passphrase(passphrase).s2k(how)
    return builder.primary_user_id("Us <us@example.com>").subkey(subkey.build()).generate()
