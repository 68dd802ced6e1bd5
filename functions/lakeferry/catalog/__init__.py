"""The Data Catalog's tables that do not depend on what feeds deliver, and how a table is written there."""
