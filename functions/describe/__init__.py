"""States "Describe failure" and "Describe run failure": the words of a mail."""
