"""The words about mail addresses that nobody has approved."""

from collections.abc import Sequence

from lakeferry.errors import AddressNotApprovedError
from lakeferry.mails.commands import approve
from lakeferry.mails.text import excerpt, one_line

_NAMED = 10
"""Addresses that the command names; the others are approved when these are."""
_LONGEST = 254
"""Characters an address has at most ("Local-part" and "Domain", RFC 5321, section 4.5.3.1, less the brackets)."""


def not_approved(tenant: str, addresses: Sequence[str], where: str) -> AddressNotApprovedError:
    """Which ones, and the command that approves them."""
    names = [excerpt(address, _LONGEST) for address in sorted(addresses)]
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    listed = ", ".join(names[:_NAMED])
    what = "a mail address" if len(names) == 1 else f"{len(names)} mail addresses"
    return AddressNotApprovedError(
        f"the operator has not approved {what} for tenant {one_line(tenant)}: {listed}{more}. "
        f"To approve: {approve(one_line(tenant), names[:_NAMED], where)}"
    )
