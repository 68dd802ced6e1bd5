"""What boto3 leaves to do: tables, secrets, calls side by side."""
