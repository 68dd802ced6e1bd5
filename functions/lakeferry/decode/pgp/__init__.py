"""OpenPGP messages (RFC 9580, and GnuPG's AEAD packets), decrypted in a stream.

`cryptography` does the ciphers, hashes and signatures; here are the packets around them. No wheel to be had does it:
pysequoia refuses gpg's own default (signed and compressed) when signatures are to be verified, rpgp-py and PGPy hold
the whole message in memory, and gpg itself is no wheel. See docs/decisions.md.

    armor.py         ASCII armor off
    packets.py       packet headers and bodies, numbers and strings in them
    work.py          what trying session keys may cost
    s2k.py           a passphrase to a key
    keys.py          private and public keys of a key block
    sessions.py      a message's session key, by private key or passphrase
    unlock.py        the secret's key or passphrase against them
    integrity.py     encrypted data to plain data, MDC and AEAD checked
    signatures.py    signature packets, and whether a key made them
    certificates.py  which keys of a key block may sign data, and for how long
    signers.py       whether a key of the feed signed a message
    message.py       the whole, layer by layer
"""

from lakeferry.decode.pgp.armor import LOOK
from lakeferry.decode.pgp.message import PgpReader, begins_message

__all__ = ["LOOK", "PgpReader", "begins_message"]
