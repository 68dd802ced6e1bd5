"""State "Validate file": inbox bytes, decoded and checked, into parts of an upload nobody sees yet."""
