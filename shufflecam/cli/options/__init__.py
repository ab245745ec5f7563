"""Options shared by commands, and the parsing of their values."""
