"""`LAKEFERRY_ENGINE`: which engine builds what on this machine."""

import pytest

from local.engines import ENGINE, SMALL_BYTES, forced, small_bytes


@pytest.mark.parametrize(
    ("asked", "small"), [(None, SMALL_BYTES), ("small", SMALL_BYTES), ("", SMALL_BYTES), ("spark", 0)]
)
def test_small_partitions_are_arrows_unless_spark_is_asked_for(
    asked: str | None, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENGINE, raising=False)
    if asked is not None:
        monkeypatch.setenv(ENGINE, asked)
    assert (forced(), small_bytes()) == (asked or "", small)


def test_an_engine_that_there_is_not_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, "duckdb")
    with pytest.raises(ValueError, match="LAKEFERRY_ENGINE=duckdb: it is spark or small, or not set"):
        forced()
