"""What the Lambda functions, the Glue job, the laptop runner and the CLI share."""
