"""Feed documents: one module a section of the document, one for the whole."""

from lakeferry.feeds.catalog import CatalogSpec
from lakeferry.feeds.checks import (
    BadRowsSpec,
    ChecksSpec,
    ColumnSpec,
    ControlFileSpec,
    DeviationSpec,
    DriftSpec,
    ExpressionSpec,
    HeaderSpec,
    RowsSpec,
)
from lakeferry.feeds.days_off import HolidaysSpec
from lakeferry.feeds.decode import DecodeSpec
from lakeferry.feeds.document import Feed, load_feed, parse_feed, put_feed
from lakeferry.feeds.files import AfterSpec, FilesSpec, SizeSpec
from lakeferry.feeds.notify import NotifySpec
from lakeferry.feeds.retention import RetentionSpec
from lakeferry.feeds.sla import SlaSpec
from lakeferry.feeds.transform import CurateSpec, DeduplicateSpec, EnrichSpec, FlattenSpec, RuleSpec, TransformSpec
from lakeferry.formats import FormatSpec, TrailerSpec
from lakeferry.servers.spec import AlgorithmsSpec, ProxySpec, ServerSpec

__all__ = [
    "AfterSpec",
    "AlgorithmsSpec",
    "BadRowsSpec",
    "CatalogSpec",
    "ChecksSpec",
    "ColumnSpec",
    "ControlFileSpec",
    "CurateSpec",
    "DecodeSpec",
    "DeduplicateSpec",
    "DeviationSpec",
    "DriftSpec",
    "EnrichSpec",
    "ExpressionSpec",
    "Feed",
    "FilesSpec",
    "FlattenSpec",
    "FormatSpec",
    "HeaderSpec",
    "HolidaysSpec",
    "NotifySpec",
    "ProxySpec",
    "RetentionSpec",
    "RowsSpec",
    "RuleSpec",
    "ServerSpec",
    "SizeSpec",
    "SlaSpec",
    "TrailerSpec",
    "TransformSpec",
    "load_feed",
    "parse_feed",
    "put_feed",
]
