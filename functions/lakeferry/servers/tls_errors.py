"""What the ssl module raises, as Lakeferry's errors: the same for every protocol under TLS."""

import ssl

from lakeferry.errors import CertificateRejectedError, LakeferryError, LoginRejectedError, RemoteAccessError
from lakeferry.servers.protocols import ports
from lakeferry.servers.spec import ServerSpec

_ALERTS_ABOUT_US = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_NO_CERTIFICATE",
    "ALERT_CERTIFICATE",
    "CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
)
"""Parts of OpenSSL's reasons by which a server says that it does not take our client certificate."""

_NO_COMMON_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNSUPPORTED_PROTOCOL",
    "ALERT_PROTOCOL_VERSION",
    "ALERT_INSUFFICIENT_SECURITY",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "UNRECOGNIZED_NAME",
    "NO_SHARED_CIPHER",
    "ALERT_HANDSHAKE_FAILURE",
    "WRONG_SIGNATURE_TYPE",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "NO_CIPHERS_AVAILABLE",
    "RECORD_LAYER_FAILURE",
)


def tls_error(error: ssl.SSLError, what: str, spec: ServerSpec, gone: type[LakeferryError]) -> LakeferryError:
    """What it means.

    Args:
        what: The beginning of a message: what could not be done, and where.
        gone: For TLS that broke off.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", error)  # only there where OpenSSL raised it
        return CertificateRejectedError(
            f"{spec.address} shows a TLS certificate that is not trusted ({why}); nothing secret "
            "was sent. Ask the partner for a valid one, or put the certificate of its own authority into "
            "$.server.ca_bundle."
        )
    reason = getattr(error, "reason", None) or ""
    if any(part in reason for part in _ALERTS_ABOUT_US):
        return LoginRejectedError(
            f"{spec.address} does not take our client certificate ({reason}): it must be in the fields certificate "
            f"and private_key of secret {spec.secret!r}, and one the partner knows."
        )
    if any(part in reason for part in _NO_COMMON_TLS):
        return RemoteAccessError(
            f"{what}: no safe TLS can be agreed on ({reason}). Check that protocol and port are right "
            f"({ports('ca_bundle')}); the server must have TLS 1.2 or later."
        )
    return gone(f"{what} ({error}): TLS broke off. It is tried again; if it lasts, ask the partner.")
