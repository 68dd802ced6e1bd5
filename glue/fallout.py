"""The table of rows that broke a rule, kept as they were delivered so that people can look at them."""

TABLE = "fallout"
COLUMNS = (
    ("dataset", "string"),
    ("rule", "string"),
    ("row", "string"),
    ("_source_file", "string"),
    ("_ingested_at", "timestamp"),
    ("_run_id", "string"),
)
