"""State "Reconcile run": the run's balance, and the mail that tells of it."""
