"""Cameras, streams and replays: the newest frame, reconnecting."""
