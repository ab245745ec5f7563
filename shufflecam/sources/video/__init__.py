"""Video files and standard input: opening, reading, sound."""
