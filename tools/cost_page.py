"""Writes the tables of docs/cost.md from `cli/cost/`: one truth for page, command and simulation.

    python -m tools.cost_page

tests/contract/test_cost.py fails where the page is not what this makes.
"""

import sys
from pathlib import Path

from cli.cost.bill import by_service
from cli.cost.prices import Price, Prices, prices
from cli.cost.scenarios import Case, cases, others
from cli.cost.work import usage_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cost.md"
BEGIN, END = "<!-- made from the prices: python -m tools.cost_page -->", "<!-- end of what is made -->"
WHAT = {
    "transitions": "state entered, of a Standard workflow",
    "express_requests": "start of an Express workflow; Lakeferry has none",
    "express_gb_seconds": "GB-second of one",
    "lambda_gb_seconds": "GB-second on arm64",
    "lambda_calls": "call",
    "dynamodb_writes": "write unit on demand",
    "dynamodb_reads": "read unit",
    "s3_writes": "PUT, COPY, POST or LIST",
    "s3_reads": "GET",
    "glue_dpu_hours": "DPU hour",
    "metric_hours": "hour of a metric that has a value",
    "alarm_metric_hours": "hour of a metric that an alarm watches",
    "log_gigabytes": "GB of log lines",
    "events": "event of our own on a bus",
    "key_hours": "hour of a key",
    "key_requests": "request to it",
    "messages": "message to a queue or topic",
    "mails": "mail to an address",
    "traces": "trace",
    "secret_months": "secret of a feed, a month",
    "dashboard_months": "dashboard (parameter Dashboard), a month",
    "nat_gateway_hours": "hour of a NAT gateway",
    "nat_gateway_gigabytes": "GB through it",
    "storage_gigabyte_months": "GB in S3 Standard, a month",
    "transfer_calls": "call of a Transfer Family connector",
    "transfer_gigabytes": "GB through it",
    "airbyte_base_months": "Airbyte Cloud, a month",
    "airbyte_million_rows": "million rows of a custom source",
    "nifi_box_hours": "hour of an m7g.xlarge",
    "nifi_disk_gigabyte_months": "GB of its disk, a month",
}


def tables(facts: Prices) -> dict[str, str]:
    """The blocks of the page, by what stands in their first line."""
    found = cases(facts)
    return {"bill": _bill(found, facts), "others": _others(found, facts), "prices": _prices(facts)}


def page(text: str, facts: Prices) -> str:
    """The page with its blocks made anew."""
    for name, table in tables(facts).items():
        begin = f"{BEGIN} <!-- {name} -->"
        before, mark, rest = text.partition(begin)
        if not mark:
            raise SystemExit(f"{PAGE.name} has no block {name!r}")
        text = f"{before}{begin}\n\n{table}\n{END}{rest.partition(END)[2]}"
    return text


def _bill(found: list[Case], facts: Prices) -> str:
    bills = [by_service(usage_of(case.work, facts), facts) for case in found]
    names = [name for name in bills[0] if any(abs(bill[name]) >= 0.00005 for bill in bills)]
    lines = [f"| | {' | '.join(names)} | in all |", "|---" * (len(names) + 2) + "|"]
    for case, bill in zip(found, bills, strict=True):
        cells = " | ".join(dollars(bill[name]) for name in names)
        lines.append(f"| {case.name} | {cells} | **{dollars(sum(bill.values()))}** |")
    return "\n".join(lines) + "\n"


def _others(found: list[Case], facts: Prices) -> str:
    each = [others(case, facts) for case in found]
    lines = [f"| | Lakeferry | {' | '.join(each[0])} |", "|---" * (len(each[0]) + 2) + "|"]
    for case, theirs in zip(found, each, strict=True):
        ours = sum(by_service(usage_of(case.work, facts), facts).values())
        cells = " | ".join(dollars(theirs[name]) for name in theirs)
        lines.append(f"| {case.name} | {dollars(ours)} | {cells} |")
    return "\n".join(lines) + "\n"


def _prices(facts: Prices) -> str:
    lines = ["| a | costs | page | read |", "|---|---|---|---|"]
    for section in (facts.prices, facts.beside, facts.others):
        lines += [_price(name, price) for name, price in section.items()]
    return "\n".join(lines) + "\n"


def _price(name: str, price: Price) -> str:
    for_each = f" for {price.per:,.0f}" if price.per != 1 else ""
    source = price.source
    doubt = "" if source.is_confirmed else ", not confirmed"
    return (
        f"| {WHAT[name]} | ${price.dollars:.10f}".rstrip("0").rstrip(".")
        + f"{for_each} | {source.page} | {source.read}{doubt} |"
    )


def dollars(amount: float) -> str:
    """As many places as it takes to see it."""
    if abs(amount) < 0.00005:
        return "–"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}".rstrip("0")


def main() -> int:
    PAGE.write_text(page(PAGE.read_text("utf-8"), prices()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
