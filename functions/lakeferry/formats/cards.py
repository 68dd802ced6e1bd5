"""The formats that a feed can name: one card each, and nothing else in the project lists them.

Every function that reads a feed document imports this module, so it imports nothing: a card names its reader, and
`reading.py` imports that when a feed needs it. `tests/contract/test_formats.py` holds the schema, the documents, the
Glue job and the benchmarks to the cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

RawKind: TypeAlias = Literal["csv", "jsonl", "parquet"]
"""What there is in the raw zone, and what the Glue job has a reader for."""


@dataclass(frozen=True, slots=True)
class TrailerSpec:
    """The last record, where it is no data but a sum of them.

    Attributes:
        starts_with: How its text begins.
        rows_field: Which of its fields, from 1, has the count of records; None where it has none.
        extra_rows: How many more than the data rows that count has (2 if header and trailer are counted too).
    """

    starts_with: str
    rows_field: int | None = None
    extra_rows: int = 0


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How the decoded bytes are to be read: `format` of the feed document.

    A card says which of the settings its format takes.

    Attributes:
        encoding: Of its text; where the feed says nothing, what the format's card says.
        escape: What makes a quote or delimiter text where quotes are not doubled, such as a backslash.
        skip_lines: Lines before the header, or the first record, that are no part of the table.
        comment: Lines that begin with it are dropped.
        skip_initial_space: Blanks before a value are no part of it, as in `1, "a"`.
        trailing_delimiter: `allow` where lines end with delimiters that separate nothing, else `refuse`.
        null_values: Spellings of "no value" beside the empty text.
        decimal, thousands: Marks in numbers.
        negative: Where the sign of a negative number may stand beside before it: `trailing` (12.50-), `parentheses`.
        records: Where the records are: keys (`data.items`) of a JSON document, elements (`/orders/order`) of XML.
        sheet: Name of the sheet of a workbook; None is the first.
        positions: What `start`, `length` and `record_length` of fixed width count: `characters` of the decoded text, or
            `bytes` of the file.
        record_length: Length of each line of fixed width; None takes any that has all fields.
        line_ends: Whether records of fixed width have line ends; without, `record_length` tells where each ends.
    """

    type: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = ""
    escape: str | None = None
    skip_lines: int = 0
    comment: str | None = None
    trailer: TrailerSpec | None = None
    skip_initial_space: bool = False
    trailing_delimiter: str = "refuse"
    null_values: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    negative: str = "leading"
    records: str | None = None
    sheet: str | None = None
    positions: str = "characters"
    record_length: int | None = None
    line_ends: bool = True

    def __post_init__(self) -> None:
        if not self.encoding and self.type in CARDS:
            object.__setattr__(self, "encoding", self.card.encoding)

    @property
    def card(self) -> "Card":
        """What is known of the format."""
        return CARDS[self.type]


@dataclass(frozen=True, slots=True)
class Card:
    """What is to be known of a format.

    Attributes:
        name: `format.type` of the feed document.
        title: What messages call it.
        reader: Its `Reader`, `module:class` within this room.
        suffixes: What its files' names end in, without the dot.
        lands_as: What its files become in the raw zone.
        settings: Those of `FormatSpec` that it takes.
        needs: Settings that it cannot be read without → what they are, for a person.
        keeps_text: It lands as its partner wrote it: with the feed's delimiter, quote and header, under its own name.
        has_places: Its columns are declared by place: `start` and `length`.
        has_objects: Its records are objects, which `checks.json_schema` can be about.
        encoding: Of text that a feed tells no other of; empty where files tell it themselves.
        is_zip: Its files are ZIP archives inside, and are not to be unpacked.
    """

    name: str
    title: str
    reader: str
    suffixes: tuple[str, ...]
    lands_as: RawKind
    settings: frozenset[str]
    needs: Mapping[str, str] = field(default_factory=dict)
    keeps_text: bool = False
    has_places: bool = False
    has_objects: bool = False
    encoding: str = "utf-8"
    is_zip: bool = False


_MARKED = frozenset({"thousands", "negative"})
"""Of formats that have numbers beside texts, which are written with a point: so texts have one as well."""
_NUMBERS = _MARKED | {"decimal"}

_ALL = (
    Card(
        name="csv",
        title="CSV",
        reader="csv.reader:CsvReader",
        suffixes=("csv", "tsv", "txt"),
        lands_as="csv",
        settings=_NUMBERS
        | {"delimiter", "quote", "header", "encoding", "escape", "skip_lines", "comment", "trailer", "null_values"}
        | {"skip_initial_space", "trailing_delimiter"},
        keeps_text=True,
    ),
    Card(
        name="jsonl",
        title="JSON Lines",
        reader="json.lines:JsonLinesReader",
        suffixes=("jsonl", "ndjson"),
        lands_as="jsonl",
        settings=_MARKED | {"encoding"},
        has_objects=True,
    ),
    Card(
        name="json",
        title="JSON",
        reader="json.document:JsonDocumentReader",
        suffixes=("json",),
        lands_as="jsonl",
        settings=_MARKED | {"records", "encoding"},
        has_objects=True,
    ),
    Card(
        name="xml",
        title="XML",
        reader="xml.reader:XmlReader",
        suffixes=("xml",),
        lands_as="jsonl",
        settings=_NUMBERS | {"records", "encoding"},
        needs={"records": "the path of its records, such as /orders/order"},
        has_objects=True,
        encoding="",
    ),
    Card(
        name="fixed_width",
        title="fixed width",
        reader="fixed_width.reader:FixedWidthReader",
        suffixes=("txt", "dat", "asc"),
        lands_as="csv",
        settings=_NUMBERS | {"encoding", "skip_lines", "null_values", "positions", "record_length", "line_ends"},
        has_places=True,
    ),
    Card(
        name="xlsx",
        title="XLSX",
        reader="xlsx.reader:XlsxReader",
        suffixes=("xlsx", "xlsm"),
        lands_as="csv",
        settings=_MARKED | {"sheet", "header", "skip_lines", "null_values"},
        is_zip=True,
    ),
    Card(
        name="parquet",
        title="Parquet",
        reader="parquet.reader:ParquetReader",
        suffixes=("parquet", "parq", "pq"),
        lands_as="parquet",
        settings=frozenset(),
    ),
)
CARDS: Mapping[str, Card] = {card.name: card for card in _ALL}
"""`format.type` → its card, in the order in which messages and documents name them."""

SUFFIXES = frozenset(suffix for card in _ALL for suffix in card.suffixes)
"""What the names of all formats' files end in."""
