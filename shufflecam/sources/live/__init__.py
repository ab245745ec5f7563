"""Live sources (cameras, network streams, replays): always the newest frame, with reconnection."""
