"""Java is asked once what a name is, and the answers are those it gives anyway."""

import pytest
from py4j.clientserver import ClientServerConnection
from py4j.java_gateway import JavaClass, JavaMember, JavaPackage
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from counting import observed
from javanames import remember_names

pytestmark = pytest.mark.spark


@pytest.fixture
def messages(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of Java: the first lines of each message, but for objects that are let go."""
    sent: list[str] = []
    send = ClientServerConnection.send_command

    def noted(connection: ClientServerConnection, command: str) -> str:
        if not command.startswith("m\n"):
            sent.append(command)
        answer: str = send(connection, command)
        return answer

    monkeypatch.setattr(ClientServerConnection, "send_command", noted)
    return sent


def test_a_column_is_one_message_once_the_names_are_known(spark: SparkSession, messages: list[str]) -> None:
    F.col("a")
    messages.clear()
    assert str(F.col("b")) == "Column<'b'>"
    assert [message.splitlines()[2] for message in messages] == ["col", "toString"]


def test_packages_and_their_classes_are_known_too(spark: SparkSession, messages: list[str]) -> None:
    assert spark._jvm.org.apache.hadoop.fs.Path("/a").getName() == "a"
    messages.clear()
    assert spark._jvm.org.apache.hadoop.fs.Path("/a/b").getName() == "b"
    assert [message[0] for message in messages] == ["i", "c"]


def test_names_that_java_does_not_know_are_asked_for_again(spark: SparkSession, messages: list[str]) -> None:
    for _ in range(2):
        messages.clear()
        assert isinstance(spark._jvm.org.apache.NoSuchClass, JavaPackage)
        assert len(messages) == 1


def test_fields_are_read_each_time(spark: SparkSession, messages: list[str]) -> None:
    integer = spark._jvm.java.lang.Integer
    for _ in range(2):
        messages.clear()
        assert integer.MAX_VALUE == 2**31 - 1
        assert len(messages) == 1


def test_to_remember_them_again_asks_nothing_and_keeps_what_is_known(spark: SparkSession, messages: list[str]) -> None:
    known = spark._jvm.functions
    assert isinstance(known, JavaClass)
    assert isinstance(known.col, JavaMember)
    messages.clear()
    remember_names(spark._jvm)
    assert spark._jvm.functions is known
    assert messages == []


def test_what_was_observed_costs_two_messages(spark: SparkSession, messages: list[str]) -> None:
    observation = Observation()
    spark.range(7).observe(observation, F.count(F.lit(1)).alias("rows")).collect()
    messages.clear()
    assert observed(observation, "rows") == 7
    assert len(messages) == 2
