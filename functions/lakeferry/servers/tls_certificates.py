"""Certificates of TLS: whose the server's may be, and our own."""

import ssl
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from lakeferry.errors import CertificateRejectedError, LoginRejectedError, ServerUnavailableError
from lakeferry.servers.pem import as_it_was_meant
from lakeferry.servers.spec import ServerSpec


def tls_context(spec: ServerSpec, secret: Mapping[str, str]) -> ssl.SSLContext:
    """Trusts the feed's `ca_bundle`, else the system's authorities; has the secret's client certificate.

    Raises:
        CertificateRejectedError: the bundle holds no certificate.
        LoginRejectedError: the client certificate and its key cannot be read, or do not belong together.
        ServerUnavailableError: there is no room for the client certificate on the function's disk.
    """
    try:
        context = ssl.create_default_context(cadata=spec.ca_bundle and as_it_was_meant(spec.ca_bundle))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateRejectedError(
            f"$.server.ca_bundle of the feed for {spec.host} has no certificate that can be read ({error}): it must be "
            "PEM text."
        ) from error
    if "certificate" in secret:
        _load_client_certificate(context, spec, secret)
    return context


def _load_client_certificate(context: ssl.SSLContext, spec: ServerSpec, secret: Mapping[str, str]) -> None:
    # Python's ssl reads them from files only; this folder is the owner's alone, and gone before anything is sent
    with ExitStack() as stack:
        try:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="certificate-"))) / "client.pem"
            texts = [as_it_was_meant(secret.get(field, "")) for field in ("certificate", "private_key")]
            path.write_text("".join(texts), "utf-8", "replace")
        except OSError as error:
            # another call, in another place, may have the room: the same as for a server that is busy
            raise ServerUnavailableError(
                f"the client certificate for {spec.host} cannot be kept on the function's disk for as long as the "
                f"login takes ({error}). It is tried again; if it lasts, look at what fills the disk."
            ) from error
        try:
            # a function, so that OpenSSL never asks a terminal
            context.load_cert_chain(path, password=lambda: secret.get("passphrase", ""))
        except (ssl.SSLError, ValueError, OSError) as error:
            raise LoginRejectedError(
                f"certificate and private_key in secret {spec.secret!r} for {spec.host} cannot be used ({error}): they "
                "must be PEM text, belong together, and come with the key's passphrase if it has one."
            ) from error
