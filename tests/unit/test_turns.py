"""Whose partition the Glue job builds next."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from turns import Turns
from worklist import Partition

TENANTS = ("acme", "globex", "initech", "umbrella")
PARTITIONS = st.sets(
    st.builds(Partition, st.sampled_from(TENANTS), st.sampled_from(["a", "b", "c"]), st.sampled_from("123456789"))
)


def days(tenant: str, feed: str, number: int) -> list[Partition]:
    return [Partition(tenant, feed, f"2026-01-{day:02d}") for day in range(1, number + 1)]


def test_tenants_take_turns_whatever_each_of_them_has() -> None:
    turns = Turns([*days("acme", "sales", 8), *days("globex", "orders", 2), *days("initech", "stock", 1)])
    taken = [turns.take() for _ in range(8)]
    assert [each.tenant for each in taken if each] == [
        *("acme", "globex", "initech", "acme", "globex"),
        *("acme", "acme", "acme"),
    ]


def test_a_tenants_feeds_take_turns_and_a_feeds_days_come_in_order() -> None:
    turns = Turns([*days("acme", "a", 3), *days("acme", "b", 2)])
    assert [str(turns.take()) for _ in range(5)] == [
        *("acme/a dt=2026-01-01", "acme/b dt=2026-01-01"),
        *("acme/a dt=2026-01-02", "acme/b dt=2026-01-02", "acme/a dt=2026-01-03"),
    ]
    assert turns.take() is None


def test_days_that_never_end_hold_no_more_than_their_share_while_others_wait() -> None:
    turns = Turns([*days("acme", "endless", 20), *days("globex", "orders", 20)])
    at_work = [turns.take() for _ in range(8)]
    held = []
    for _ in range(16):
        ended = next(each for each in at_work if each and each.tenant == "globex")
        at_work.remove(ended)
        turns.done(ended)
        at_work.append(turns.take())
        held.append(sum(each.tenant == "acme" for each in at_work if each))
    assert set(held) == {4}
    assert [each.tenant for each in at_work if each].count("globex") == 4


@given(PARTITIONS, st.integers(1, 8), st.randoms(use_true_random=False))
def test_each_has_its_turn_once_and_no_tenant_gets_two_more_than_one_that_waits(
    partitions: set[Partition], parallel: int, draw: "object"
) -> None:
    turns, at_work, seen = Turns(partitions), list[Partition](), list[Partition]()
    choose = getattr(draw, "choice")  # noqa: B009  (Hypothesis' own Random)
    while True:
        while len(at_work) < parallel and (taken := turns.take()) is not None:
            held = Counter(each.tenant for each in at_work)
            waiting = {each.tenant for each in partitions - {*seen, taken}}
            assert all(held[taken.tenant] <= held[tenant] for tenant in waiting)
            at_work.append(taken)
            seen.append(taken)
        if not at_work:
            break
        ended = choose(at_work)
        at_work.remove(ended)
        turns.done(ended)
    assert sorted(seen) == sorted(partitions)


def test_what_waits_of_a_feed_can_be_dropped() -> None:
    turns = Turns([*days("acme", "a", 3), *days("acme", "b", 1), *days("globex", "a", 1)])
    assert turns.take() == Partition("acme", "a", "2026-01-01")
    assert turns.drop("acme", "a") == days("acme", "a", 3)[1:]
    assert turns.drop("acme", "a") == []
    assert sorted(turns.drop_all()) == [*days("acme", "b", 1), *days("globex", "a", 1)]
    assert turns.take() is None
