"""GnuPG with key rings of their own, for tests: the machine's, or the one that tools/install-servers.sh unpacks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.processes import UNPACKED, environment
from tests.unit.decoding import TEXT

PASSPHRASE = "pässphrase"
KINDS = {
    "rsa": ("RSA\nKey-Length: 2048", "RSA\nSubkey-Length: 2048"),
    "cv25519": ("EDDSA\nKey-Curve: ed25519", "ECDH\nSubkey-Curve: cv25519"),
    "nistp256": ("ECDSA\nKey-Curve: nistp256", "ECDH\nSubkey-Curve: nistp256"),
    "nistp521": ("ECDSA\nKey-Curve: nistp521", "ECDH\nSubkey-Curve: nistp521"),
    "brainpool": ("ECDSA\nKey-Curve: brainpoolP256r1", "ECDH\nSubkey-Curve: brainpoolP256r1"),
    "dsa": ("DSA\nKey-Length: 2048", "RSA\nSubkey-Length: 2048"),
}


def _program(name: str) -> str | None:
    unpacked = UNPACKED / "usr/bin" / name
    return shutil.which(name) or (str(unpacked) if unpacked.is_file() else None)


class Gpg:
    """GnuPG with a key ring of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        program, agent = _program("gpg"), _program("gpg-agent")
        self._command = [
            program or "gpg",
            "--homedir",
            str(home),
            "--batch",
            "--yes",
            "--quiet",
            "--trust-model",
            "always",
        ]
        if agent and agent.startswith(str(UNPACKED)):
            self._command += ["--agent-program", agent]
        self._command += ["--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]
        self._environment = environment() if program and program.startswith(str(UNPACKED)) else {**os.environ}

    def run(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """What it does, whether it succeeds or not."""
        return subprocess.run(
            [*self._command, *arguments], input=data, capture_output=True, check=False, env=self._environment
        )

    def __call__(self, *arguments: str, data: bytes = b"") -> bytes:
        done = self.run(*arguments, data=data)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, name: str, kind: str) -> None:
        key, subkey = KINDS[kind]
        usage = "Key-Usage: sign\nSubkey-Usage: encrypt\n"
        self(
            "--full-gen-key",
            data=f"Key-Type: {key}\nSubkey-Type: {subkey}\n{usage}Name-Real: {name}\n%commit\n".encode(),
        )

    def public(self, name: str) -> str:
        return self("--export", "--armor", name).decode()

    def secret(self, name: str) -> dict[str, str]:
        armored = self("--export-secret-keys", "--armor", name).decode()
        return {"pgp_private_key": armored, "pgp_passphrase": PASSPHRASE}

    def fingerprint(self, name: str) -> str:
        lines = self("--list-keys", "--with-colons", name).decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr"))

    def key_id(self, name: str) -> str:
        lines = self("--list-keys", "--with-colons", name).decode().splitlines()
        return next(line.split(":")[4] for line in lines if line.startswith("sub:"))

    def encrypt(self, *options: str, to: str = "cv25519", data: bytes = TEXT) -> bytes:
        return self("--encrypt", "--recipient", to, *options, data=data)

    def end(self) -> None:
        """Ends its agent."""
        agent = _program("gpg-connect-agent")
        if agent:
            command = [agent, "--homedir", str(self.home), "--no-autostart", "killagent", "/bye"]
            subprocess.run(command, capture_output=True, check=False, env=self._environment)


@contextmanager
def key_ring() -> Iterator[Gpg]:
    """A new key ring, gone afterwards; the test is skipped where there is no gpg."""
    if _program("gpg") is None:
        pytest.skip("needs the command gpg (tools/install-servers.sh unpacks it)")
    home = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))  # short: its agent's socket lives there
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # not a tenth of a second for each try
    made = Gpg(home)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(home, ignore_errors=True)
