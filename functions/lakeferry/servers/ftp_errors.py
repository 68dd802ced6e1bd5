"""What ftplib, ssl and sockets raise, as Lakeferry's errors."""

import ftplib
import ssl

from lakeferry.errors import (
    CertificateRejectedError,
    FileChangedError,
    LakeferryError,
    LoginRejectedError,
    RemoteAccessError,
)
from lakeferry.servers.answering import OtherProtocolError
from lakeferry.servers.server_errors import ServerErrors, words_of

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


class FtpErrors(ServerErrors):
    """Answer 550 is the one that RFC 959 has for what is not there and for what is refused."""

    raised = (ftplib.Error, OSError, EOFError, ValueError)

    def is_of_one_thing(self, error: LakeferryError) -> bool:
        """450 to 452 say so in FTP (RFC 959, section 4.2); 421, 425 and 426 are about the connection."""
        cause = error.__cause__
        return super().is_of_one_thing(error) or (isinstance(cause, ftplib.error_temp) and str(cause).startswith("45"))

    def _of(
        self, error: Exception, action: str, missing: type[LakeferryError], gone: type[LakeferryError]
    ) -> LakeferryError:
        what = f"cannot {action} on {self._where}"
        if isinstance(error, ftplib.error_perm):
            return self._refused(error, what, missing)
        if isinstance(error, ssl.SSLCertVerificationError):
            why = getattr(error, "verify_message", error)  # only there where OpenSSL raised it
            return CertificateRejectedError(
                f"{self._where} shows a TLS certificate that is not trusted ({why}); nothing secret "
                "was sent. Ask the partner for a valid one, or put the certificate of its own authority into "
                "$.server.ca_bundle."
            )
        if isinstance(error, ssl.SSLError):
            return self._tls(error, what, gone)
        if isinstance(error, OtherProtocolError):
            return RemoteAccessError(f"{what}: {error}. Nothing secret was sent.")
        if isinstance(error, ValueError | ftplib.error_proto | ftplib.error_reply):
            return RemoteAccessError(
                f"{what}: {error}. That is not FTP as RFC 959 has it; ask the partner what server it is, or for SFTP."
            )
        return gone(
            f"{what} ({words_of(error)}): the server is busy, or the connection was lost. It is "
            "tried again; if it lasts, ask the partner."
        )

    def _refused(self, error: Exception, what: str, missing: type[LakeferryError]) -> LakeferryError:
        kind = missing if str(error).startswith("550") else RemoteAccessError
        advice = (
            "It is not there any more; the next run takes what is there then."
            if kind is FileChangedError
            else "Check the path in the feed, or ask the partner for the permission."
        )
        return kind(f"{what} as {self._spec.username}: the server answers {str(error)!r}. {advice}")

    def _tls(self, error: ssl.SSLError, what: str, gone: type[LakeferryError]) -> LakeferryError:
        reason = getattr(error, "reason", None) or ""
        if any(part in reason for part in _ALERTS_ABOUT_US):
            return LoginRejectedError(
                f"{self._where} does not take our client certificate ({reason}): it must be in the fields certificate "
                f"and private_key of secret {self._spec.secret!r}, and one the partner knows."
            )
        if any(part in reason for part in _NO_COMMON_TLS):
            return RemoteAccessError(
                f"{what}: no safe TLS can be agreed on ({reason}). Check that protocol and port are right (ftps: 21, "
                "ftps_implicit: 990); the server must have TLS 1.2 or later."
            )
        return gone(f"{what} ({error}): TLS broke off. It is tried again; if it lasts, ask the partner.")
