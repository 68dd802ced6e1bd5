"""Real partners' servers from Debian's packages, each with a folder of its own, on a free loopback port.

`tools/install-servers.sh` unpacks the programs. They run with throw-away configuration and as an unprivileged user,
even when root starts them; only Pure-FTPd and vsftpd with TLS insist on being root.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakeferry.feeds import ServerSpec
from tests.servers.certificates import LOOPBACK, Authority
from tests.servers.processes import (
    IS_ROOT,
    NOBODY,
    UNPACKED,
    NotInstalledError,
    environment,
    find,
    open_folder,
    running,
    write,
)

PASSWORD = "correct horse"
_PASSWORD_HASH = (  # openssl passwd -6 -salt lakeferry 'correct horse'
    "$6$lakeferry$H4os8lyxhfNsoHk6sKh4dQPViXMnQhSmOeuFzcB6X9fMAnUbLs1KbiZjYjHE.bUg8nPa1Rqzg307aNDdxBfxv."
)


@dataclass(frozen=True)
class Daemon:
    """A running server.

    Attributes:
        spec: How a feed gets in; `secret` has the fields of its secret.
        folder: What it serves, here.
        root: Where that folder is on the server: the front of every remote path, "" for `/` itself.
        log: What the server wrote.
    """

    spec: ServerSpec
    secret: Mapping[str, str]
    folder: Path
    root: str
    log: Path


@dataclass(frozen=True)
class Certificates:
    """What a TLS server is started with.

    Attributes:
        certificate: PEM text, as is `key`.
        ca: Bundle the client is to trust.
        client_ca: Bundle that must have signed a client's certificate; None where none is asked for.
    """

    certificate: str
    key: str
    ca: str
    client_ca: str | None = None


@contextmanager
def openssh(*settings: str, host_keys: Sequence[str] = (), user_key: str | None = None) -> Iterator[Daemon]:
    """OpenSSH's sshd with a user key: it can check no password unless it is root.

    Args:
        settings: Lines for sshd_config; the first of a kind counts, so they go in front.
        host_keys: Private keys; a new one of Ed25519 when absent, as `user_key` is.
    """
    program, user_key = find("sshd"), user_key or ed25519_key()
    host_keys = host_keys or (ed25519_key(),)
    with open_folder() as base:
        for number, key in enumerate(host_keys):
            write(base / f"host_key_{number}", key)
        write(base / "authorized_keys", public_key(user_key))

        def command(port: int) -> Sequence[str]:
            text = f"""
                Port {port}
                ListenAddress 127.0.0.1
                AuthorizedKeysFile {base}/authorized_keys
                PasswordAuthentication no
                KbdInteractiveAuthentication no
                # without PAM it takes an account that has no password for a locked one
                UsePAM yes
                StrictModes no
                PidFile none
                Subsystem sftp internal-sftp -u 000
                """
            keys = [f"HostKey {base}/host_key_{number}" for number in range(len(host_keys))]
            return [program, "-D", "-e", "-f", str(_config(base, *settings, *keys, text))]

        with running(base, command) as port:
            user = pwd.getpwuid(NOBODY if IS_ROOT else os.getuid()).pw_name
            pinned = tuple(public_key(key) for key in host_keys)
            spec = ServerSpec("sftp", "127.0.0.1", port, user, secret="s", host_keys=pinned)
            yield Daemon(spec, {"private_key": user_key}, base / "files", f"{base}/files", base / "log")


@contextmanager
def proftpd_sftp(*settings: str) -> Iterator[Daemon]:
    """ProFTPD's mod_sftp, with a password."""
    key = ed25519_key()
    with open_folder() as base:
        write(base / "host_key", key)
        special = f"""
            LoadModule mod_sftp.c
            SFTPEngine on
            SFTPHostKey {base}/host_key
            SFTPAuthMethods password
            """
        spec = ServerSpec("sftp", "127.0.0.1", 0, "lake", secret="s", host_keys=(public_key(key),))
        with _proftpd(base, spec, special, *settings) as daemon:
            yield daemon


@contextmanager
def proftpd(*settings: str) -> Iterator[Daemon]:
    """ProFTPD, plain."""
    with open_folder() as base:
        spec = ServerSpec("ftp", "127.0.0.1", 0, "lake", secret="s", allow_plaintext=True)
        with _proftpd(base, spec, *settings) as daemon:
            yield daemon


