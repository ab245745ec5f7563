"""Videos and pictures written to files."""
