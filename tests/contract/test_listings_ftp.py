"""Listings of servers that speak other languages than English, and of hosts that are neither Unix nor Windows."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from lakeferry.errors import FeedInvalidError, RemoteAccessError
from lakeferry.feeds import parse_feed
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, Sink, open_server
from lakeferry.servers.ftp_hosts import Listed, data_set_path
from lakeferry.servers.ftp_listing import MOST_CHARACTERS, Listing, parse_list
from tests.conftest import feed_document
from tests.servers.scripted_ftp import ScriptedFtp, Session

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


def read(lines: Sequence[str], order: str | None = None) -> list[Listed]:
    listing = Listing(UTC, NOW, order)
    return [listed for line in lines if (listed := listing.read(line)) is not None]


MONTHS = {
    "German": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "French": "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc.",
    "Spanish": "ene feb mar abr may jun jul ago sep oct nov dic",
    "Italian": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Portuguese": "jan fev mar abr mai jun jul ago set out nov dez",
    "Dutch": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "Polish": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Russian": "янв фев мар апр мая июн июл авг сен окт ноя дек",
}
ENCODINGS = {"Russian": ("utf-8", "cp1251", "koi8-r", "cp866"), "Polish": ("utf-8", "iso-8859-2", "cp1250")}


@pytest.mark.parametrize("language", MONTHS)
@pytest.mark.parametrize(
    "form", ["{month} 23  2025", "23 {month} 2025", "23. {month} 2025", "{month} 23 00:00:00 2025"]
)
def test_months_of_many_languages_are_read(language: str, form: str) -> None:
    for encoding in ENCODINGS.get(language, ("utf-8", "iso-8859-1", "cp850")):
        for number, month in enumerate(MONTHS[language].split(), 1):
            for name in (month, month.title(), month.upper()):
                line = f"-rw-r--r--   1 o g  9 {form.format(month=name)} a.csv".encode(encoding).decode("iso-8859-1")
                assert parse_list(line, UTC, NOW) == Listed("a.csv", "file", 9, at(2025, number, 23)), name


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("11月 23 16:33", at(2026, 11, 23, 16, 33)),
        ("12月  1  2025", at(2025, 12, 1)),
        ("1月 31日 08:05", at(2026, 1, 31, 8, 5)),
        ("11月23日 2025年", at(2025, 11, 23)),
        ("2025年11月23日", at(2025, 11, 23)),
        ("2025年 11月 23日 16:33", at(2025, 11, 23, 16, 33)),
    ],
)
def test_chinese_and_japanese_dates_are_read(date: str, expected: int) -> None:
    for encoding in ("utf-8", "gb18030", "big5", "shift_jis", "euc_jp"):
        line = f"-rw-r--r--   1 o g  9 {date} a.csv".encode(encoding).decode("iso-8859-1")
        assert parse_list(line, UTC, NOW) == Listed("a.csv", "file", 9, expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-rw-r--r-- 1 o g 1,234,567 Nov 23  2025 a.csv", Listed("a.csv", "file", 1234567, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 1.234 Nov 23  2025 a.csv", Listed("a.csv", "file", 1234, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 1'234 Nov 23  2025 a.csv", Listed("a.csv", "file", 1234, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 1\xa0234 Nov 23  2025 a.csv", Listed("a.csv", "file", 1234, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 1\xe2\x80\xaf234 Nov 23  2025 a.csv", Listed("a.csv", "file", 1234, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 9 Nov 23 16:33:05 2025 a.csv", Listed("a.csv", "file", 9, at(2025, 11, 23, 16, 33, 5))),
        ("-rw-r--r-- 1 o g 9 Nov 23 2025 16:33:05 a.csv", Listed("a.csv", "file", 9, at(2025, 11, 23, 16, 33, 5))),
        ("-rw-r--r-- 1 o g 9 Nov 22 24:00 a.csv", Listed("a.csv", "file", 9, at(2026, 11, 23))),
        ("-rw-r--r-- 1 o g 9 Dec 31 24:00 a.csv", Listed("a.csv", "file", 9, at(2026, 1, 1))),
        ("-rw-r--r-- 1 o g 9 2025-11-23 16:33 a.csv", Listed("a.csv", "file", 9, at(2025, 11, 23, 16, 33))),
        ("-rw-r--r-- 1 o g 9 2025-11-23  a.csv", Listed("a.csv", "file", 9, at(2025, 11, 23))),
        ("-rw-r--r-- 1 o g 9 11-22 16:33 a.csv", Listed("a.csv", "file", 9, at(2026, 11, 22, 16, 33))),
        (
            "-rw-r--r-- 1 o g 9 2025-11-23 16:33:05.000000000 +0100 a.csv",
            Listed("a.csv", "file", 9, at(2025, 11, 23, 15, 33, 5)),
        ),
        ("-rw-r--r-- 1 o g 9 Nov 23 16:33 2026_a.csv", Listed("2026_a.csv", "file", 9, at(2026, 11, 23, 16, 33))),
        ("-rw-r--r-- 1 o g 9 Nov 23 16:33 2026 a.csv", Listed("2026 a.csv", "file", 9, at(2026, 11, 23, 16, 33))),
        ("insgesamt 8", None),
        ("итого 8".encode().decode("iso-8859-1"), None),
        ("总用量 8".encode("gb18030").decode("iso-8859-1"), None),
    ],
)
def test_what_ls_writes_elsewhere_is_read(line: str, expected: Listed | None) -> None:
    assert parse_list(line, UTC, NOW) == expected


@pytest.mark.parametrize(
    "line",
    [
        "-rw-r--r-- 1 o g 9 Nov 22 24:01 a.csv",
        "-rw-r--r-- 1 o g 1.2K Nov 22 14:01 a.csv",
        "-rw-r--r-- 1 o g 12,34 Nov 22 14:01 a.csv",
        "a.csv 5",
        "-rw-r--r-- 1 o g 9 Nov 22 14:01 " + "a" * MOST_CHARACTERS,
        "31-31-26  04:33PM  9 a.csv",
        "11-23-26  14:33PM  9 a.csv",
    ],
)
def test_what_is_no_entry_is_not_taken_for_one(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_list(line, UTC, NOW)


@pytest.mark.parametrize(
    "line",
    ["-rw-r--r-- 1 o " + "1 " * 1900, "-rw-r--r-- 1 o a" + " " * 3900, "-rw-r--r-- 1 o " + "1 Nov 23 2025" * 290],
)
def test_a_line_made_to_take_long_does_not(line: str) -> None:
    begun = time.process_time()
    for _ in range(20):
        with suppress(ValueError):
            parse_list(line, UTC, NOW)
    assert time.process_time() - begun < 5, "it took 45 seconds"


# -- dates of numbers


@pytest.mark.parametrize(
    ("line", "order", "expected"),
    [
        ("11-05-26  04:33PM       1,234 a.csv", None, at(2026, 11, 5, 16, 33)),
        ("11-05-26  12:33AM        1234 a.csv", None, at(2026, 11, 5, 0, 33)),
        ("05-11-26  04:33PM        1234 a.csv", "dmy", at(2026, 11, 5, 16, 33)),
        ("23/11/2026  16:33        1234 a.csv", None, at(2026, 11, 23, 16, 33)),
        ("23.11.2026  16:33       1.234 a.csv", None, at(2026, 11, 23, 16, 33)),
        ("11/23/2026  16:33        1234 a.csv", None, at(2026, 11, 23, 16, 33)),
        ("05.11.2026  16:33       1.234 a.csv", "dmy", at(2026, 11, 5, 16, 33)),
        ("05.11.2026  16:33       1.234 a.csv", "mdy", at(2026, 5, 11, 16, 33)),
        ("26/11/05  16:33         1234 a.csv", "ymd", at(2026, 11, 5, 16, 33)),
        ("2026/11/05  16:33       1234 a.csv", "dmy", at(2026, 11, 5, 16, 33)),
        ("11.11.2026  16:33       1234 a.csv", None, at(2026, 11, 11, 16, 33)),
        ("05.11.2026  16:33       1.234 a.csv", None, None),
        ("05-11-26  16:33         1234 a.csv", None, None),
        ("23/11/26  16:33         1234 a.csv", None, None),
    ],
)
def test_a_date_of_numbers_is_read_where_it_has_one_meaning(line: str, order: str | None, expected: int | None) -> None:
    (listed,) = read([line], order)
    assert (listed.name, listed.size, listed.mtime) == ("a.csv", 1234, expected)
    assert (listed.unclear is None) == (expected is not None)


def test_a_date_that_the_feeds_order_cannot_be_is_not_read() -> None:
    with pytest.raises(ValueError, match="not a date"):
        read(["11/23/2026  16:33  1234 a.csv"], "dmy")


class Dos(ScriptedFtp):
    features: ClassVar[tuple[str, ...]] = ()

    def list(self) -> str:
        return "05.11.2026  16:33    1.234 a.csv\r\n23.11.2026  16:33    12 b.csv\r\n"


def test_an_ambiguous_date_is_told_and_stops_no_other_file() -> None:
    with Dos() as script, connected(script) as server:
        assert [file.name for file in server.list_files("/out")] == ["b.csv"]
        (told,) = server.unread
    assert "a.csv" in told
    assert "set server.date_order" in told


def test_date_order_says_what_an_ambiguous_date_means() -> None:
    with Dos() as script, open_server(replace(script.spec, date_order="dmy"), {"password": "p"}) as server:
        assert [(file.name, file.mtime) for file in server.list_files("/out")] == [
            ("a.csv", at(2026, 11, 5, 16, 33)),
            ("b.csv", at(2026, 11, 23, 16, 33)),
        ]


class DosWithTimes(Dos):
    features = ("SIZE", "MDTM")


def test_an_ambiguous_date_does_not_matter_where_mdtm_tells_the_time() -> None:
    with DosWithTimes(a_csv=b"x" * 1234, b_csv=b"x" * 12) as script, connected(script) as server:
        assert {file.mtime for file in server.list_files("/out")} == {1763915580}
        assert not server.unread


# -- hosts

IBM_I = [
    "QSECOFR        77824 11/23/26 16:33:00 *DIR       in/",
    "LAKE            1234 11/23/26 16:33:00 *STMF      two words.csv",
    "LAKE                                   *MEM       SALES.MBR",
    "LAKE            1234 11/23/26 16:33:00 *SYMLNK    link.csv",
]


def test_a_listing_of_ibm_i_is_read() -> None:
    assert read(IBM_I) == [
        Listed("in", "dir", 77824, at(2026, 11, 23, 16, 33)),
        Listed("two words.csv", "file", 1234, at(2026, 11, 23, 16, 33)),
        Listed("SALES.MBR", "file", None, None),
        Listed("link.csv", "*SYMLNK", 1234, at(2026, 11, 23, 16, 33)),
    ]


def test_dates_of_ibm_i_are_in_the_order_of_its_job() -> None:
    line = "LAKE            1234 26/11/05 16:33:00 *STMF      a.csv"
    assert read([line])[0].unclear
    assert read([line], "ymd") == [Listed("a.csv", "file", 1234, at(2026, 11, 5, 16, 33))]


VMS = [
    "Directory DISK$LAKE:[OUT]",
    "",
    "IN.DIR;1                   1/9           23-NOV-2026 16:33:00  [LAKE]  (RWE,RWE,RE,)",
    "SALES.CSV;12               4/9           23-NOV-2026 16:33:05  [LAKE]  (RWED,RE,,)",
    "SALES.CSV;11               3/9           22-NOV-2026 16:33:05  [LAKE]  (RWED,RE,,)",
    "A_NAME_THAT_LEAVES_NO_ROOM_FOR_MORE.CSV;1",
    "                         12/12           23-NOV-2026 16:33:05.12  [LAKE]  (RWED,RE,,)",
    "",
    "Total of 4 files, 20/39 blocks.",
]


def test_a_listing_of_openvms_is_read_newest_versions_only() -> None:
    assert read(VMS) == [
        Listed("IN", "dir", None, at(2026, 11, 23, 16, 33)),
        Listed("SALES.CSV", "file", None, at(2026, 11, 23, 16, 33, 5)),
        Listed("A_NAME_THAT_LEAVES_NO_ROOM_FOR_MORE.CSV", "file", None, at(2026, 11, 23, 16, 33, 5)),
    ]


DATA_SETS = [
    "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname",
    "WYOSPT 3390   2026/11/23  1    2  FB      80  8053  PO  JCL",
    "WYOSPT 3390   2026/11/23  1  200  FB      80  8053  PS  SALES.D261123",
    "WYOSPT 3390   **NONE**    1   15  VB     259  8053  PS  SALES.D261122",
    "Pseudo Directory                                        OLD",
    "WYOSPT 3390                                       VSAM  SALES.KSDS",
]
MEMBERS = [
    " Name     VV.MM   Created       Changed      Size  Init   Mod   Id",
    " JAN       01.02 2026/11/20 2026/11/23 16:33    12    12     0 LAKE",
    " FEB",
]


def test_data_sets_and_members_of_zos_are_read_without_sizes() -> None:
    assert read(DATA_SETS) == [
        Listed("JCL", "dir", None, None),
        Listed("SALES.D261123", "file", None, None),
        Listed("SALES.D261122", "file", None, None),
        Listed("OLD", "dir", None, None),
    ]
    assert read(MEMBERS) == [Listed("JAN", "file", None, at(2026, 11, 23, 16, 33)), Listed("FEB", "file", None, None)]


def test_a_data_set_that_is_on_tape_is_not_read() -> None:
    listing = Listing(UTC, NOW)
    listing.read(DATA_SETS[0])
    with pytest.raises(ValueError, match="Migrated"):
        listing.read("Migrated                                                SALES.D261121")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("'PROD.OUT.'", "'PROD.OUT.'"),
        ("'PROD.OUT.'/SALES", "'PROD.OUT.SALES'"),
        ("'PROD.OUT'/JAN", "'PROD.OUT(JAN)'"),
        ("'PROD.OUT.'/SALES/JAN", "'PROD.OUT.SALES(JAN)'"),
        ("/u/lake/it's/a.csv", "/u/lake/it's/a.csv"),
    ],
)
def test_a_quoted_directory_leads_to_data_sets_and_members(path: str, asked: str) -> None:
    assert data_set_path(path) == asked


class Host(ScriptedFtp):
    """Lists as told, and tells the size of what `files` has."""

    features = ("SIZE", "MDTM")
    lines: Sequence[str] = ()

    def list(self) -> str:
        return "".join(f"{line}\r\n" for line in self.lines)

    def found(self, path: str) -> bytes | None:
        return self.files.get(path.strip("'").rpartition("/")[2].removeprefix("PROD.OUT."))


class OpenVms(Host):
    lines = VMS


class Zos(Host):
    lines = DATA_SETS

    def do_SIZE(self, session: Session, argument: str) -> None:
        if "D261122" in argument:
            session.say("550 SIZE is not supported for a data set.")
        else:
            super().do_SIZE(session, argument)

    def do_MDTM(self, session: Session, argument: str) -> None:
        if "D261122" in argument:
            session.say("550 MDTM is not supported for a data set.")
        else:
            super().do_MDTM(session, argument)


def keeping(arrived: bytearray) -> Sink:
    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    return sink


def connected(script: ScriptedFtp) -> Server:
    return open_server(script.spec, {"password": "p"})


def test_files_of_openvms_have_the_size_that_it_tells_when_asked() -> None:
    long = "A_NAME_THAT_LEAVES_NO_ROOM_FOR_MORE.CSV"
    with OpenVms() as script, connected(script) as server:
        script.files = {"SALES.CSV": b"id\n1\n", long: b"id\n"}
        assert list(server.list_files("/out")) == [
            RemoteFile("/out/SALES.CSV", 5, 1763915580, at(2026, 11, 23, 16, 33, 5)),
            RemoteFile(f"/out/{long}", 3, 1763915580, at(2026, 11, 23, 16, 33, 5)),
        ]


def test_a_data_set_without_a_size_is_told_and_stops_no_other() -> None:
    with Zos() as script, connected(script) as server:
        script.files = {"SALES.D261123": b"id\n1\n", "SALES.D261122": b"id\n"}
        (file,) = server.list_files("'PROD.OUT.'")
        arrived = bytearray()
        server.read(file.path, 0, keeping(arrived), file.size)
        assert (file.name, bytes(arrived)) == ("SALES.D261123", b"id\n1\n")
        assert server.unread == ["size or time not told: 'PROD.OUT.'/SALES.D261122"]
        assert {"SIZE 'PROD.OUT.SALES.D261123'", "RETR 'PROD.OUT.SALES.D261123'"} <= set(script.heard)


def test_where_no_size_is_told_of_any_file_the_feed_is_told_so() -> None:
    with Zos() as script, connected(script) as server:
        script.lines = [DATA_SETS[0], DATA_SETS[3]]
        with pytest.raises(RemoteAccessError, match="does not tell size and time"):
            list(server.list_files("'PROD.OUT.'"))


# -- login commands


class Listfmt(ScriptedFtp):
    """IBM i: lists as Unix does, where it is asked to."""

    features = ()

    def do_SITE(self, session: Session, argument: str) -> None:
        session.say("250 Now using list format 1." if argument == "LISTFMT 1" else "501 Unknown SITE.")


def test_login_commands_are_sent_after_each_login() -> None:
    with Listfmt() as script:
        spec = replace(script.spec, login_commands=("SITE LISTFMT 1", "NOOP"))
        type(script).do_NOOP = lambda self, session, argument: session.say("200 Yes.")  # type: ignore[attr-defined]
        for _ in range(2):
            with open_server(spec, {"password": "p"}) as server:
                assert [file.name for file in server.list_files("/out")] == ["a.csv"]
        sent = [command for command in script.heard if command.startswith(("SITE", "NOOP", "PASS", "PWD"))]
    assert sent == ["PASS p", "SITE LISTFMT 1", "NOOP", "PWD"] * 2


def test_a_login_command_that_the_server_refuses_is_named() -> None:
    with (
        Listfmt() as script,
        pytest.raises(RemoteAccessError, match=r"refuses 'SITE LISTFMT 9' \(501 .*server\.login_commands"),
    ):
        open_server(replace(script.spec, login_commands=("SITE LISTFMT 9",)), {"password": "p"})


def ftp_feed(**server: object) -> dict[str, object]:
    document = feed_document()
    document["server"] = {
        "protocol": "ftps", "host": "files.acme.example", "username": "lake", "secret": "lakeferry/acme/daily_sales",
        **server,
    }  # fmt: skip
    return document


def test_commands_that_change_how_things_are_shown_are_taken() -> None:
    commands = ["SITE LISTFMT 1", "site namefmt 1", "OPTS MLST type;size;modify;", "LANG en"]
    assert parse_feed(ftp_feed(login_commands=commands)).server.login_commands == tuple(commands)


@pytest.mark.parametrize(
    "command",
    ["USER x", "PASS x", "PORT 1,2,3,4,5,6", "QUIT", "STOR x", "DELE a.csv", "RETR a.csv", "TYPE A", "CWD /", "REIN",
     "AUTH TLS", "PROT C", "SITE CHMOD 777 a.csv", "SITE EXEC ls", "site  dele x", "SITE LISTFMT 1\r\nDELE a.csv",
     "NOOP\n", "", "x" * 201],
)  # fmt: skip
def test_commands_that_do_more_are_refused(command: str) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.server\.login_commands\[0\]"):
        parse_feed(ftp_feed(login_commands=[command]))


def test_login_commands_are_bounded() -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.server\.login_commands"):
        parse_feed(ftp_feed(login_commands=["NOOP"] * 11))
