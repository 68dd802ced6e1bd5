"""What Spark and Java say is told in plain words: what is wrong with the file, and no setting of Spark."""

import pytest

from plainwords import plain

UPGRADE = (
    "org.apache.spark.SparkUpgradeException: [INCONSISTENT_BEHAVIOR_CROSS_VERSION.READ_ANCIENT_DATETIME] You may get a "
    "different result due to the upgrading to Spark >= 3.0:\nreading dates before 1582-10-15 or timestamps before "
    '1900-01-01T00:00:00Z from Parquet files can be ambiguous.\nTo solve this, set "spark.sql.parquet.datetimeRebase"'
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (UPGRADE, "it has dates before 1582-10-15 or timestamps before 1900-01-01"),
        ("java.lang.RuntimeException: s3://b/x.parquet is not a Parquet file (length is too low: 5)", "is damaged"),
        ("shaded.parquet.org.apache.thrift.protocol.TProtocolException: Negative length: -2", "is damaged"),
        ("java.lang.ArithmeticException: long overflow", "beyond what tables can hold"),
        (
            "[INCOMPATIBLE_COLUMN_TYPE] UNION can only be performed on tables with compatible column types. The second",
            "a column has one type in some files of the day and another in others",
        ),
        ("java.io.FileNotFoundException: File s3://b/x does not exist", "its object in the raw zone is gone"),
    ],
)
def test_what_is_known_is_told_in_words_of_ours_with_sparks_beside(said: str, words: str) -> None:
    told = plain(said)
    assert words in told
    assert "\n" not in told
    assert "(Spark: " in told
    assert "spark.sql" not in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to "
            'tolerate divisor being 0. If necessary set "spark.sql.ansi.enabled" to "false" to bypass this error.',
            "Division by zero.",
        ),
        ("java.lang.IllegalStateException: a thing of its own\nat x.y.z", "a thing of its own"),
        ("[UNRESOLVED_COLUMN] A column cannot be resolved", "A column cannot be resolved"),
        ("", ""),
    ],
)
def test_what_is_not_known_loses_its_class_and_advice_about_spark(said: str, told: str) -> None:
    assert plain(said) == told
