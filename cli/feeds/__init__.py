"""`lakeferry feeds`: a module a command, or a few that belong together; each is declared as it is imported."""

from cli.feeds import changing as changing
from cli.feeds import check as check
from cli.feeds import draft as draft
from cli.feeds import listing as listing
from cli.feeds import muting as muting
from cli.feeds import put as put
from cli.feeds import schema as schema
from cli.feeds import show as show
from cli.feeds import trial as trial
from cli.feeds.group import feeds as feeds
