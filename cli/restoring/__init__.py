"""`lakeferry restore --check`: a ledger beside the lake and the catalog, once one of them was brought back."""
