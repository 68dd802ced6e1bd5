"""`lakeferry cost`: what the last month cost by list prices, from the ledger's own figures."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.calling import Call, command
from cli.cost.bill import by_service, total
from cli.cost.prices import Prices, prices
from cli.cost.work import Usage, usage_of
from lakeferry.counting import bytes_of

if TYPE_CHECKING:
    from cli.cost.ledgered import Done

_TENANTS = {
    **{"tenant": "tenant", "feeds": "feeds", "polls": "polls", "files": "files", "size": "bytes"},
    **{"batches": "batches", "cost": "dollars"},
}
_SERVICES = {"service": "service", "cost": "dollars", "month": "in 30 days"}
EVERYBODY = "(all tenants)"
"""What is nobody's own: the runs, the Glue job, what stands beside them."""


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "cost")(cost)


def cost(
    call: Call,
    days: Annotated[int, typer.Option(min=1, max=90, help="So many days until now; Step Functions keeps 90.")] = 30,
) -> None:
    """What the last month cost by AWS's list prices, tenants apart; from the ledger's figures, not from the bill.

    Prices are us-east-1's, without free tiers. Secrets, NAT gateways, storage and queries of the lake are not in it
    (docs/cost.md has the formula and what it takes for granted).
    """
    from cli.cost.ledgered import done  # and with it how Poll deals batches, which no other command waits for

    facts = prices()
    now = datetime.now(UTC)
    with call.stack() as stack:
        found = done(stack, now - timedelta(days=days), now)
    if found is None:
        call.out.say(f"no runs in the last {days} days")
        return
    rows, usage = _tenants(found, facts), usage_of(found.work(), facts)
    services = by_service(usage, facts)
    dollars = sum(services.values())
    month = facts.hours_in_month / found.hours if found.hours else 0.0
    if call.out.as_json:
        for row in rows:
            call.out.data({name: value for name, value in row.items() if name not in ("size", "cost")})
        call.out.data(
            {
                **{"hours": found.hours, "runs": found.runs, "job_runs": found.job_runs, "dollars": dollars},
                **{"dollars_in_30_days": dollars * month, "services": services},
                **{"region": facts.region, "prices_of": facts.looked_at},
            }
        )
        return
    call.out.rows(rows, _TENANTS)
    call.out.say()
    shown = [
        {"service": name, "cost": _told(amount), "month": _told(amount * month)}
        for name, amount in {**services, "in all": dollars}.items()
    ]
    call.out.rows(shown, _SERVICES)
    call.out.say()
    call.out.say(
        f"{found.hours / 24:.1f} days, {found.runs:,} runs, {found.job_runs:,} of them with a job; list prices of "
        f"{facts.region}, looked up on {facts.looked_at}, without secrets, NAT gateways, storage and queries"
    )


def _tenants(found: "Done", facts: Prices) -> list[dict[str, Any]]:
    """A row for each, and one for what is everybody's; together they are the bill."""
    whole = usage_of(found.work(), facts)
    rows, own = [], Usage()
    for name, tenant in found.tenants.items():
        usage = usage_of(tenant.work(), facts)
        own.add_all(usage)
        rows.append(
            {
                **{"tenant": name, "feeds": tenant.feeds, "polls": tenant.polls, "files": tenant.files},
                **{"bytes": tenant.bytes, "size": bytes_of(tenant.bytes), "batches": tenant.batches},
                **_amount(usage, facts),
            }
        )
    rest = Usage(whole)
    rest.add_all(own, -1)
    return [*rows, {"tenant": EVERYBODY, **_amount(rest, facts)}]


def _amount(usage: Usage, facts: Prices) -> dict[str, Any]:
    dollars = total(usage, facts)
    return {"dollars": dollars, "cost": _told(dollars)}


def _told(dollars: float) -> str:
    """Cents, and of less than a dollar as much as there is to see."""
    return f"{dollars:,.2f}" if dollars >= 1 else f"{dollars:.4f}"
