"""State "Plan crawl": whether the crawler has to run before the Glue job."""
