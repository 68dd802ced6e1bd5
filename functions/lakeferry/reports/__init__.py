"""A report of a run: facts gathered from ledger, execution history and SLA table, written as HTML.

`gather` reads, `facts`, `feed` and `failures` are what is known, `view` says what a page shows of it, `render` writes
HTML, `writing` puts the pages into the lake. Everything but `gather` and `writing` is pure. What others wrote (names,
values, causes) goes through `shown`, and every template escapes.
"""
