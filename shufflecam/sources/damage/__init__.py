"""What a file should have given and did not."""
