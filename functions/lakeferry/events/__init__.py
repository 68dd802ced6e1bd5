"""What Lakeferry tells others: a card each detail type, its JSON Schema, and how it is told."""
