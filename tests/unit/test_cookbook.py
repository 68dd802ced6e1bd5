"""docs/cookbook.md: what each of its partners delivers goes through their feed, as `feeds test` reads a file."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pyzipper
import yaml

from cli.testing.preview import Preview, preview
from cli.testing.sample import Sample, check_sample
from lakeferry.feeds import Feed, parse_feed
from lakeferry.sla.calendar import due_times
from poll.pattern import Pattern
from tests.conftest import ROOT
from tests.unit.forging import Pair

FOLDER = ROOT / "feeds" / "cookbook"
Take = Callable[..., "Taken"]


class Taken:
    """What came of a file.

    Attributes:
        dt: Its business date.
        problem: Why it was rejected.
    """

    def __init__(self, sample: Sample, dt: str, shown: Preview | None) -> None:
        self.problem, self.dt, self.shown = sample.problem, dt, shown
        self.bad, self.bad_columns = sample.bad_row_count, sample.bad_columns

    @property
    def rows(self) -> list[dict[str, str]]:
        """The first rows of the curated table."""
        assert self.problem == ""
        assert self.shown is not None
        assert self.shown.curated, self.shown.note
        return [dict(zip(self.shown.columns, row, strict=True)) for row in self.shown.rows]


def document_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return document


def dt_of(feed: Feed, name: str) -> str:
    """The business date that a name has; fails where it is not the feed's."""
    pattern = Pattern(feed.files, feed.companions)
    assert pattern.wanted(name), f"{name} is not of {feed.feed_id}"
    found = pattern.business_date(name, int(datetime(2026, 11, 28, 5, 10, tzinfo=UTC).timestamp()))
    assert found is not None
    return str(found)


@pytest.fixture
def take(tmp_path: Path) -> Take:
    def take(
        which: str, name: str, data: bytes, secret: dict[str, str] | None = None, signers: list[str] | None = None
    ) -> Taken:
        document = document_of(which)
        if signers:
            document["decode_options"]["pgp_signers"] = signers
        feed = parse_feed(document)
        sample = Sample(f"{feed.files.directory.rstrip('/')}/{name}", len(data), is_whole=True)
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        check_sample(feed, sample, io.BytesIO(data), secret or {}, None, folder)
        dt = dt_of(feed, name)
        return Taken(sample, dt, None if sample.problem else preview(feed, sample, dt, 5, folder))

    return take


def test_semicolons_and_decimal_commas(take: Take) -> None:
    text = "Filiale;Datum;Warengruppe;Umsatz;Bons\n0412;27.11.2026;Süßwaren;1.234,50;87\n0413;27.11.2026;;-12,00;1\n"
    taken = take("acme_store_takings", "Umsatz_28112026.csv", text.encode("cp1252"))
    assert taken.dt == "2026-11-28"
    assert taken.rows[0] == {
        **{"store": "0412", "sold_on": "2026-11-27", "category": "Süßwaren", "takings": "1234.50", "receipts": "87"},
    }
    assert taken.rows[1]["takings"] == "-12.00"
    # what they would deliver if they did what their mail says
    wrong = take("acme_store_takings", "Umsatz_28112026.csv", text.encode("utf-8"))
    assert wrong.rows[0]["category"] == "SÃ¼ÃŸwaren"


