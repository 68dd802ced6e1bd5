"""`lakeferry`, the command line: of a deployed stack, and of a lake in a folder."""