@contextmanager
def proftpd_tls(*settings: str, implicit: bool = False, certificates: Certificates | None = None) -> Iterator[Daemon]:
    """ProFTPD with mod_tls, which takes data connections only with the control connection's TLS session."""
    tls = certificates or own_certificates()
    with open_folder() as base:
        write(base / "certificate.pem", tls.certificate)
        write(base / "key.pem", tls.key)
        special = f"""
            LoadModule mod_tls.c
            TLSEngine on
            TLSRequired on
            TLSECCertificateFile {base}/certificate.pem
            TLSECCertificateKeyFile {base}/key.pem
            {"TLSOptions UseImplicitSSL" if implicit else ""}
            """
        if tls.client_ca is not None:
            special += f"\nTLSCACertificateFile {write(base / 'client_ca.pem', tls.client_ca)}\nTLSVerifyClient on\n"
        with _proftpd(base, _tls_spec(tls, "lake", implicit), special, *settings) as daemon:
            yield daemon


@contextmanager
def vsftpd(*settings: str) -> Iterator[Daemon]:
    """vsftpd, plain; its anonymous user has to know a password."""
    with open_folder() as base:
        spec = ServerSpec("ftp", "127.0.0.1", 0, "anonymous", secret="s", allow_plaintext=True)
        with _vsftpd(base, spec, "run_as_launching_user=YES", *settings) as daemon:
            yield daemon


@contextmanager
def vsftpd_tls(*settings: str, implicit: bool = False, certificates: Certificates | None = None) -> Iterator[Daemon]:
    """vsftpd with TLS, which takes data connections only with the control connection's TLS session."""
    if not IS_ROOT:
        raise NotInstalledError("vsftpd serves TLS as root only")
    tls = certificates or own_certificates()
    with open_folder() as base:
        special = f"""
            ssl_enable=YES
            allow_anon_ssl=YES
            force_anon_logins_ssl=YES
            force_anon_data_ssl=YES
            require_ssl_reuse=YES
            ssl_ciphers=HIGH
            implicit_ssl={"YES" if implicit else "NO"}
            rsa_cert_file={write(base / "certificate.pem", tls.certificate)}
            rsa_private_key_file={write(base / "key.pem", tls.key)}
            """
        if tls.client_ca is not None:
            path = write(base / "client_ca.pem", tls.client_ca)
            special += f"\nca_certs_file={path}\nrequire_cert=YES\nvalidate_cert=YES\n"
        with _vsftpd(base, _tls_spec(tls, "anonymous", implicit), special, *settings, as_root=True) as daemon:
            yield daemon


@contextmanager
def pure_ftpd(*options: str) -> Iterator[Daemon]:
    """Pure-FTPd, plain, in a chroot."""
    with open_folder() as base:
        spec = ServerSpec("ftp", "127.0.0.1", 0, "lake", secret="s", allow_plaintext=True)
        with _pure_ftpd(base, spec, *options) as daemon:
            yield daemon


@contextmanager
def pure_ftpd_tls(*options: str, certificates: Certificates | None = None) -> Iterator[Daemon]:
    """Pure-FTPd that takes TLS only, for control and data."""
    tls = certificates or own_certificates()
    with open_folder() as base:
        both = write(base / "both.pem", tls.key + tls.certificate)
        with _pure_ftpd(base, _tls_spec(tls, "lake", False), "-Y", "3", "-2", str(both), *options) as daemon:
            yield daemon


DAEMONS: Mapping[str, Callable[[], AbstractContextManager[Daemon]]] = {
    "openssh": openssh,
    "proftpd sftp": proftpd_sftp,
    "vsftpd": vsftpd,
    "proftpd": proftpd,
    "pure-ftpd": pure_ftpd,
    "vsftpd tls": vsftpd_tls,
    "vsftpd implicit tls": lambda: vsftpd_tls(implicit=True),
    "proftpd tls": proftpd_tls,
    "proftpd implicit tls": lambda: proftpd_tls(implicit=True),
    "pure-ftpd tls": pure_ftpd_tls,
}


def own_certificates(authority: Authority | None = None) -> Certificates:
    """For a server on loopback, of a CA that nobody else knows."""
    authority = authority or Authority()
    certificate, key = authority.issue(*LOOPBACK)
    return Certificates(certificate, key, authority.bundle)


