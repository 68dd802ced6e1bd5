"""Columns of the views that read raw text as the types a feed declares."""

from casts import SPARK_TYPES, spark_type


def typed_column(name: str, declared: str) -> tuple[str, str]:
    """SQL that reads a text column as the declared type, null where it is not a value of it; and the Hive type.

    A convenience for people who look at raw rows; the curated table has the guarded casts.
    """
    column = '"' + name.replace('"', '""') + '"'
    if declared == "string":
        return column, "string"
    if declared == "bool":
        word = f"lower(trim({column}))"
        cast = f"CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1') THEN true "
        return cast + f"WHEN {word} IN ('false', 'f', 'no', 'n', '0') THEN false END AS {column}", "boolean"
    kind = spark_type(declared) if declared in SPARK_TYPES else declared
    return f"TRY_CAST(NULLIF(trim({column}), '') AS {kind}) AS {column}", kind
