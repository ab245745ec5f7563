"""How a network is run: arrays in, arrays out."""