@contextmanager
def _proftpd(base: Path, spec: ServerSpec, *settings: str) -> Iterator[Daemon]:
    program = find("proftpd")
    user, group = (NOBODY, NOBODY) if IS_ROOT else (os.getuid(), os.getgid())
    write(base / "passwd", f"lake:{_PASSWORD_HASH}:{user}:{group}::{base}/files:/bin/sh\n")
    modules = UNPACKED / "usr/lib/proftpd"

    def command(port: int) -> Sequence[str]:
        text = f"""
            ServerType standalone
            DefaultAddress 127.0.0.1
            SocketBindTight on
            UseIPv6 off
            Port {port}
            User {pwd.getpwuid(user).pw_name}
            Group {grp.getgrgid(group).gr_name}
            PidFile {base}/pid
            ScoreboardFile {base}/scoreboard
            SystemLog {base}/system.log
            TransferLog none
            WtmpLog off
            DelayEngine off
            UseReverseDNS off
            AuthPAM off
            AuthUserFile {base}/passwd
            AuthOrder mod_auth_file.c
            RequireValidShell off
            AllowOverwrite on
            AllowStoreRestart on
            Umask 000
            """
        path = f"ModulePath {modules}" if modules.is_dir() else ""
        return [program, "--nodaemon", "--config", str(_config(base, path, *settings, text))]

    with running(base, command) as port:
        yield _daemon(base, spec, port, root=f"{base}/files")


@contextmanager
def _vsftpd(base: Path, spec: ServerSpec, *settings: str, as_root: bool = False) -> Iterator[Daemon]:
    program = find("vsftpd")
    write(base / "passwords", f"{PASSWORD}\n")
    (base / "empty").mkdir(0o555)

    def command(port: int) -> Sequence[str]:
        # its root is the folder above: it refuses one that its user may write to
        text = f"""
            listen=YES
            background=NO
            listen_address=127.0.0.1
            listen_port={port}
            anonymous_enable=YES
            secure_email_list_enable=YES
            email_password_file={base}/passwords
            anon_root={base}
            anon_world_readable_only=NO
            anon_umask=000
            write_enable=YES
            anon_upload_enable=YES
            anon_mkdir_write_enable=YES
            anon_other_write_enable=YES
            ftp_username=daemon
            nopriv_user=nobody
            secure_chroot_dir={base}/empty
            connect_from_port_20=NO
            xferlog_enable=NO
            """
        return [program, str(_config(base, text, *settings))]

    with running(base, command, as_root=as_root) as port:
        yield _daemon(base, spec, port, root="/files" if as_root else f"{base}/files")


@contextmanager
def _pure_ftpd(base: Path, spec: ServerSpec, *options: str) -> Iterator[Daemon]:
    program = find("pure-ftpd")
    if not IS_ROOT:
        raise NotInstalledError("Pure-FTPd runs as root only")
    users, made = base / "users", base / "users.pdb"
    users.write_text(f"lake:{_PASSWORD_HASH}:{NOBODY}:{NOBODY}::{base}/files/./::::::::::::\n")
    make = [find("pure-pw"), "mkdb", str(made), "-f", str(users)]
    subprocess.run(make, check=True, env=environment(), capture_output=True)

    def command(port: int) -> Sequence[str]:
        listen = ["-S", f"127.0.0.1,{port}", "-H", "-g", f"{base}/pid", "-C", "100"]
        return [program, *listen, "-l", f"puredb:{made}", "-E", "-u", "1", "-U", "000:000", *options]

    with running(base, command, as_root=True) as port:
        yield _daemon(base, spec, port, root="")


def _daemon(base: Path, spec: ServerSpec, port: int, root: str) -> Daemon:
    return Daemon(replace(spec, port=port), {"password": PASSWORD}, base / "files", root, base / "log")


def _tls_spec(tls: Certificates, username: str, implicit: bool) -> ServerSpec:
    protocol = "ftps_implicit" if implicit else "ftps"
    return ServerSpec(protocol, "127.0.0.1", 0, username, secret="s", ca_bundle=tls.ca)


def _config(base: Path, *texts: str) -> Path:
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return write(base / "config", "\n".join([*filter(None, lines), ""]))


def ed25519_key() -> str:
    return _text(Ed25519PrivateKey.generate())


def ecdsa_key() -> str:
    return _text(ec.generate_private_key(ec.SECP256R1()))


def rsa_key() -> str:
    return _text(rsa.generate_private_key(65537, 2048))


def public_key(private: str) -> str:
    """As `authorized_keys` and a feed's `host_keys` have it."""
    key = serialization.load_ssh_private_key(private.encode(), None)
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _text(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
