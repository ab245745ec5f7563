"""The live picture, its keys and its figures in a terminal."""
