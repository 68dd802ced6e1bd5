"""A tenant leaves: what a stack has of it, and how that is erased."""
