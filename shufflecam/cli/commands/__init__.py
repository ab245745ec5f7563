"""One module per command: its options, a single call into a job, and the closing messages."""
