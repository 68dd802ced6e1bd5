"""Makes the embedded servers tell what no honest one would: names that are paths, lines that are none, wrong sizes."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pyftpdlib.filesystems import AbstractedFS

from local import partners

Lister = Callable[..., Iterator[bytes]]
SIZE = 5
"""Bytes that an entry that is listed besides is told to have."""


def list_also(patch: pytest.MonkeyPatch, names: Sequence[bytes] = (), lines: Sequence[bytes] = ()) -> None:
    """Each listing has entries of these names besides: regular files of `SIZE` bytes; with FTP, these lines too."""

    def told(original: Lister, form: bytes) -> Lister:
        def listing(filesystem: Any, folder: str, *rest: Any, **named: Any) -> Iterator[bytes]:
            whole = named.get("ignore_err", True)  # MLST asks for one file only
            if whole:
                yield from (line + b"\r\n" for line in lines)
                yield from (form % SIZE + name + b"\r\n" for name in names)
            yield from original(filesystem, folder, *rest, **named)

        return listing

    list_folder = partners._Folder.list_folder

    def with_names(server: partners._Folder, path: str) -> list[paramiko.SFTPAttributes] | int:
        found = list_folder(server, path)
        if isinstance(found, int):
            return found
        for name in names:
            entry = paramiko.SFTPAttributes()
            entry.st_size, entry.st_mode, entry.st_atime, entry.st_mtime = SIZE, 0o100644, 1_700_000_000, 1_700_000_000
            entry.filename = name.decode("utf-8", "surrogateescape")
            found.append(entry)
        return found

    facts = b"type=file;size=%d;modify=20231114221320; "
    patch.setattr(AbstractedFS, "format_mlsx", told(AbstractedFS.format_mlsx, facts))
    patch.setattr(
        AbstractedFS, "format_list", told(AbstractedFS.format_list, b"-rw-r--r--   1 lake lake %d Nov 14  2023 ")
    )
    patch.setattr(partners._Folder, "list_folder", with_names)


def serve_long_names(patch: pytest.MonkeyPatch, file: Path) -> None:
    """Each name of more than 255 bytes, which no file system here would take, is that file."""
    to_file, local = AbstractedFS.ftp2fs, partners._Folder._local

    def is_long(path: str) -> bool:
        return len(path.rsplit("/", 1)[-1]) > 255

    def ftp2fs(filesystem: Any, path: str) -> str:
        return str(file) if is_long(path) else str(to_file(filesystem, path))

    patch.setattr(AbstractedFS, "ftp2fs", ftp2fs)
    patch.setattr(partners._Folder, "_local", lambda server, path: file if is_long(path) else local(server, path))


def lie_about_size(patch: pytest.MonkeyPatch, wrong: int) -> None:
    """Every file is told to have so many bytes more, or less, than it has."""
    getsize, mlsx, listed = AbstractedFS.getsize, AbstractedFS.format_mlsx, AbstractedFS.format_list
    from_stat = paramiko.SFTPAttributes.from_stat

    def lying(lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            facts, space, name = line.partition(b" ")
            kept = [
                b"size=%d" % (int(fact[5:]) + wrong) if fact.startswith(b"size=") else fact
                for fact in facts.split(b";")
            ]
            yield b";".join(kept) + space + name

    def lying_lines(lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            yield re.sub(rb"^(-(?:\S+\s+){4})(\d+)", lambda found: b"%s%d" % (found[1], int(found[2]) + wrong), line)

    def attributes(found: Any, filename: str | None = None) -> paramiko.SFTPAttributes:
        entry = from_stat(found, filename)
        entry.st_size = (entry.st_size or 0) + wrong
        return entry

    patch.setattr(AbstractedFS, "getsize", lambda filesystem, path: getsize(filesystem, path) + wrong)
    patch.setattr(
        AbstractedFS, "format_mlsx", lambda filesystem, *rest, **named: lying(mlsx(filesystem, *rest, **named))
    )
    patch.setattr(
        AbstractedFS, "format_list", lambda filesystem, *rest, **named: lying_lines(listed(filesystem, *rest, **named))
    )
    patch.setattr(paramiko.SFTPAttributes, "from_stat", staticmethod(attributes))
