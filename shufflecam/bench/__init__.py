"""How fast each part is, and the whole against the naive way and its peers."""
