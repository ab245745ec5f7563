"""Video files and standard input: opening containers, decoding, audio."""
