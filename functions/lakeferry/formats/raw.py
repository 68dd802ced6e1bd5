"""What a feed's files become in the raw zone, from the card of their format."""

from dataclasses import dataclass

from lakeferry.formats.cards import SUFFIXES, FormatSpec, RawKind


@dataclass(frozen=True, slots=True)
class RawForm:
    """How the raw zone keeps a feed's files: always UTF-8 text with LF, or Parquet.

    Attributes:
        delimiter, quote, header: Of CSV.
    """

    kind: RawKind
    delimiter: str = ","
    quote: str = '"'
    header: bool = True

    @property
    def is_text(self) -> bool:
        """Whether readers of tables have to be told the columns; Parquet has them in the files."""
        return self.kind != "parquet"


def raw_form(form: FormatSpec) -> RawForm:
    """What the files of this format become in the raw zone."""
    if form.card.keeps_text:
        return RawForm(form.card.lands_as, form.delimiter, form.quote, form.header)
    return RawForm(form.card.lands_as)


def raw_name(form: FormatSpec, name: str) -> str:
    """A decoded file's name in the raw zone: the suffix tells what it became there."""
    if form.card.keeps_text:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem if dot and stem and suffix.lower() in SUFFIXES else name}.{form.card.lands_as}"
