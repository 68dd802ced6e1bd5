"""The table of rows that broke a rule, kept as they were delivered so that people can look at them."""

from lakeferry.catalog.standing import FALLOUT

TABLE, COLUMNS, DESCRIPTION = FALLOUT.name, FALLOUT.columns, FALLOUT.description
