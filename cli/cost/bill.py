"""`Usage` → dollars, by service."""

from collections.abc import Mapping

from cli.cost.prices import Prices


def by_service(usage: Mapping[str, float], facts: Prices) -> dict[str, float]:
    """Dollars of each service, in the order of `prices.yaml`; 0 where nothing was used.

    Raises:
        KeyError: something was used that has no price.
    """
    unpriced = sorted(set(usage) - set(facts.prices))
    if unpriced:
        raise KeyError(f"no price for {', '.join(unpriced)}")
    found: dict[str, float] = {}
    for name, price in facts.prices.items():
        found[price.service] = found.get(price.service, 0.0) + price.of(usage.get(name, 0))
    return found


def total(usage: Mapping[str, float], facts: Prices) -> float:
    """Dollars of all services."""
    return sum(by_service(usage, facts).values())