def test_a_zip_with_a_password(take: Take) -> None:
    file = io.BytesIO()
    with pyzipper.AESZipFile(file, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(b"right")
        header = "claim_id|policy|reported_on|reserve|insured_name\n"
        archive.writestr("claims.csv", header + "C1|P9|2026-11-27|1500.00|Ann Other\n")
        archive.writestr("readme.txt", "Confidential.")
    name = "claims_2026-11-28.zip"
    (row,) = take("globex_claims", name, file.getvalue(), {"zip_password": "right"}).rows
    assert (row["claim_id"], row["reserve"], len(row["insured_name"])) == ("C1", "1500.00", 64)
    assert "another password" in take("globex_claims", name, file.getvalue(), {"zip_password": "wrong"}).problem


def balance(account: str, currency: str, cents: int, day: str, branch: int) -> bytes:
    """A record of the mainframe's copybook."""
    digits = f"{abs(cents):013d}" + ("D" if cents < 0 else "C")
    zoned = f"{branch:05d}".encode("cp037")
    zoned = zoned[:-1] + bytes([0xC0 | zoned[-1] & 0x0F])
    text = f"{account:<10}{currency}".encode("cp037")
    return text + bytes.fromhex(digits) + day.encode("cp037") + zoned + b"\x40" * 7


def test_a_mainframes_file_that_is_signed(take: Take) -> None:
    bank = Pair()
    data = balance("4711", "USD", -1234567, "20261127", 17) + balance("4712", "EUR", 5, "20261127", 18)
    assert len(data) == 80
    name = "INIT.GLBAL.D261128.PGP"
    taken = take("initech_ledger_balances", name, bank.signed(data), signers=[bank.block()])
    assert taken.dt == "2026-11-28"
    first = {"account": "4711", "currency": "USD", "balance": "-12345.67", "balance_on": "2026-11-27", "branch": "17"}
    assert taken.rows[0] == first
    assert taken.rows[1]["balance"] == "0.05"
    # the key that stands in the example is another one
    assert "none of the keys of the feed" in take("initech_ledger_balances", name, bank.signed(data)).problem
    # as a transfer in text mode leaves it: with a byte that was none of the file's
    broken = data.replace(b"\x56", b"\x56\x0a", 1)
    rejected = take("initech_ledger_balances", name, bank.signed(broken), signers=[bank.block()])
    assert "record" in rejected.problem


def test_json_lines_every_quarter_of_an_hour(take: Take) -> None:
    records = [
        {"meter": "m1", "at": "2026-11-28T06:14:59+01:00", "kwh": 0.125, "tags": {"site": "B7"}},
        {"meter": "m2", "at": "2026-11-28T06:14:59+01:00", "kwh": 3},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    name = "meters_20261128T0515Z.jsonl.gz"
    taken = take("acme_meter_readings", name, gzip.compress(lines.encode()))
    assert (taken.dt, taken.problem, taken.bad) == ("2026-11-28", "", 0)
    # `get_json_object` is Spark's: shown as it lands
    assert taken.shown is not None
    assert taken.shown.rows[0] == ("m1", "2026-11-28T06:14:59+01:00", "0.125", '{"site": "B7"}')
    feed = parse_feed(document_of("acme_meter_readings"))
    assert feed.companions[0].replace("{name}", name) == f"{name}.done"


def workbook(*rows: list[object]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Prices"
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_price_list_in_excel(take: Take) -> None:
    data = workbook(
        ["Marta Ceramics"],
        ["prices for our friends at Acme"],
        ["net, EUR"],
        ["Article no.", "Description", "Price EUR (net)", "Valid from"],
        ["A-1", "Mug", 4.5, datetime(2026, 12, 1)],
        ["A-2", "Bowl", "on request", datetime(2026, 12, 1)],
    )
    taken = take("acme_supplier_prices", "Prices Nov FINAL.xlsx", data)
    assert taken.rows == [
        {"article": "A-1", "description": "Mug", "net_price": "4.50", "valid_from": "2026-12-01"},
        {"article": "A-2", "description": "Bowl", "net_price": "", "valid_from": "2026-12-01"},
    ]


ORDERS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<OrderList xmlns="urn:vandelay:orders:3"><Order number="7001"><Changed>2026-11-28T09:30:00</Changed><Status>NEW</Status>
<Total>99.90</Total><ShipTo><City>Köln</City><Country>DE</Country></ShipTo><Line sku="a"/><Line sku="b"/></Order>
<Order number="7002"><Changed>2026-11-28T09:31:00</Changed><Status>LOST</Status><Total>1</Total></Order></OrderList>
"""


def test_xml_with_a_namespace_and_its_own_encoding(take: Take) -> None:
    taken = take("globex_purchase_orders", "ORDERS-20261128-0001.xml", ORDERS.encode("latin-1"))
    assert "1 of 2 rows are bad" in taken.problem
    assert taken.bad_columns == {"Status"}
    good = ORDERS.replace("LOST", "CANCELLED")
    taken = take("globex_purchase_orders", "ORDERS-20261128-0001.xml", good.encode("latin-1"))
    assert taken.problem == ""
    # `flatten` is Spark's: shown as it lands
    assert taken.shown is not None
    first = dict(zip(taken.shown.columns, taken.shown.rows[0], strict=True))
    assert (first["_number"], first["Total"]) == ("7001", "99.90")
    assert json.loads(first["ShipTo"]) == {"City": "Köln", "Country": "DE"}


def test_a_day_in_parts(take: Take) -> None:
    data = gzip.compress(b"2026-11-27 00:00:01,v1,/,120\n2026-11-27 00:00:02,v2,/cart,80\n")
    taken = take("globex_web_clicks", "clicks_20261127_part01.csv.gz", data)
    assert taken.dt == "2026-11-27"
    assert [row["milliseconds"] for row in taken.rows] == ["120", "80"]
    assert "truncated" in take("globex_web_clicks", "clicks_20261127_part02.csv.gz", data[:-9]).problem


def test_several_tables_in_one_folder(take: Take) -> None:
    names = ["customers_20261128.csv", "orders_20261128.csv", "order_items_20261128.csv", "orders_20261128.csv.bak"]
    fits = {}
    for table in ("customers", "orders", "order_items"):
        spec = parse_feed(document_of(f"initech_shop_{table}"))
        fits[table] = [name for name in names if Pattern(spec.files, spec.companions).wanted(name)]
    assert fits == {"customers": names[:1], "orders": names[1:2], "order_items": names[2:3]}
    text = b"customer_id|name|country\n1|A\\|B & Sons|GB\n2|\\N|DE\n"
    first, second = take("initech_shop_customers", names[0], text).rows
    assert (first["name"], second["name"]) == ("A|B & Sons", "")
    new = text.replace(b"country", b"country|vat").replace(b"|GB", b"|GB|x").replace(b"|DE", b"|DE|x")
    assert "vat" in take("initech_shop_customers", names[0], new).problem


def test_one_name_for_ever(take: Take) -> None:
    rows = "".join(f"s{number},W1,{number},2026-11-28 01:{number % 60:02d}:00\n" for number in range(1_000))
    taken = take("acme_stock", "stock.csv", ("sku,warehouse,on_hand,counted_at\n" + rows).encode())
    assert taken.dt == "2026-11-28"
    assert taken.rows[1]["counted_at"] == "2026-11-28 00:01:00+00:00"
    cut = take("acme_stock", "stock.csv", ("sku,warehouse,on_hand,counted_at\n" + rows[:2_000]).encode())
    assert "rows" in cut.problem


def test_control_totals_in_a_trailer(take: Take) -> None:
    text = (
        "HDR|GLOBEX|20261128\nDTL|P1|20261128093000|12550|EUR\nDTL|P2|20261128093100|-1|EUR\nTRL|0000004|0000012549\n"
    )
    taken = take("globex_payments", "SETTLE_20261128_1.dat", text.encode())
    assert [row["amount"] for row in taken.rows] == ["125.50", "-0.01"]
    short = text.replace("DTL|P2|20261128093100|-1|EUR\n", "")
    assert "trailer" in take("globex_payments", "SETTLE_20261128_1.dat", short.encode()).problem
    assert "trailer" in take("globex_payments", "SETTLE_20261128_1.dat", text[:60].encode()).problem


def test_local_times_and_bank_holidays(take: Take) -> None:
    text = "isin,nav,valued_at\nGB0002374006,27.1834,27/11/2026 16:30\nIE00B4L5Y983,91.2,17/07/2026 16:30\n"
    taken = take("initech_fund_prices", "NAV_27Nov2026.csv", text.encode())
    assert taken.dt == "2026-11-27"
    assert [row["valued_at"] for row in taken.rows] == ["2026-11-27 16:30:00+00:00", "2026-07-17 15:30:00+00:00"]
    feed = parse_feed(document_of("initech_fund_prices"))
    assert feed.sla is not None
    days = due_times(feed.sla, datetime(2026, 12, 23, 12, tzinfo=UTC), datetime(2027, 1, 5, 12, tzinfo=UTC))
    assert [(f"{due.expected_at:%m-%d %H:%M}", str(due.business_date)[5:]) for due in days] == [
        ("12-24 07:00", "12-23"),
        ("12-29 07:00", "12-24"),  # Christmas, the weekend, and Boxing Day's Monday between them
        ("12-30 07:00", "12-29"),
        ("12-31 07:00", "12-30"),
        ("01-04 07:00", "12-31"),
        ("01-05 07:00", "01-04"),
    ]


FULL = "customer_id,name,city,changed_at\n1,Ann,Rome,2026-11-20 08:00:00\n2,Bob,Oslo,2026-11-21 08:00:00\n"
CHANGES = (
    "op,customer_id,name,city,changed_at\nU,1,Ann,Milan,2026-11-23 08:00:00\nD,2,Bob,Oslo,2026-11-23 09:00:00\n"
    "I,3,Cy,Bonn,2026-11-23 10:00:00\n"
)


def test_full_and_delta_make_what_holds_now(take: Take) -> None:
    full = take("globex_customers_full", "CUST_FULL_20261122.csv.gz", gzip.compress(FULL.encode()))
    changes = take("globex_customers_changes", "CUST_DELTA_20261123.csv.gz", gzip.compress(CHANGES.encode()))
    assert (len(full.rows), changes.problem, changes.bad) == (2, "", 0)
    import duckdb

    page = (ROOT / "docs" / "cookbook.md").read_text("utf-8")
    (query,) = [part.partition("```")[0] for part in page.split("```sql\n")[1:] if "customers_changes" in part]
    with duckdb.connect() as db:
        for table, taken in (("customers_full", full), ("customers_changes", changes)):
            assert taken.shown is not None
            db.execute(f"CREATE TABLE {table} ({', '.join(f'{name} VARCHAR' for name in taken.shown.columns)})")
            marks = ", ".join("?" for _ in taken.shown.columns)
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", [list(row) for row in taken.shown.rows])
            db.execute(f"ALTER TABLE {table} ADD COLUMN dt VARCHAR DEFAULT '{taken.dt}'")
            db.execute(f"ALTER TABLE {table} ADD COLUMN tenant VARCHAR DEFAULT 'globex'")
        found = db.execute(query).fetchall()
    assert sorted(row[:3] for row in found) == [("1", "Ann", "Milan"), ("3", "Cy", "Bonn")]
