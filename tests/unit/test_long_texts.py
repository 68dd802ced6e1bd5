"""What others wrote may be as long as they like: time grows with it, and no faster.

Python's expressions try again at each letter, and in each way that a text can be divided. So those that look for
something in the middle of a text, or repeat what repeats, are held here against texts that are nothing but beginnings.
"""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.checks.local_times import tells_offset
from lakeferry.feeds.notify import without_urls
from lakeferry.formats.header import tidy_name
from lakeferry.formats.sniffing import LOOK_BYTES, Sniffer
from lakeferry.mails.text import excerpt
from lakeferry.servers.ftp_login import _IS_FULL
from plainwords import plain
from poll.pattern import compile_glob

SECONDS = 5
"""Of the processor; a millisecond or two where all is well, hours where it is not."""
LONG = 200_000


def sniffed(text: str) -> None:
    assert len(text) <= LOOK_BYTES
    Sniffer("a.csv", "utf-8").take(text.encode(), final=True)


CASES: dict[str, tuple[Callable[[str], object], str]] = {
    "a channel where a list should stand": (lambda text: without_urls("$.notify.channels", text), "x" * LONG),
    "comments of a page that never comes": (sniffed, "<!---->" * 140 + "x"),
    "comments that never end": (sniffed, "<!--" * 250),
    "a name of a column that is blank": (tidy_name, "a" + " " * LONG + "b"),
    "a name of a column that is lines": (tidy_name, "a" + " \n" * (LONG // 2) + "b"),
    "a time without an end": (tells_offset, "00:00" * (LONG // 5) + "x"),
    "a time that ends in blanks": (tells_offset, "00:00Z " * (LONG // 7) + " " * LONG + "x"),
    "a server that has a maximum number of maximum numbers": (_IS_FULL.search, "maximum number of " * (LONG // 18)),
    "a value of a row in what Java says": (plain, "java.lang.X: " + "x" * LONG),
    "lines in what Java says": (plain, "spark.sql.x\n" * (LONG // 12)),
    "a cause in a mail": (lambda text: excerpt(text, 1_000), "\r\n" * LONG),
    "a pattern of many stars": (compile_glob("*a" * 100 + "b").fullmatch, "a" * 4_000),
    "a pattern of many stars and a date": (
        compile_glob("*2" * 50 + "{date:%Y}" + "*2" * 50 + "b").fullmatch,
        "2026" * 1_000,
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_time_grows_with_the_text_and_no_faster(what: str) -> None:
    work, text = CASES[what]
    began = time.thread_time()
    work(text)
    assert time.thread_time() - began < SECONDS


PIECES = ("0", "01", ":", ".", "Z", "+", "-", " ", "01:00", "+01:00", "-0100", "\n", "x")


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_an_offset_is_found_as_one_expression_finds_it(text: str) -> None:
    found = re.search(r"[0-9]{2}:[0-9]{2}[0-9:.]* ?(Z|[+-][0-9]{2}:?[0-9]{2}) *$", text)
    assert tells_offset(text) is (found is not None)


@settings(max_examples=300)
@given(st.text("ab \n\t\r\x1c\u2028", max_size=12))
def test_a_name_of_a_column_is_one_line_as_one_expression_makes_it(text: str) -> None:
    assert tidy_name(text) == re.sub(r"\s*\n\s*", " ", text.strip())
