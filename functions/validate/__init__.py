"""Lambda function."""
