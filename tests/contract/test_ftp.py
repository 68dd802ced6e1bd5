"""What only FTP has: the plain text it is sent in, broken data connections, and listings as text."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lakeferry.errors import FeedInvalidError, TransferInterruptedError
from lakeferry.servers import open_server
from lakeferry.servers.ftp_hosts import Listed
from lakeferry.servers.ftp_listing import parse_list, parse_mlst, parse_time
from local.partners import FtpPartner

from .conftest import PASSWORD, SECRET, USERNAME, Partner

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
StartFtp = Callable[[tuple[str, ...]], Partner]


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp())


def test_plain_ftp_needs_to_be_allowed(start_ftp: StartFtp) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.server\.allow_plaintext"):
        start_ftp(()).open(allow_plaintext=False)


def test_a_connection_lost_while_bytes_move_is_an_interrupted_transfer(start_ftp: StartFtp) -> None:
    known = start_ftp(())
    (known.folder / "outgoing/large.bin").write_bytes(bytes(40_000_000))
    partner = FtpPartner(known.folder, username=USERNAME, password=PASSWORD)
    stopped = False

    def sink(view: memoryview) -> bool:
        nonlocal stopped
        if not stopped:
            partner.__exit__(None, None, None)
            stopped = True
        return True

    with (
        partner,
        open_server(replace(known.spec, port=partner.port), SECRET) as server,
        pytest.raises(TransferInterruptedError, match=r"large\.bin"),
    ):
        server.read("/outgoing/large.bin", 0, sink)
    assert stopped


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "type=file;size=5;modify=20261123163300;perm=r; a.csv",
            Listed("a.csv", "file", 5, epoch(2026, 11, 23, 16, 33)),
        ),
        (
            " Type=File;Size=5;Modify=20261123163300.999; two words; x.csv",
            Listed("two words; x.csv", "file", 5, epoch(2026, 11, 23, 16, 33)),
        ),
        ("type=cdir;modify=20261123163300; .", Listed(".", "cdir", None, epoch(2026, 11, 23, 16, 33))),
        ("type=dir;sizd=4096; in", Listed("in", "dir", None, None)),
        ("type=file;size=5;modify=20261123163300 a.csv", Listed("a.csv", "file", 5, epoch(2026, 11, 23, 16, 33))),
        # a size or time that cannot be read is asked for
        ("type=file;size=x;modify=yesterday; a.csv", Listed("a.csv", "file", None, None)),
        ("type=file;size=;modify=20261123163360; a.csv", Listed("a.csv", "file", None, None)),
        ("; a.csv", Listed("a.csv", "", None, None)),
    ],
)
def test_a_line_of_facts_is_read(line: str, expected: Listed) -> None:
    assert parse_mlst(line) == expected


@pytest.mark.parametrize("line", ["", "a.csv", "type=file;size=5;", "drwxr-xr-x 2 o g 5 Nov 23 2026 in", "type; a.csv"])
def test_a_line_that_is_none_of_facts_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_mlst(line)


@pytest.mark.parametrize("text", ["2026112316330", "20261323163300", "20261123163300Z", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "-rw-r--r--   1 ftp      ftp          1234 Nov 23 16:33 a.csv",
            Listed("a.csv", "file", 1234, epoch(2026, 11, 23, 16, 33)),
        ),
        (
            "-rw-r--r--+  1 lake users 0 Dec  1 08:05 two words.csv",
            Listed("two words.csv", "file", 0, epoch(2025, 12, 1, 8, 5)),
        ),
        ("-rw-r--r-- 1 lake 12 Feb 29  2024 leap.csv", Listed("leap.csv", "file", 12, epoch(2024, 2, 29))),
        ("-rw------- 1 0 0 12 Nov 23 17:40 ahead.csv", Listed("ahead.csv", "file", 12, epoch(2026, 11, 23, 17, 40))),
        ("drwxr-xr-x 2 0 0 4096 Jan 05 2026 in", Listed("in", "dir", 4096, epoch(2026, 1, 5))),
        ("total 8", None),
        ("lrwxrwxrwx 1 0 0 5 Nov 23 16:33 link.csv -> a.csv", None),
        ("crw-rw-rw- 1 0 0 1, 3 Nov 23 16:33 null", None),
    ],
)
def test_a_line_of_ls_is_read(line: str, expected: Listed | None) -> None:
    assert parse_list(line, UTC, NOW) == expected


def test_times_of_ls_are_in_the_servers_zone() -> None:
    listed = parse_list("-rw-r--r-- 1 0 0 5 Nov 23 12:33 a.csv", ZoneInfo("America/New_York"), NOW)
    assert listed is not None
    assert listed.mtime == epoch(2026, 11, 23, 12, 33, "America/New_York") == epoch(2026, 11, 23, 17, 33)


@pytest.mark.parametrize("line", ["garbage", "11-23-26 a.csv", "-rw-r--r-- 1 0 0 5 Foo 23 16:33 a.csv"])
def test_a_listing_that_is_not_of_ls_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"line|month"):
        parse_list(line, UTC, NOW)
