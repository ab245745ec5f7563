"""From decoded pixels to an upright 8-bit picture."""
